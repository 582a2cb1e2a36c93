//! Checks what a shard publishes against its promises (ARCHITECTURE.md, invariants 1, 8 and 10).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use arancini_core::{Batch, BatchKind};
use arancini_rib::CurationMode;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::json::write_message;
use arancini_schema::subject::Subject;
use arancini_schema::update_capnp::{WithdrawReason, update};
use arancini_wire::bgp::nlri::{OpaqueBuffer, split_opaque};
use arancini_wire::iana::AfiSafi;

/// The key of a route: the bytes of its peer, table and prefix.
type RouteKey = Vec<u8>;

/// A change of a table.
struct Change {
    router: IpAddr,
    sequence: u64,
    route: RouteKey,
    /// `None` is a withdraw.
    fingerprint: Option<u64>,
}

/// Reads batches as they come, and follows all changes at the end.
#[derive(Default)]
pub(crate) struct Stream {
    last_number: u64,
    subjects: HashMap<String, u64>,
    /// The highest sequence of each router, and the sequence of its last barrier.
    routers: HashMap<IpAddr, (u64, u64)>,
    changes: Vec<Change>,
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
                self.changes.push(change(batch.router, update));
            }
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

    /// Follows all changes in order. With curation each one changes something. Returns the number of routes that are left.
    pub fn replay(&mut self, curation: CurationMode) -> usize {
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_by_key(|change| (change.router, change.sequence));
        let mut table = HashMap::new();
        let mut sequences = HashSet::new();
        for Change {
            router,
            sequence,
            route,
            fingerprint,
        } in changes
        {
            assert!(sequences.insert((router, sequence)), "a sequence twice");
            let before = match fingerprint {
                Some(fingerprint) => table.insert(route, fingerprint),
                None => table.remove(&route),
            };
            match curation {
                CurationMode::Off => {}
                CurationMode::Attributes if fingerprint.is_some() => {
                    assert_ne!(before, fingerprint, "announced twice alike");
                }
                CurationMode::Presence if fingerprint.is_some() => {
                    assert_eq!(before, None, "announced twice");
                }
                _ => assert!(before.is_some(), "withdrawn but not there"),
            }
        }
        table.len()
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

fn change(router: IpAddr, update: update::Reader<'_>) -> Change {
    let view = update.get_rib_view().expect("read above") as u8;
    let reason = update.get_withdraw_reason().expect("read above");
    assert_eq!(update.get_announced(), reason == WithdrawReason::None);
    let raw = update.get_raw_nlri().expect("read above");
    let family = AfiSafi::new(update.get_afi(), update.get_safi());
    let mut buffer = OpaqueBuffer::new();
    let key = split_opaque(family, raw, &mut buffer).key;
    let route = [
        update.get_router_addr().expect("read above"),
        update.get_peer_addr().expect("read above"),
        &update.get_peer_bgp_id().to_be_bytes(),
        &update.get_peer_distinguisher().to_be_bytes(),
        &update.get_afi().to_be_bytes(),
        &[
            update.get_safi(),
            update.get_peer_type(),
            view,
            update.get_prefix_len(),
        ],
        &[
            u8::from(update.get_has_path_id()),
            u8::from(update.get_has_route_distinguisher()),
        ],
        &update.get_path_id().to_be_bytes(),
        &update.get_route_distinguisher().to_be_bytes(),
        update.get_prefix_addr().expect("read above"),
        key,
    ]
    .concat();
    Change {
        router,
        sequence: update.get_sequence(),
        route,
        fingerprint: update.get_announced().then(|| update.get_attribute_fingerprint()),
    }
}
