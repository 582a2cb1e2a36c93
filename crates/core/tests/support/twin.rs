//! Shards that get the same calls: one takes common messages on the short way, another takes all on the general way, and a third
//! one retains attributes. Each call has to have the same effects on all.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use arancini_core::counters::Counter;
use arancini_core::notice::Notices;
use arancini_core::{
    Batch, Counters, KeptAttributes, Now, RepeatRefusal, RepeatedPart, ResyncWay, Router, SessionError,
    SessionId, Settings, Shard,
};
use arancini_rib::DOUBT;

/// A shard, and its twins.
pub struct Twin {
    shard: Shard,
    /// Empty once they can't have the same state any more.
    others: Vec<Other>,
}

struct Other {
    name: &'static str,
    shard: Shard,
    counters: Arc<Counters>,
}

impl Other {
    fn new(name: &'static str, settings: Settings) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            name,
            shard: Shard::new(1, settings, Arc::clone(&counters)),
            counters,
        }
    }
}

impl Twin {
    pub fn new(settings: Settings, counters: &Arc<Counters>) -> Self {
        let general = Settings {
            short_way: false,
            ..settings.clone()
        };
        // So few octets that the bound is reached in some tests.
        let retaining = Settings {
            attributes: KeptAttributes::Retain { most_bytes: 16 << 10 },
            ..settings.clone()
        };
        Self {
            shard: Shard::new(1, settings, Arc::clone(counters)),
            others: vec![
                Other::new("the general way", general),
                Other::new("the short way, retaining", retaining),
            ],
        }
    }

    /// Makes the call on all, and compares what it returns.
    fn both<R: PartialEq + std::fmt::Debug>(&mut self, mut call: impl FnMut(&mut Shard) -> R) -> R {
        let result = call(&mut self.shard);
        for Other { name, shard, .. } in &mut self.others {
            assert_eq!(result, call(shard), "the short way, {name}");
        }
        result
    }

    /// From now on there is only the shard on the short way. Its allocations and its time can be measured.
    pub fn alone(&mut self) {
        self.others.clear();
    }

    /// Compares the counters and the tables of all.
    pub fn compare_counters(&mut self, counters: &Counters) {
        counters.short_way.set(0);
        // Shards that retain attributes have different room for them.
        let kept = of_sets(counters).map(Counter::get);
        of_sets(counters).into_iter().for_each(|counter| counter.set(0));
        let expected = format!("{counters:?}");
        for (counter, value) in of_sets(counters).into_iter().zip(kept) {
            counter.set(value);
        }
        // Larger tables would take long.
        let routes = self.shard.routers().map(Router::routes).sum::<usize>();
        let tables = (routes <= MOST_COMPARED).then(|| tables(&self.shard));
        for other in &mut self.others {
            let name = other.name;
            of_sets(&other.counters)
                .into_iter()
                .for_each(|counter| counter.set(0));
            other.counters.short_way.set(0);
            if other.shard.attribute_sets().is_some() {
                // A router whose routes were forgotten may go at once: their memory is no longer in its tables.
                other.counters.routers.set(counters.routers.get());
            }
            assert_eq!(expected, format!("{:?}", other.counters), "the short way, {name}");
            if let Some(tables) = &tables {
                assert!(*tables == self::tables(&other.shard), "the tables of {name}");
                check_sets(&other.shard, tables);
            }
        }
    }

    pub fn handle_connect(&mut self, router: IpAddr, port: u16, now: Now) -> SessionId {
        self.both(|shard| shard.handle_connect(router, port, now))
    }

    pub fn handle_identified(&mut self, session: SessionId, sys_name: &str) {
        self.both(|shard| shard.handle_identified(session, sys_name));
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

    /// Asks the shard alone: it has to have no twins.
    pub fn handle_repeat(
        &mut self,
        router: IpAddr,
        part: &RepeatedPart,
        now: Now,
    ) -> Result<usize, RepeatRefusal> {
        assert!(self.others.is_empty(), "twins do not retain attributes");
        self.shard.handle_repeat(router, part, now)
    }

    pub fn handle_sweep(&mut self, budget: u64, now: Now) -> bool {
        let more = self.shard.handle_sweep(budget, now);
        for Other { name, shard, .. } in &mut self.others {
            // Forgotten routes leave their sets in slices that nobody else has to hear of.
            while shard.handle_sweep(budget, now) && !more {
                assert!(shard.attribute_sets().is_some(), "the short way, {name}");
            }
        }
        more
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

    pub fn handle_unread_past(&mut self) {
        self.both(Shard::handle_unread_past);
    }

    pub fn handle_loss(&mut self, router: IpAddr, now: Now) -> Option<ResyncWay> {
        // Only those that retain attributes can publish them again.
        self.alone();
        self.shard.handle_loss(router, now)
    }

    pub fn handle_need_resync(&mut self, router: IpAddr) -> bool {
        self.both(|shard| shard.handle_need_resync(router))
    }

    pub fn poll_batch(&mut self) -> Option<Batch> {
        let batch = self.shard.poll_batch();
        if self.others.is_empty() {
            return batch;
        }
        let described = batch.as_ref().map(described);
        for Other { name, shard, .. } in &mut self.others {
            let other = shard.poll_batch();
            assert_eq!(
                described,
                other.as_ref().map(self::described),
                "the short way, {name}"
            );
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

/// The counters of attribute sets.
fn of_sets(counters: &Counters) -> [&Counter; 4] {
    [
        &counters.attribute_sets,
        &counters.attribute_bytes,
        &counters.routes_without_attributes,
        &counters.attributes_without_room,
    ]
}

/// Most routes of tables that are compared one by one.
const MOST_COMPARED: usize = 2000;

/// The routes of a shard with their fingerprints, in no order.
type Tables = BTreeSet<(String, u64)>;

fn tables(shard: &Shard) -> Tables {
    let mut tables = Tables::new();
    for router in shard.routers() {
        for table in router.peers.iter().flat_map(|peer| &peer.tables) {
            table.for_each(shard.attribute_sets(), |key, fingerprint| {
                tables.insert((format!("{} {:?} {key:?}", router.id, table.key), fingerprint));
            });
        }
    }
    tables
}

/// Checks that there is a set for each fingerprint, and no other, once forgotten routes have left their sets.
fn check_sets(shard: &Shard, tables: &Tables) {
    let Some(sets) = shard.attribute_sets() else {
        return;
    };
    if !shard.needs_sweep() {
        let fingerprints: BTreeSet<u64> = tables.iter().map(|(_, fingerprint)| *fingerprint).collect();
        let expected = fingerprints
            .iter()
            .filter(|fingerprint| **fingerprint != DOUBT)
            .count();
        assert_eq!(sets.figures().sets, expected as u64, "sets without routes");
    }
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
        Self {
            shard,
            others: Vec::new(),
        }
    }
}
