//! A consumer that replays the stream and keeps the tables.

use std::collections::BTreeMap;
use std::net::IpAddr;

use arancini_rib::CurationMode;

use super::stream::{Attributes, Event, RouteKey, Table, Update};

pub type Tables = BTreeMap<Table, BTreeMap<RouteKey, Attributes>>;

pub struct Consumer {
    pub tables: Tables,
    pub announces: u64,
    pub withdraws: u64,
    mode: CurationMode,
    /// Some batches are thrown away before they reach the consumer.
    pub lossy: bool,
    /// Last sequence of each router.
    sequences: BTreeMap<IpAddr, u64>,
}

impl Consumer {
    pub const fn of(mode: CurationMode) -> Self {
        Self {
            tables: BTreeMap::new(),
            announces: 0,
            withdraws: 0,
            mode,
            lossy: false,
            sequences: BTreeMap::new(),
        }
    }

    /// Takes the next event, in the order of the routers' sequence numbers.
    pub fn take(&mut self, event: &Event) {
        let last = self.sequences.entry(event.router()).or_default();
        assert!(event.sequence() > *last, "a sequence twice: {event:?}");
        *last = event.sequence();
        if let Event::Update(update) = event {
            self.update(update);
        }
    }

    /// Takes an update. With curation, only routes that are there are withdrawn, and every announce changes something.
    fn update(&mut self, update: &Update) {
        let table = self.tables.entry(update.table).or_default();
        let curated = self.mode != CurationMode::Off && !self.lossy;
        match &update.announced {
            Some(attributes) => {
                self.announces += 1;
                let before = table.insert(update.route.clone(), attributes.clone());
                if let Some(before) = before.filter(|_| curated) {
                    assert_ne!(
                        before.fingerprint, attributes.fingerprint,
                        "announced twice alike: {update:?}"
                    );
                }
            }
            None => {
                self.withdraws += 1;
                let before = table.remove(&update.route);
                assert!(
                    before.is_some() || !curated,
                    "withdrawn but not there: {update:?}"
                );
            }
        }
        if table.is_empty() {
            self.tables.remove(&update.table);
        }
    }

    pub fn routes(&self) -> usize {
        self.tables.values().map(BTreeMap::len).sum()
    }
}
