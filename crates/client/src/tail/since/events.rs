//! Events of segment files that decide what updates mean, put back between the updates.

use std::collections::BTreeMap;

use arancini_schema::MessageKind;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::update_capnp::{PeerEventKind, RouterEventKind};

use super::published::Published;

/// Resync events and Peer Ups, which lie in other series than the updates between which they belong. There are few of them.
#[derive(Default)]
pub(super) struct Events {
    /// By router's address, as the schema writes it, and by sequence.
    waiting: BTreeMap<Vec<u8>, BTreeMap<u64, WaitingEvent>>,
}

struct WaitingEvent {
    kind: MessageKind,
    record: Vec<u8>,
}

impl Events {
    /// Keeps the events that decide what updates mean among some events of routers or peers.
    pub(super) fn collect(&mut self, kind: MessageKind, payload: &[u8]) {
        for message in Messages::new(payload).map_while(Result::ok) {
            // No event has the highest number: `finish` hands out everything below it.
            let decisive = decisive(kind, &message).filter(|(_, sequence)| *sequence < u64::MAX);
            let Some((router, sequence)) = decisive else {
                continue;
            };
            let event = WaitingEvent {
                kind,
                record: message.bytes().to_vec(),
            };
            self.waiting.entry(router).or_default().insert(sequence, event);
        }
    }

    /// Hands out updates, and each event before the first update of its router that has a higher sequence.
    pub(super) fn merge(&mut self, published: Published<'_>, take: &mut impl FnMut(Published<'_>)) {
        if self.waiting.is_empty() {
            return take(published);
        }
        for message in Messages::new(published.payload) {
            // The taker reports what cannot be read.
            let Ok(message) = message else {
                return take(published);
            };
            if let Ok(update) = message.update() {
                let router = update.get_router_addr().unwrap_or_default();
                self.hand_out(router, update.get_sequence(), take);
            }
            take(Published {
                payload: message.bytes(),
                ..published
            });
        }
    }

    /// Hands out all events that are left.
    pub(super) fn finish(mut self, take: &mut impl FnMut(Published<'_>)) {
        while let Some(router) = self.waiting.keys().next().cloned() {
            self.hand_out(&router, u64::MAX, take);
        }
    }

    /// Hands out a router's events that have a lower sequence.
    fn hand_out(&mut self, router: &[u8], sequence: u64, take: &mut impl FnMut(Published<'_>)) {
        let Some(waiting) = self.waiting.get_mut(router) else {
            return;
        };
        while let Some(first) = waiting.first_entry().filter(|first| *first.key() < sequence) {
            let event = first.remove();
            take(Published {
                kind: event.kind,
                payload: &event.record,
                collector: None,
                sequence: None,
                id: None,
            });
        }
        if waiting.is_empty() {
            self.waiting.remove(router);
        }
    }
}

/// Returns router and sequence of an event that decides what later updates mean; `None` for every other event.
fn decisive(kind: MessageKind, message: &Message<'_>) -> Option<(Vec<u8>, u64)> {
    if kind == MessageKind::Peers {
        let event = message.peer_event().ok()?;
        let is_up = event.get_kind() == Ok(PeerEventKind::Up);
        return is_up.then(|| {
            let router = event.get_router_addr().unwrap_or_default();
            (router.to_vec(), event.get_sequence())
        });
    }
    let event = message.router_event().ok()?;
    let is_resync = matches!(
        event.get_kind(),
        Ok(RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd)
    );
    is_resync.then(|| {
        let router = event.get_router_addr().unwrap_or_default();
        (router.to_vec(), event.get_sequence())
    })
}
