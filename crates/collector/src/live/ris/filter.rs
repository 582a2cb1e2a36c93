//! One subscription of a client: the conditions that a message has to fulfil.

use std::net::IpAddr;

use super::path_pattern::PathPattern;
use super::route::{PeerChange, Route};
use super::views::Views;
use crate::config::IpPrefix;
use crate::message_filter::Action;

/// The types of RIS messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// Announces and withdraws.
    Update,
    /// Peers that come up and go down.
    PeerState,
    /// OPEN, NOTIFICATION or KEEPALIVE, which the collector does not send.
    NeverSent,
}

/// The conditions of a subscription. A condition that is `None` lets every message pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only messages of this router.
    pub host: Option<IpAddr>,
    /// Only messages of this type.
    pub message_type: Option<MessageType>,
    /// Only updates that do this.
    pub require: Option<Action>,
    /// Only messages of the peer with this address.
    pub peer: Option<IpAddr>,
    /// Only announces with such an AS path.
    pub path: Option<PathPattern>,
    /// Only updates of these prefixes. Updates of any prefix pass if there is none.
    pub prefixes: Vec<IpPrefix>,
    /// Whether updates within `prefixes` pass too.
    pub more_specific: bool,
    /// Whether updates of prefixes that contain one of `prefixes` pass too.
    pub less_specific: bool,
    /// Only messages about these RIB views.
    pub views: Views,
}

impl Filter {
    /// Returns whether a route fulfils all conditions but those on its prefix, which the index has checked.
    pub(super) fn passes_route(&self, route: &Route<'_>) -> bool {
        self.message_type
            .is_none_or(|wanted| wanted == MessageType::Update)
            && self.views.contain(route.view, route.is_chosen)
            && self.require.is_none_or(|wanted| wanted == route.action())
            && self.host.is_none_or(|wanted| wanted == route.router)
            && self.peer.is_none_or(|wanted| wanted == route.peer)
            && self
                .path
                .as_ref()
                .is_none_or(|wanted| route.action() == Action::Announce && wanted.matches(route.path()))
    }

    /// Returns whether the state of a peer fulfils all conditions.
    pub(super) fn passes_peer(&self, change: &PeerChange) -> bool {
        self.message_type
            .is_none_or(|wanted| wanted == MessageType::PeerState)
            && self.views.contain_peer(change.view)
            && self.require.is_none()
            && self.path.is_none()
            && self.prefixes.is_empty()
            && self.host.is_none_or(|wanted| wanted == change.router)
            && self.peer.is_none_or(|wanted| wanted == change.peer)
    }
}
