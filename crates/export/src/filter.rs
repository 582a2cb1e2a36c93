//! Which messages are exported.

use std::net::{IpAddr, Ipv6Addr};

use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use arancini_schema::update_capnp::RibView;

/// Chooses messages. Without any restriction, all updates pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only updates of this router.
    pub router: Option<IpAddr>,
    /// Only updates of this view.
    pub view: Option<RibView>,
    /// Only messages that the collector received at this time or later, in Unix nanoseconds.
    pub since_unix_ns: u64,
}

impl Filter {
    /// Returns whether a message passes. A message that cannot be read passes, so that its writer tells the problem.
    #[must_use]
    pub fn passes(&self, kind: MessageKind, message: &Message<'_>) -> bool {
        if kind != MessageKind::Updates {
            // The writers decide about events, which tell what updates mean.
            return true;
        }
        let Ok(update) = message.update() else { return true };
        if update.get_time_received_ns() < self.since_unix_ns {
            return false;
        }
        if let Some(view) = self.view
            && update.get_rib_view() != Ok(view)
        {
            return false;
        }
        let Some(router) = self.router else { return true };
        let Ok(octets) = update.get_router_addr() else {
            return true;
        };
        <[u8; 16]>::try_from(octets).is_ok_and(|octets| Ipv6Addr::from(octets).to_canonical() == router)
    }
}
