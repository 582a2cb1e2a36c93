//! What all routers of a worker share while their messages are taken.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_rib::{AttributeSets, CurationMode, SetFigures};
use arancini_schema::encode::UpdateEncoder;
use arancini_schema::fingerprint;

use crate::batcher::Batcher;
use crate::counters::Counters;
use crate::doomed::DoomedTables;
use crate::lane::Prefixes;
use crate::notice::{NoticeKind, Notices};
use crate::session::SessionError;
use crate::settings::{KeptAttributes, Settings};

/// Cost of a slice of memory that is freed, counted as this many routes.
const RELEASE_WORK: u64 = 100;

/// The shared state of a worker's routers. It stands beside the routers, so that one router can be borrowed together with it.
pub(crate) struct Shared {
    pub settings: Settings,
    pub counters: Arc<Counters>,
    /// Open and closed batches.
    pub batcher: Batcher,
    /// Holds the layout of the message that is being encoded.
    pub encoder: UpdateEncoder,
    /// Memory for making fingerprints.
    pub scratch: fingerprint::Scratch,
    /// Memory for the routes of a message on the short way.
    pub prefixes: Box<Prefixes>,
    /// The message before prefetched for the first route of this one ([`crate::lane`]).
    pub looked_ahead: bool,
    /// Why the session at hand has to end, if a message ended it.
    pub ended: Option<SessionError>,
    pub notices: Notices,
    /// The attribute sets of all routes, if tables name them. Boxed, so that it can be taken out for the time of a call.
    pub sets: Option<Box<AttributeSets>>,
    /// Memory for the canonical form of attributes that become a set.
    pub canonical: fingerprint::Scratch,
    /// Routers whose tables are being published again.
    pub repeats: VecDeque<IpAddr>,
    /// Tables with doomed routes.
    pub doomed: DoomedTables,
    /// A router or table began to wait for time to pass: it has to be checked later.
    pub life_check_wanted: bool,
    /// Work done since the shell handed bytes over, counted in routes.
    pub work: u64,
    /// Most work of a turn: a quarter of the setting may go beyond it, so that an ordinary UPDATE is taken in one piece.
    most_work: u64,
}

impl Shared {
    pub fn new(worker: u16, settings: Settings, counters: Arc<Counters>) -> Self {
        let batcher = Batcher::new(worker, settings.batch);
        let sets = match (settings.attributes, settings.curation) {
            (KeptAttributes::Retain { most_bytes }, CurationMode::Attributes) => {
                Some(Box::new(AttributeSets::new(most_bytes)))
            }
            _ => None,
        };
        Self {
            most_work: settings.turn_work.saturating_add(settings.turn_work / 4),
            settings,
            counters,
            batcher,
            encoder: UpdateEncoder::new(),
            scratch: fingerprint::Scratch::new(),
            prefixes: Prefixes::new(),
            looked_ahead: false,
            ended: None,
            notices: Notices::default(),
            sets,
            canonical: fingerprint::Scratch::empty(),
            repeats: VecDeque::new(),
            doomed: DoomedTables::default(),
            life_check_wanted: false,
            work: 0,
        }
    }

    /// Updates the counters of attribute sets, and notes when the first set finds no room. `router`: the router that the shard
    /// hears of at present.
    pub fn count_sets(&mut self, router: IpAddr) {
        let before = self.counters.attributes_without_room.get();
        self.update_set_counters();
        if before == 0 && self.counters.attributes_without_room.get() > 0 {
            self.notices.push(router, None, NoticeKind::NoRoomForAttributes);
        }
    }

    /// Counts off the routes that have left their sets, and updates the counters of attribute sets.
    pub fn update_set_counters(&mut self) {
        let Some(sets) = &mut self.sets else { return };
        sets.settle();
        let SetFigures {
            sets,
            octet_bytes,
            unknown_routes,
            without_room,
            ..
        } = sets.figures();
        let counters = &self.counters;
        counters.attribute_sets.set(sets);
        counters.attribute_bytes.set(octet_bytes);
        counters.routes_without_attributes.set(unknown_routes);
        counters.attributes_without_room.set(without_room);
    }

    /// Whether [`Self::release_sets`] has something to do.
    pub fn needs_release(&self) -> bool {
        self.sets.as_ref().is_some_and(|sets| sets.needs_free())
    }

    /// Frees memory of a store without sets, with about this work.
    pub fn release_sets(&mut self, budget: u64) {
        let Some(sets) = &mut self.sets else { return };
        let mut done = 0;
        sets.settle();
        while done < budget && sets.needs_free() {
            sets.free_slice();
            done += RELEASE_WORK;
        }
        self.update_set_counters();
    }

    /// Whether this turn may take another message: there is work left, and room for closed batches.
    #[inline]
    pub const fn has_work_left(&self) -> bool {
        self.work < self.settings.turn_work && !self.batcher.is_full()
    }

    /// Notes that the session at hand is over. The turn is used up, so that no message behind this one is taken.
    pub fn end_session(&mut self, reason: SessionError) {
        self.ended = Some(reason);
        let _ = self.use_up();
    }

    /// How much more work this turn may take.
    #[inline]
    pub const fn room(&self) -> u64 {
        self.most_work.saturating_sub(self.work)
    }

    /// Whether this turn may take so much more work.
    #[inline]
    pub const fn has_room_for(&self, work: u64) -> bool {
        work <= self.room()
    }

    /// Takes all work that is left of this turn.
    pub const fn use_up(&mut self) -> u64 {
        let left = self.room();
        self.work = self.most_work;
        left
    }
}
