//! Conditions on published messages: `arancini tail`, the history and the live stream choose messages by the same ones.

use std::net::IpAddr;

use arancini_core::ask::PeerSelector;
use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use arancini_schema::table_key::{address_of, identity_of, view_of};
use arancini_schema::update_capnp::{peer_identity, update};
use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;

use crate::config::IpPrefix;

/// Conditions on a message. A condition that is `None` lets every message pass. A condition on routes lets only updates pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only messages of this router.
    pub router: Option<IpAddr>,
    /// Only messages of such a peer.
    pub peer: Option<PeerSelector>,
    /// Only updates of this RIB view.
    pub view: Option<RibView>,
    /// Only updates of this family.
    pub family: Option<AfiSafi>,
    /// Only updates of this kind.
    pub action: Option<Action>,
    /// Only updates of a prefix that agrees with this one.
    pub prefix: Option<PrefixCondition>,
    /// Only announces whose AS path ends with this AS.
    pub origin_as: Option<u32>,
    /// Only messages received at this time or later, in Unix nanoseconds; 0 lets every message pass.
    pub since_ns: u64,
}

/// What an update does to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The route is announced.
    Announce,
    /// The route is withdrawn.
    Withdraw,
}

/// How the prefix of an update has to agree with a given one. Several conditions may be combined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixCondition {
    /// It is this prefix.
    pub exact: Option<IpPrefix>,
    /// It contains this prefix, or is equal.
    pub covering: Option<IpPrefix>,
    /// It lies within this prefix, or is equal.
    pub covered: Option<IpPrefix>,
}

impl MessageFilter {
    /// Returns whether a message passes. A message that can't be read does not pass.
    #[must_use]
    pub fn passes(&self, kind: MessageKind, message: &Message<'_>) -> bool {
        macro_rules! event {
            ($event:expr) => {
                $event.is_ok_and(|event| {
                    let peer = event.has_peer().then(|| event.get_peer().ok()).flatten();
                    event.get_time_received_ns() >= self.since_ns
                        && self.passes_router(event.get_router_addr())
                        && self.passes_peer(peer)
                })
            };
        }
        match kind {
            MessageKind::Updates => message.update().is_ok_and(|update| self.passes_update(&update)),
            _ if self.is_about_routes() => false,
            MessageKind::Peers => event!(message.peer_event()),
            MessageKind::Routers => event!(message.router_event()),
            MessageKind::Statistics => event!(message.statistics_event()),
            MessageKind::Malformed => event!(message.malformed_message()),
        }
    }

    /// Returns whether messages of this router can pass.
    #[must_use]
    pub fn selects_router(&self, router: IpAddr) -> bool {
        self.router.is_none_or(|wanted| wanted == router.to_canonical())
    }

    /// Returns whether there is a condition that only updates can fulfil.
    #[must_use]
    pub const fn is_about_routes(&self) -> bool {
        self.view.is_some()
            || self.family.is_some()
            || self.action.is_some()
            || self.prefix.is_some()
            || self.origin_as.is_some()
    }

    fn passes_update(&self, update: &update::Reader<'_>) -> bool {
        // The conditions that most updates fail come first.
        update.get_time_received_ns() >= self.since_ns
            && self.prefix.is_none_or(|wanted| wanted.passes(update))
            && self
                .action
                .is_none_or(|wanted| update.get_announced() == (wanted == Action::Announce))
            && self
                .family
                .is_none_or(|wanted| wanted == AfiSafi::new(update.get_afi(), update.get_safi()))
            && self
                .view
                .is_none_or(|wanted| view_of(update.get_rib_view()) == Ok(wanted))
            && self.passes_router(update.get_router_addr())
            && self
                .peer
                .is_none_or(|wanted| peer_of(update).is_some_and(|peer| wanted.selects(&peer)))
            && self
                .origin_as
                .is_none_or(|wanted| origin_of(update) == Some(wanted))
    }

    fn passes_router<E>(&self, field: Result<&[u8], E>) -> bool {
        self.router
            .is_none_or(|wanted| address_of(field).is_ok_and(|it| IpAddr::from(it).to_canonical() == wanted))
    }

    fn passes_peer(&self, peer: Option<peer_identity::Reader<'_>>) -> bool {
        self.peer.is_none_or(|wanted| {
            let identity = peer.and_then(|peer| identity_of(peer).ok());
            identity.is_some_and(|identity| wanted.selects(&identity))
        })
    }
}

impl PrefixCondition {
    fn passes(&self, update: &update::Reader<'_>) -> bool {
        let Some(route) = prefix_of(update) else {
            return false;
        };
        self.exact.is_none_or(|wanted| route == wanted)
            && self.covering.is_none_or(|inner| route.covers(&inner))
            && self.covered.is_none_or(|outer| outer.covers(&route))
    }
}

/// The prefix of an update, if its family has prefixes.
fn prefix_of(update: &update::Reader<'_>) -> Option<IpPrefix> {
    if update.has_raw_nlri() && !update.get_raw_nlri().ok()?.is_empty() {
        return None;
    }
    let octets = address_of(update.get_prefix_addr()).ok()?;
    let address = match (update.get_afi(), octets) {
        (1, [.., a, b, c, d]) => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from(octets),
    };
    IpPrefix::new(address, update.get_prefix_len())
}

fn peer_of(update: &update::Reader<'_>) -> Option<PeerIdentity> {
    Some(PeerIdentity {
        peer_type: update.get_peer_type(),
        distinguisher: update.get_peer_distinguisher().to_be_bytes(),
        address: address_of(update.get_peer_addr()).ok()?,
        bgp_id: update.get_peer_bgp_id(),
    })
}

fn origin_of(update: &update::Reader<'_>) -> Option<u32> {
    let path = update.get_as_path().ok()?;
    path.len().checked_sub(1).map(|last| path.get(last))
}
