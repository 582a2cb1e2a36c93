//! One run: routers, network, worker, bridge, publisher, broker and clock, all driven by one seed.
//!
//! A run is a list of steps. Each step draws from a sequence of its own, so that leaving others out does not change
//! what it does: that is what makes a failing run shrink. After the last step everything is healed and waited for, and
//! the stream is held against the routers' tables.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arancini_core::window::Limits;
use arancini_core::{
    Batch, BatchKind, BatchSettings, Counters, NoticeKind, Now, RouterLife, Settings, Shard,
};
use arancini_generate::Random;

use crate::broker::Broker;
use crate::consumer::Consumer;
use crate::fault::Fault;
use crate::network::Connections;
use crate::publisher::Publisher;
use crate::router::{PEERS, Router, TableId};
use crate::routes::{Kind, Number};
use crate::violation::Violation;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
/// Where the wall clock starts: 2026-01-01T00:00:00Z.
const EPOCH_NS: u64 = 1_767_225_600 * SECOND;
/// Where the other clock starts.
const START_NS: u64 = 17 * SECOND;
/// Half minutes in which what is left has to reach the broker once all is well.
const DRAIN_ROUNDS: u32 = 20;
/// No update or event of these runs is larger.
const LARGEST_MESSAGE: usize = 4096;

/// What a run came to, beside its verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Updates in the stream.
    pub updates: u64,
    /// Messages in the stream.
    pub messages: u64,
    /// Messages that were sent again after a disconnect.
    pub resent: u64,
    /// Doubles that the broker dropped.
    pub doubles: u64,
    /// Messages that the broker refused.
    pub refusals: u64,
    /// Routes that consumers held in the end.
    pub routes: u64,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.updates += other.updates;
        self.messages += other.messages;
        self.resent += other.resent;
        self.doubles += other.doubles;
        self.refusals += other.refusals;
        self.routes += other.routes;
    }
}

/// The world of one run.
pub(crate) struct World {
    now: Now,
    random: Random,
    shard: Shard,
    settings: Settings,
    fault: Option<Fault>,
    routers: Vec<Router>,
    network: Connections,
    /// Batches that found the bridge full; as long as there are any, nothing is received.
    backlog: VecDeque<Batch>,
    bridge: VecDeque<Batch>,
    bridge_batches: usize,
    publisher: Publisher,
    broker: Broker,
    /// Routes that the worker withdraws at once.
    sweep_budget: u64,
    last_number: u64,
    trace: bool,
}

