//! What all routers of a worker share while their messages are taken.

use std::sync::Arc;

use arancini_schema::encode::UpdateEncoder;
use arancini_schema::fingerprint;

use crate::batcher::Batcher;
use crate::counters::Counters;
use crate::doomed::DoomedTables;
use crate::lane::Prefixes;
use crate::notice::Notices;
use crate::settings::Settings;

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
    pub notices: Notices,
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
        Self {
            most_work: settings.turn_work.saturating_add(settings.turn_work / 4),
            settings,
            counters,
            batcher,
            encoder: UpdateEncoder::new(),
            scratch: fingerprint::Scratch::new(),
            prefixes: Prefixes::new(),
            looked_ahead: false,
            notices: Notices::default(),
            doomed: DoomedTables::default(),
            life_check_wanted: false,
            work: 0,
        }
    }

    /// Whether this turn may take another message: there is work left, and room for closed batches.
    #[inline]
    pub const fn has_work_left(&self) -> bool {
        self.work < self.settings.turn_work && !self.batcher.is_full()
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
