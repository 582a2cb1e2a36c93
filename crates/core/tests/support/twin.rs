//! Two shards that get the same calls: one takes common messages on the short way, the other takes all on the general way. Each
//! call has to have the same effects on both.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use arancini_core::notice::Notices;
use arancini_core::{Batch, Counters, Now, Router, SessionError, SessionId, Settings, Shard};

/// A shard, and its twin on the general way.
pub struct Twin {
    shard: Shard,
    /// `None` once the two can't have the same state any more.
    general: Option<Box<(Shard, Arc<Counters>)>>,
}

impl Twin {
    pub fn new(settings: Settings, counters: &Arc<Counters>) -> Self {
        let general = Settings {
            short_way: false,
            ..settings.clone()
        };
        let general_counters = Arc::new(Counters::default());
        Self {
            shard: Shard::new(1, settings, Arc::clone(counters)),
            general: Some(Box::new((
                Shard::new(1, general, Arc::clone(&general_counters)),
                general_counters,
            ))),
        }
    }

    /// Makes the call on both, and compares what it returns.
    fn both<R: PartialEq + std::fmt::Debug>(&mut self, mut call: impl FnMut(&mut Shard) -> R) -> R {
        let result = call(&mut self.shard);
        if let Some(general) = &mut self.general {
            assert_eq!(result, call(&mut general.0), "the short way, the general way");
        }
        result
    }

    /// From now on there is only the shard on the short way. Its allocations and its time can be measured.
    pub fn alone(&mut self) {
        self.general = None;
    }

    /// Compares the counters of both.
    pub fn compare_counters(&self, counters: &Counters) {
        let Some(general) = &self.general else {
            return;
        };
        counters.short_way.set(0);
        let [short, general] = [counters, &general.1].map(|counters| format!("{counters:?}"));
        assert_eq!(short, general, "the short way, the general way");
    }

    pub fn handle_connect(&mut self, router: IpAddr, port: u16, now: Now) -> SessionId {
        self.both(|shard| shard.handle_connect(router, port, now))
    }

    pub fn handle_all_bytes(
        &mut self,
        session: SessionId,
        bytes: &[u8],
        now: Now,
    ) -> Result<(), SessionError> {
        self.both(|shard| shard.handle_all_bytes(session, bytes, now))
    }

    pub fn handle_bytes(
        &mut self,
        session: SessionId,
        bytes: &[u8],
        now: Now,
    ) -> Result<usize, SessionError> {
        self.both(|shard| shard.handle_bytes(session, bytes, now))
    }

    pub fn handle_disconnect(&mut self, session: SessionId, reason: &str, now: Now) {
        self.both(|shard| shard.handle_disconnect(session, reason, now));
    }

    pub fn handle_receive_paused(&mut self, now: Now) {
        self.both(|shard| shard.handle_receive_paused(now));
    }

    pub fn handle_timeout(&mut self, now: Now) {
        self.both(|shard| shard.handle_timeout(now));
    }

    pub fn handle_sweep(&mut self, budget: u64, now: Now) -> bool {
        self.both(|shard| shard.handle_sweep(budget, now))
    }

    pub fn handle_flush(&mut self, now: Now) {
        self.both(|shard| shard.handle_flush(now));
    }

    pub fn handle_seal(&mut self) -> u64 {
        self.both(Shard::handle_seal)
    }

    pub fn handle_recycled(&mut self, buffer: Vec<u8>) {
        self.shard.handle_recycled(buffer);
    }

    pub fn handle_dropped(&mut self, batch: &Batch) -> bool {
        self.both(|shard| shard.handle_dropped(batch))
    }

    pub fn handle_adopt(&mut self, router: Router, reason: &str, now: Now) {
        // A router can't be given to both.
        self.alone();
        self.shard.handle_adopt(router, reason, now);
    }

    pub fn handle_sequence_floor(&mut self, sequence: u64) {
        self.both(|shard| shard.handle_sequence_floor(sequence));
    }

    pub fn handle_resync_strangers(&mut self) {
        self.both(Shard::handle_resync_strangers);
    }

    pub fn handle_forget_routes(&mut self, router: IpAddr, now: Now) -> bool {
        self.both(|shard| shard.handle_forget_routes(router, now))
    }

    pub fn poll_batch(&mut self) -> Option<Batch> {
        let batch = self.shard.poll_batch();
        if let Some(general) = &mut self.general {
            let other = general.0.poll_batch();
            let [one, other] = [&batch, &other].map(|batch| batch.as_ref().map(described));
            assert_eq!(one, other, "the short way, the general way");
        }
        batch
    }

    pub fn poll_notices(&mut self) -> &mut Notices {
        self.shard.poll_notices()
    }

    pub fn poll_forgotten(&mut self) -> Vec<IpAddr> {
        self.both(Shard::poll_forgotten)
    }
}

/// Everything that a batch has.
fn described(batch: &Batch) -> (String, Vec<u8>) {
    let Batch {
        kind,
        subject,
        router,
        payload,
        messages,
        first_sequence,
        last_sequence,
        worker,
        number,
    } = batch;
    let head =
        format!("{kind:?} {subject} {router} {messages} {first_sequence} {last_sequence} {worker} {number}");
    (head, payload.clone())
}

impl Deref for Twin {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl From<Shard> for Twin {
    /// A shard that has been set up by itself.
    fn from(shard: Shard) -> Self {
        Self { shard, general: None }
    }
}