impl World {
    /// The world of this seed, before its first step.
    pub fn new(seed: u64, fault: Option<Fault>, trace: bool) -> Self {
        let mut random = Random::of(&[seed, 0]);
        let settings = settings(&mut random, fault);
        let limits = Limits {
            max_bytes: pick(&mut random, &[2_000, 10_000, 1 << 20]),
            max_messages: pick(&mut random, &[2, 5, 64]),
            ack_timeout_ns: 5 * SECOND,
        };
        let socket_messages = pick(&mut random, &[1, 3, 16]);
        let latency_ns = pick(&mut random, &[200_000, 2 * MILLISECOND, 40 * MILLISECOND]);
        let odd = random.percent(30);
        Self {
            now: Now {
                monotonic_ns: START_NS,
                unix_ns: EPOCH_NS,
            },
            shard: Shard::new(1, settings.clone(), Arc::new(Counters::default())),
            fault,
            routers: vec![Router::new(1, odd), Router::new(2, false)],
            network: Connections::default(),
            backlog: VecDeque::new(),
            bridge: VecDeque::new(),
            bridge_batches: pick(&mut random, &[1, 4, 32]),
            publisher: Publisher::new(limits, socket_messages, fault),
            broker: Broker::new(latency_ns, fault != Some(Fault::MessageId)),
            sweep_budget: pick(&mut random, &[1, 7, 1024]),
            last_number: 0,
            settings,
            random,
            trace,
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// A promise was broken on the way.
    pub fn step(&mut self, seed: u64, step: u32) -> Result<(), Violation> {
        self.random = Random::of(&[seed, 1, u64::from(step)]);
        let router = self.random.below(self.routers.len() as u32) as usize;
        match self.random.below(100) {
            0..34 => self.live(router),
            34..40 => self.connection(router),
            40..62 => self.deliver(router)?,
            62..78 => self.wait()?,
            78..82 => self.jump(),
            82..86 => {
                let budget = u64::from(1 + self.random.below(40));
                if self.backlog.is_empty() {
                    self.shard.sweep(budget, self.now);
                }
            }
            _ => self.trouble(),
        }
        self.turn()
    }

    /// A router announces, withdraws, gains or loses a peer, or says something else.
    fn live(&mut self, index: usize) {
        let Self {
            random,
            routers,
            network,
            ..
        } = self;
        let router = &mut routers[index];
        let peer = random.below(PEERS as u32) as usize;
        let what = random.below(100);
        let bytes = match what {
            0..45 => {
                let (table, numbers) = draw_routes(random, peer);
                router.announce(table, &numbers, random.below(4) as u8, false)
            }
            45..65 => {
                let (table, numbers) = draw_routes(random, peer);
                router.withdraw(table, &numbers)
            }
            65..70 => {
                let (table, numbers) = draw_routes(random, peer);
                router.announce(table, &numbers, random.below(4) as u8, true)
            }
            70..77 => router.peer_down(peer),
            77..84 => router.peer_up(peer),
            84..89 => router.peer_reset(peer, random.percent(60)),
            89..92 => [router.peer_down(peer), router.peer_up(peer)].concat(),
            92..96 => router.statistics(peer),
            96..98 => router.unreadable(peer),
            // Not BMP at all: the collector has to end the session.
            _ => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        };
        network.say(index, &bytes);
        self.tell(|| format!("router {index}: {what} peer {peer}, {} bytes", bytes.len()));
    }

    /// A session begins, ends, or is replaced.
    fn connection(&mut self, index: usize) {
        let connected = self.network.is_connected(index);
        let with_end = self.random.percent(60);
        let what = if !connected || self.random.percent(25) {
            "connects"
        } else {
            "is cut off"
        };
        self.tell(|| format!("router {index} {what}"));
        if what == "connects" {
            self.connect(index, with_end);
        } else {
            self.network.cut(index);
        }
    }

    fn connect(&mut self, index: usize, with_end: bool) {
        let with_end = with_end && self.fault != Some(Fault::StaleSweep);
        let dump = self.routers[index].dump(with_end);
        self.network.connect(index, &dump);
    }

    /// The worker reads some of what a router sent.
    fn deliver(&mut self, index: usize) -> Result<(), Violation> {
        let bytes = match self.random.below(4) {
            0 => self.random.below(60) as usize,
            1 => self.random.below(1500) as usize,
            _ => usize::MAX,
        };
        self.receive(index, bytes)
    }

    fn receive(&mut self, index: usize, mut bytes: usize) -> Result<(), Violation> {
        let address = self.routers[index].address;
        while self.backlog.is_empty() && bytes > 0 {
            let segment = 1 + self.random.below(1400) as usize;
            let taken = self
                .network
                .receive(index, address, segment.min(bytes), &mut self.shard, self.now);
            if taken == 0 {
                break;
            }
            bytes -= taken.min(bytes);
            self.hand_over()?;
        }
        Ok(())
    }

    /// Closed batches go to the bridge, or wait for room on it.
    fn hand_over(&mut self) -> Result<(), Violation> {
        let most = self.settings.batch.max_bytes + LARGEST_MESSAGE;
        while let Some(batch) = self.shard.pop_batch() {
            self.last_number += 1;
            if batch.number != self.last_number {
                return Err(Violation::OutOfOrder {
                    subject: batch.subject.to_string(),
                    sequence: batch.number,
                    after: self.last_number,
                });
            }
            within("a batch", batch.payload.len(), most)?;
            let messages = self.settings.batch.max_messages as usize;
            within("messages of a batch", batch.messages as usize, messages)?;
            self.push(batch);
        }
        let open = self.settings.batch.max_open_bytes + LARGEST_MESSAGE;
        within("open batches", self.shard.open_batch_bytes(), open)?;
        while self.bridge.len() < self.bridge_batches
            && let Some(batch) = self.backlog.pop_front()
        {
            self.bridge.push_back(batch);
        }
        Ok(())
    }

    fn push(&mut self, batch: Batch) {
        let is_event = matches!(batch.kind, BatchKind::Peers | BatchKind::Routers);
        let overtakes = |before: &Batch| before.kind == BatchKind::Updates && before.router == batch.router;
        if self.fault == Some(Fault::EventBarrier) && is_event && self.backlog.back().is_some_and(overtakes) {
            let last = self.backlog.len() - 1;
            self.backlog.insert(last, batch);
        } else {
            self.backlog.push_back(batch);
        }
    }

    /// Time goes by, and everybody is woken when they have something to do.
    fn wait(&mut self) -> Result<(), Violation> {
        let ns = match self.random.below(10) {
            0..4 => u64::from(self.random.below(20)) * MILLISECOND,
            4..8 => u64::from(self.random.below(3_000)) * MILLISECOND,
            8 => u64::from(self.random.below(15)) * SECOND,
            _ => u64::from(self.random.below(200)) * SECOND,
        };
        self.tell(|| format!("{} ms go by", ns / MILLISECOND));
        self.advance(ns)
    }

    fn advance(&mut self, ns: u64) -> Result<(), Violation> {
        let until = self.now.monotonic_ns + ns;
        loop {
            self.turn()?;
            let sweeps = self.backlog.is_empty() && self.shard.needs_sweep();
            let takes = !self.bridge.is_empty() && self.publisher.has_room();
            let due = [
                (sweeps || takes).then_some(self.now.monotonic_ns),
                self.shard.deadline_ns(),
                self.publisher.due_ns(),
                self.broker.due_ns(),
            ];
            let next = due.into_iter().flatten().min().unwrap_or(until);
            if self.now.monotonic_ns >= until {
                return Ok(());
            }
            let next = next.min(until).max(self.now.monotonic_ns + MILLISECOND);
            self.turn_clock(next);
        }
    }

    /// The process stood still: time has gone by and nobody was woken. Or the wall clock was set.
    fn jump(&mut self) {
        let ns = u64::from(self.random.below(90)) * SECOND;
        match self.random.below(4) {
            0 => self.now.unix_ns += 1000 * ns,
            1 => self.now.unix_ns = self.now.unix_ns.saturating_sub(10 * ns),
            _ => self.turn_clock(self.now.monotonic_ns + ns),
        }
        self.tell(|| "the clock jumped".to_owned());
    }

    fn turn_clock(&mut self, monotonic_ns: u64) {
        self.now.unix_ns += monotonic_ns - self.now.monotonic_ns;
        self.now.monotonic_ns = monotonic_ns;
    }

    /// Something happens to the broker.
    fn trouble(&mut self) {
        let Self {
            random, broker, now, ..
        } = self;
        let now_ns = now.monotonic_ns;
        let what = random.below(12);
        match what {
            0..3 => broker.disconnect(now_ns, random),
            3..5 => {
                let back_ns = u64::from(random.below(8_000)) * MILLISECOND;
                let max_payload = pick(random, &[700, 2_000, 1 << 20]);
                broker.kill(now_ns, back_ns, max_payload, random);
            }
            5 => {
                let back_ns = u64::from(random.below(300)) * SECOND;
                broker.kill(now_ns, back_ns, 1 << 20, random);
            }
            6..8 => broker.freeze(now_ns + u64::from(random.below(20_000)) * MILLISECOND),
            8 => {
                // Most runs keep the broker from refusing: then the stream's own order is judged as well.
                if random.percent(30) {
                    broker.refuse(1 + random.below(6));
                }
            }
            9 => broker.lose_answers(),
            _ => {
                let latency_ns = pick(random, &[200_000, 3 * MILLISECOND, 90 * MILLISECOND, 2 * SECOND]);
                broker.set_latency(latency_ns);
            }
        }
        self.tell(|| format!("broker trouble {what}"));
    }

    /// Everybody who has something to do does it.
    fn turn(&mut self) -> Result<(), Violation> {
        let Self {
            broker,
            publisher,
            bridge,
            random,
            now,
            ..
        } = self;
        broker.work(now.monotonic_ns, random);
        publisher.turn(bridge, broker, now.monotonic_ns, random);
        if let Some((held, limit)) = publisher.excess {
            return within("window", held, limit);
        }
        self.keep_deadlines()?;
        if self
            .shard
            .deadline_ns()
            .is_some_and(|at| at <= self.now.monotonic_ns)
        {
            return Err(Violation::Restless);
        }
        self.hand_over()?;
        if self.backlog.is_empty() && self.shard.needs_sweep() {
            self.shard.sweep(self.sweep_budget, self.now);
            self.hand_over()?;
        }
        self.shard.take_forgotten();
        while self.shard.notices().pop().is_some() {}
        Ok(())
    }

    /// While nothing is received nobody can know that a router has nothing more to say.
    fn keep_deadlines(&mut self) -> Result<(), Violation> {
        while self.shard.notices().pop().is_some() {}
        let heard = self.backlog.is_empty();
        if !heard && self.fault != Some(Fault::QuietPeriod) {
            self.shard.not_listening(self.now);
        }
        let before = self.shard.needs_sweep();
        self.shard.handle_timeout(self.now);
        let mut expired = false;
        while let Some(notice) = self.shard.notices().pop() {
            expired |= notice.what == NoticeKind::HoldExpired;
        }
        if !heard && !expired && !before && self.shard.needs_sweep() {
            return Err(Violation::GivenUpUnheard);
        }
        Ok(())
    }

    /// All is healed, read and waited for.
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn settle(mut self, seed: u64) -> Result<Report, Violation> {
        self.random = Random::of(&[seed, 2]);
        self.broker.heal();
        self.sweep_budget = u64::MAX;
        for index in 0..self.routers.len() {
            // Some that were lost come back, some never.
            let with_end = self.random.percent(50);
            if !self.network.is_connected(index) && self.random.percent(50) {
                self.connect(index, with_end);
            }
        }
        // A router that learns late that it was thrown out comes back as well.
        for _ in 0..4 {
            for index in 0..self.routers.len() {
                while self.network.has_unread(index) {
                    self.receive(index, usize::MAX)?;
                    self.advance(50 * MILLISECOND)?;
                }
            }
        }
        let most = self.settings.session_hold_ns.min(100 * SECOND)
            + 3 * self.settings.quiet_period_ns.min(20 * SECOND);
        self.advance(most + 30 * SECOND)?;
        // Through a window of two messages a long run drains slowly.
        for _ in 0..DRAIN_ROUNDS {
            if self.backlog.is_empty() && self.bridge.is_empty() && self.publisher.held() == 0 {
                break;
            }
            self.advance(30 * SECOND)?;
        }
        self.tell(|| "settled".to_owned());
        self.judge()
    }

    fn judge(&self) -> Result<Report, Violation> {
        for (what, count) in [
            ("batches in the backlog", self.backlog.len()),
            ("batches on the bridge", self.bridge.len()),
            ("messages in the window", self.publisher.held()),
            ("messages on their way to the broker", self.broker.in_flight()),
            ("bytes in open batches", self.shard.open_batch_bytes()),
            ("tables to sweep", usize::from(self.shard.needs_sweep())),
        ] {
            if count > 0 {
                return Err(Violation::LeftOver { what, count });
            }
        }
        // Unless the publisher told that it could not keep the order, or nobody could know.
        let unknowable = self.broker.refusals_unheard + self.broker.stored_late > 0;
        let ordered = self.broker.refusals == 0 || self.publisher.overtaken == 0 && !unknowable;
        let consumer = Consumer::replay(&self.broker.stream, ordered)?;
        self.judge_tables(&consumer)?;
        self.judge_core(&consumer)?;
        Ok(Report {
            updates: consumer.updates,
            messages: self.broker.stream.len() as u64,
            resent: self.publisher.resent,
            doubles: self.broker.doubles,
            refusals: self.broker.refusals,
            routes: consumer.routes.len() as u64,
        })
    }

    /// What consumers hold is what the routers hold.
    fn judge_tables(&self, consumer: &Consumer) -> Result<(), Violation> {
        let connected = (0..self.routers.len()).filter(|&index| self.network.is_connected(index));
        let mut expected = BTreeMap::new();
        for index in connected {
            expected.extend(self.routers[index].expected());
        }
        for (key, value) in &expected {
            if consumer.routes.get(key).is_none_or(|held| held.value != *value) {
                return Err(Violation::Missing(Box::new(key.clone())));
            }
        }
        match consumer.routes.keys().find(|key| !expected.contains_key(key)) {
            Some(ghost) => Err(Violation::Ghost(Box::new(ghost.clone()))),
            None => Ok(()),
        }
    }

    /// What the core keeps is what consumers hold, and routers that are gone are forgotten.
    fn judge_core(&self, consumer: &Consumer) -> Result<(), Violation> {
        let mut core: Vec<u64> = Vec::new();
        let mut gone = 0;
        for router in self.shard.routers() {
            gone += usize::from(router.life != RouterLife::Up);
            for table in router.peers.iter().flat_map(|peer| &peer.tables) {
                table.for_each(|_, fingerprint| core.push(fingerprint));
            }
        }
        if gone > 0 {
            return Err(Violation::LeftOver {
                what: "routers that went",
                count: gone,
            });
        }
        let mut consumers: Vec<u64> = consumer.routes.values().map(|held| held.fingerprint).collect();
        core.sort_unstable();
        consumers.sort_unstable();
        if core != consumers {
            return Err(Violation::Disagreement {
                core: core.len(),
                consumers: consumers.len(),
            });
        }
        Ok(())
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.trace {
            let at_ms = (self.now.monotonic_ns - START_NS) / MILLISECOND;
            eprintln!("{at_ms:>9} ms  {}", what());
        }
    }
}

fn settings(random: &mut Random, fault: Option<Fault>) -> Settings {
    let mut settings = Settings {
        session_hold_ns: u64::from(10 + random.below(30)) * SECOND,
        quiet_period_ns: u64::from(1 + random.below(8)) * SECOND,
        max_message_bytes: 8192,
        batch: BatchSettings {
            max_messages: pick(random, &[1, 3, 1000]),
            max_bytes: pick(random, &[600, 4_000, 48 * 1024]),
            linger_ns: pick(random, &[MILLISECOND, 5 * MILLISECOND, 400 * MILLISECOND]),
            max_open_bytes: pick(random, &[1_500, 1 << 20]),
        },
        ..Settings::default()
    };
    if fault == Some(Fault::StaleSweep) {
        settings.session_hold_ns = u64::MAX / 4;
        settings.quiet_period_ns = u64::MAX / 4;
    }
    if fault == Some(Fault::Curation) {
        settings.curation = arancini_rib::CurationMode::Off;
    }
    settings
}

/// Which table of a peer, and a few neighbours in it.
fn draw_routes(random: &mut Random, peer: usize) -> (TableId, Vec<Number>) {
    let kind = Kind::ALL[random.below(Kind::ALL.len() as u32) as usize];
    let post = random.percent(30);
    let start = random.below(20) as u8;
    let count = 1 + random.below(7) as u8;
    (TableId { peer, post, kind }, (start..start + count).collect())
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u32) as usize]
}

fn within(what: &'static str, held: usize, limit: usize) -> Result<(), Violation> {
    if held > limit {
        return Err(Violation::Unbounded { what, held, limit });
    }
    Ok(())
}
