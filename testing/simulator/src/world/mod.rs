//! One run: routers, network, worker, bridge, publisher, broker and clock, all driven by one seed.
//!
//! A run is a list of steps. Each step draws from a sequence of its own, so that leaving others out does not change
//! what it does: that is what makes a failing run shrink. After the last step everything is healed and waited for, and
//! the stream is held against the routers' tables.

mod settle;
mod lives;
mod worker;

use arancini_core::Now;
use arancini_generate::Random;

use crate::broker::Broker;
use crate::collector::{Collector, Setup};
use crate::disk::Disk;
use crate::fault::Fault;
use crate::network::Connections;
use crate::plan::Plan;
use crate::router::{PEERS, Router, TableId};
use crate::routes::{Kind, Number};
use crate::violation::Violation;
use lives::Lives;

pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;
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
    /// Snapshots that counted.
    pub snapshots: u64,
    /// Crashes of the collector.
    pub crashes: u64,
    /// Stops that lost nothing.
    pub stops: u64,
    /// Starts from a snapshot, with messages of the stream behind it.
    pub restored: u64,
    /// Starts with a stream that had lost messages.
    pub gaps: u64,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.updates += other.updates;
        self.messages += other.messages;
        self.resent += other.resent;
        self.doubles += other.doubles;
        self.refusals += other.refusals;
        self.routes += other.routes;
        self.snapshots += other.snapshots;
        self.crashes += other.crashes;
        self.stops += other.stops;
        self.restored += other.restored;
        self.gaps += other.gaps;
    }
}

/// The world of one run: what a crash of the collector takes away is in [`Collector`], all else stays.
pub(crate) struct World {
    now: Now,
    random: Random,
    setup: Setup,
    fault: Option<Fault>,
    /// The stream is one that checks the fence.
    fenced: bool,
    routers: Vec<Router>,
    network: Connections,
    collector: Collector,
    broker: Broker,
    disk: Disk,
    lives: Lives,
    /// Routes that the worker withdraws at once.
    sweep_budget: u64,
    trace: bool,
}

impl World {
    /// The world of this seed, before its first step.
    pub fn new(plan: &Plan) -> Self {
        let seed = plan.seed;
        let mut random = Random::of(&[seed, 0]);
        let setup = Setup::draw(&mut random, plan.fault);
        let latency_ns = pick(&mut random, &[200_000, 2 * MILLISECOND, 40 * MILLISECOND]);
        let odd = random.percent(30);
        let fenced = random.percent(50);
        Self {
            now: Now {
                monotonic_ns: START_NS,
                unix_ns: EPOCH_NS,
            },
            collector: Collector::new(1, &setup, 0),
            fault: plan.fault,
            fenced,
            routers: vec![Router::new(1, odd), Router::new(2, false)],
            network: Connections::default(),
            broker: Broker::new(
                latency_ns,
                plan.fault != Some(Fault::MessageId),
                fenced && plan.fault != Some(Fault::Fencing),
            ),
            disk: Disk::default(),
            lives: Lives::default(),
            sweep_budget: pick(&mut random, &[1, 7, 1024]),
            setup,
            random,
            trace: plan.trace,
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// A promise was broken on the way.
    pub fn step(&mut self, seed: u64, step: u32) -> Result<(), Violation> {
        // A sequence of its own, so that what the routers do is the same with crashes and without.
        self.random = Random::of(&[seed, 3, u64::from(step)]);
        self.live_or_die()?;
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
                if self.collector.runs && self.collector.backlog.is_empty() {
                    self.collector.shard.handle_sweep(budget, self.now);
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
        if !self.collector.runs {
            return;
        }
        let with_end = with_end && self.fault != Some(Fault::StaleSweep);
        let dump = self.routers[index].dump(with_end);
        self.network.connect(index, &dump);
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
            let due = if self.collector.runs {
                let Collector {
                    shard,
                    publisher,
                    backlog,
                    bridge,
                    ..
                } = &self.collector;
                let sweeps = backlog.is_empty() && shard.needs_sweep();
                let takes = !bridge.is_empty() && publisher.has_room();
                [
                    (sweeps || takes).then_some(self.now.monotonic_ns),
                    shard.poll_timeout(),
                    publisher.due_ns(),
                    self.broker.due_ns(),
                ]
            } else {
                [self.broker.due_ns(), None, None, None]
            };
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

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.trace {
            let at_ms = (self.now.monotonic_ns - START_NS) / MILLISECOND;
            eprintln!("{at_ms:>9} ms  {}", what());
        }
    }
}

/// Which table of a peer, and a few neighbours in it.
fn draw_routes(random: &mut Random, peer: usize) -> (TableId, Vec<Number>) {
    let kind = Kind::ALL[random.below(Kind::ALL.len() as u32) as usize];
    let post = random.percent(30);
    let start = random.below(20) as u8;
    let count = 1 + random.below(7) as u8;
    (TableId { peer, post, kind }, (start..start + count).collect())
}

pub(crate) fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u32) as usize]
}

fn within(what: &'static str, held: usize, limit: usize) -> Result<(), Violation> {
    if held > limit {
        return Err(Violation::Unbounded { what, held, limit });
    }
    Ok(())
}
