//! Checks what a shard publishes against its promises (ARCHITECTURE.md, invariants 1, 8 and 10).
//!
//! The checks of each batch are here. The tables are rebuilt by the client's reference consumer
//! ([`arancini_client::tables`]), whose counters say which updates changed nothing.

use std::collections::HashMap;
use std::net::IpAddr;

use arancini_client::tables::Tables;
use arancini_core::{Batch, BatchKind};
use arancini_rib::CurationMode;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::json::write_message;
use arancini_schema::subject::Subject;
use arancini_schema::update_capnp::{RouterEventKind, WithdrawReason};

/// A published message, kept until the replay.
struct Published {
    router: IpAddr,
    sequence: u64,
    kind: BatchKind,
    bytes: Box<[u8]>,
}

/// Checks batches in the order of their publication, and replays all their messages at the end.
#[derive(Default)]
pub(crate) struct Stream {
    last_number: u64,
    subjects: HashMap<String, u64>,
    /// The highest sequence of each router, and the sequence of its last barrier.
    routers: HashMap<IpAddr, (u64, u64)>,
    messages: Vec<Published>,
    text: Vec<u8>,
}

impl Stream {
    /// Checks that a batch can be read, has the next number, and keeps the order.
    pub fn batch(&mut self, batch: &Batch, subject_base: &str) {
        assert_eq!(batch.number, self.last_number + 1);
        self.last_number = batch.number;
        assert!(batch.messages > 0 && batch.first_sequence <= batch.last_sequence);
        let subject = Subject::parse(subject_base, &batch.subject);
        assert!(subject.is_some(), "{}", batch.subject);

        let last = self.subjects.entry(batch.subject.to_string()).or_default();
        let mut messages = 0;
        for message in Messages::new(&batch.payload) {
            let message = message.expect("what was encoded reads back");
            messages += 1;
            self.text.clear();
            write_message(batch.kind, &message, &mut self.text).expect("every field reads back");
            let sequence = sequence(batch.kind, &message);
            assert!(sequence > *last, "sequences rise within {}", batch.subject);
            assert_eq!(messages == 1, sequence == batch.first_sequence);
            *last = sequence;
            if batch.kind == BatchKind::Updates {
                let update = message.update().expect("read above");
                let reason = update.get_withdraw_reason().expect("read above");
                assert_eq!(update.get_announced(), reason == WithdrawReason::None);
            }
            if batch.kind == BatchKind::Routers {
                // The tables allow announces without a change during a resync, so there must be none.
                let event = message.router_event().expect("read above");
                let kind = event.get_kind().expect("read above");
                let is_resync = matches!(kind, RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd);
                assert!(!is_resync, "no step of the target causes a resync");
            }
            self.messages.push(Published {
                router: batch.router,
                sequence,
                kind: batch.kind,
                bytes: message.bytes().into(),
            });
        }
        assert_eq!((messages, *last), (batch.messages, batch.last_sequence));

        let (highest, barrier) = self.routers.entry(batch.router).or_default();
        assert!(
            batch.first_sequence > *barrier,
            "{} after a later event",
            batch.subject
        );
        if matches!(batch.kind, BatchKind::Peers | BatchKind::Routers) {
            assert!(
                batch.first_sequence > *highest,
                "{} before what was before it",
                batch.subject
            );
            *barrier = batch.last_sequence;
        }
        *highest = batch.last_sequence.max(*highest);
    }

    /// Replays all messages in the order of the routers' sequence numbers. With curation, each update has to change the
    /// tables. Returns the number of routes that are left.
    pub fn replay(&mut self, curation: CurationMode) -> usize {
        let mut messages = std::mem::take(&mut self.messages);
        messages.sort_by_key(|message| (message.router, message.sequence));
        let is_same =
            |pair: &[Published]| (pair[0].router, pair[0].sequence) == (pair[1].router, pair[1].sequence);
        assert!(!messages.windows(2).any(is_same), "a sequence twice");
        let mut tables = Tables::<()>::default();
        for message in messages {
            // Only an announce raises the number of announces, and only one of a new route that of the routes.
            let routes = |tables: &Tables<()>| match curation {
                CurationMode::Presence if message.kind == BatchKind::Updates => tables.len() as u64,
                _ => 0,
            };
            let (announces_before, routes_before) = (tables.counts().announces, routes(&tables));
            let taken = tables.take(message.kind, &message.bytes);
            taken.expect("what was encoded reads back");
            let counts = tables.counts();
            assert_eq!(counts.late, 0, "messages are replayed in order");
            match curation {
                CurationMode::Off => continue,
                CurationMode::Attributes => assert_eq!(counts.unchanged, 0, "announced twice alike"),
                CurationMode::Presence if counts.announces > announces_before => {
                    assert_eq!(routes(&tables), routes_before + 1, "announced twice");
                }
                CurationMode::Presence => {}
            }
            assert_eq!(counts.unheld, 0, "withdrawn but not there");
        }
        tables.len()
    }
}

fn sequence(kind: BatchKind, message: &Message<'_>) -> u64 {
    let sequence = match kind {
        BatchKind::Updates => message.update().map(|update| update.get_sequence()),
        BatchKind::Peers => message.peer_event().map(|event| event.get_sequence()),
        BatchKind::Routers => message.router_event().map(|event| event.get_sequence()),
        BatchKind::Statistics => message.statistics_event().map(|event| event.get_sequence()),
        BatchKind::Malformed => message.malformed_message().map(|event| event.get_sequence()),
    };
    sequence.expect("its root is a struct")
}
