//! Resync events of segment files, put back between the updates.

use std::collections::{BTreeMap, VecDeque};

use arancini_schema::MessageKind;
use arancini_schema::decode::Messages;
use arancini_schema::update_capnp::RouterEventKind;

use super::published::Published;

/// Resync events, which lie in another series than the updates between which they belong. There are hardly ever any.
#[derive(Default)]
pub(super) struct Resyncs {
    /// By router's address, as the schema writes it: the events by rising sequence.
    waiting: BTreeMap<Vec<u8>, VecDeque<WaitingEvent>>,
}

struct WaitingEvent {
    sequence: u64,
    record: Vec<u8>,
}

impl Resyncs {
    /// Keeps the resync events among some router events.
    pub(super) fn collect(&mut self, payload: &[u8]) {
        for message in Messages::new(payload).map_while(Result::ok) {
            let Ok(event) = message.router_event() else {
                continue;
            };
            if let Ok(RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd) = event.get_kind() {
                let router = event.get_router_addr().unwrap_or_default().to_vec();
                self.waiting.entry(router).or_default().push_back(WaitingEvent {
                    sequence: event.get_sequence(),
                    record: message.bytes().to_vec(),
                });
            }
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
                self.hand_out(Some((router, update.get_sequence())), take);
            }
            take(Published {
                payload: message.bytes(),
                ..published
            });
        }
    }

    /// Hands out all events that are left.
    pub(super) fn finish(&mut self, take: &mut impl FnMut(Published<'_>)) {
        self.hand_out(None, take);
    }

    /// Hands out a router's events before a sequence, or all events.
    fn hand_out(&mut self, before: Option<(&[u8], u64)>, take: &mut impl FnMut(Published<'_>)) {
        for (router, waiting) in &mut self.waiting {
            let limit = match before {
                Some((of, _)) if of != &router[..] => continue,
                Some((_, sequence)) => sequence,
                None => u64::MAX,
            };
            while waiting.front().is_some_and(|event| event.sequence < limit)
                && let Some(event) = waiting.pop_front()
            {
                take(Published {
                    kind: MessageKind::Routers,
                    payload: &event.record,
                    collector: None,
                    sequence: None,
                });
            }
        }
    }
}
