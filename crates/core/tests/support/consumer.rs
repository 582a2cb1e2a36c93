//! The client's tables as the consumer of the published stream, and the promises that each update has to keep.
//!
//! The client's tables tell a peer's AS number, type and BGP identifier apart, and they know the key octets of every family
//! (`docs/schema.md`). The tests need both, so they cannot use the judge of `testing/judge`, whose tables are coarser.

use std::collections::BTreeMap;
use std::net::IpAddr;

use arancini_client::tables::{Record, Tables};
use arancini_core::BatchKind;
use arancini_rib::CurationMode;
use arancini_schema::decode::Messages;

use super::stream::{self, Attributes, Event, RouteKey, Table};

/// A published message: its content as a test reads it, and its bytes as the tables take them.
pub struct Published {
    pub event: Event,
    pub kind: BatchKind,
    pub bytes: Vec<u8>,
}

/// Whether the test causes resyncs. The tables allow announces without a change during a resync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resyncs {
    Expected,
    Unexpected,
}

pub struct Consumer {
    tables: Tables<Record>,
    mode: CurationMode,
    /// Some batches are thrown away before they reach the consumer.
    pub lossy: bool,
    pub resyncs: Resyncs,
    /// Last sequence of each router.
    sequences: BTreeMap<IpAddr, u64>,
}

impl Consumer {
    pub fn of(mode: CurationMode) -> Self {
        Self {
            tables: Tables::default(),
            mode,
            lossy: false,
            resyncs: Resyncs::Unexpected,
            sequences: BTreeMap::new(),
        }
    }

    /// Takes the next message, in the order of the routers' sequence numbers. With curation, only routes that the tables hold
    /// are withdrawn, and every announce changes something.
    pub fn take(&mut self, message: &Published) {
        let event = &message.event;
        let last = self.sequences.entry(event.router()).or_default();
        assert!(event.sequence() > *last, "a sequence twice: {event:?}");
        *last = event.sequence();
        assert!(
            self.resyncs == Resyncs::Expected || !event.is_resync(),
            "a resync that the test does not cause: {event:?}"
        );
        let swept = self.tables.counts().swept;
        self.tables.take(message.kind, &message.bytes).unwrap();
        let counts = self.tables.counts();
        if matches!(event, Event::Router(end) if end.all_withdrawn) {
            assert_eq!(
                counts.swept, swept,
                "all should be withdrawn, but something is left to sweep: {event:?}"
            );
        }
        assert_eq!(counts.late, 0, "an update came too late: {event:?}");
        assert_eq!(
            counts.resync_without_begin, 0,
            "a resync ends that has not begun: {event:?}"
        );
        if self.mode != CurationMode::Off && !self.lossy {
            assert_eq!(counts.unchanged, 0, "announced twice alike: {event:?}");
            assert_eq!(counts.unheld, 0, "withdrawn but not there: {event:?}");
        }
    }

    pub fn routes(&self) -> usize {
        self.tables.len()
    }

    /// Reads what the tables hold.
    pub fn held(&self) -> BTreeMap<(Table, RouteKey), Attributes> {
        let tables = self.tables.tables();
        let routes = tables.flat_map(|(_, table)| table.routes().map(|(_, route)| &route.held));
        let mut held = BTreeMap::new();
        for record in routes {
            let message = Messages::new(&record.0).next().unwrap().unwrap();
            let announce = stream::read(BatchKind::Updates, &message).into_update().unwrap();
            let before = held.insert((announce.table, announce.route), announce.announced.unwrap());
            assert_eq!(before, None, "a route is in the tables twice");
        }
        assert_eq!(held.len(), self.routes());
        held
    }
}
