//! The world of a run and its steps: what routers, network, clock and broker do.

use arancini_core::{KeptAttributes, Now};
use arancini_generate::{Random, termination};

use super::ledger::Lives;
use crate::broker::Broker;
use crate::chance::{MILLISECOND, SECOND, pick};
use crate::collector::{Collector, Setup};
use crate::disk::Disk;
use crate::fault::Fault;
use crate::network::Connections;
use crate::oddity::Oddities;
use crate::plan::Plan;
use crate::router::{LOC_RIB, Router, TableId};
use crate::routes::{Form, Kind, Number};
use crate::violation::Violation;

/// Where the wall clock starts: 2026-01-01T00:00:00Z.
const EPOCH_NS: u64 = 1_767_225_600 * SECOND;
/// Where the monotonic clock starts.
const START_NS: u64 = 17 * SECOND;
/// Largest update or event of these runs, in bytes.
pub(super) const LARGEST_MESSAGE: usize = 4096;

/// The world of one run. A crash takes away the [`Collector`]; everything else stays.
pub(crate) struct World {
    pub(super) now: Now,
    pub(super) random: Random,
    pub(super) setup: Setup,
    pub(super) fault: Option<Fault>,
    /// Whether the stream checks the fence.
    pub(super) fenced: bool,
    pub(super) routers: Vec<Router>,
    /// The peers and families that change in this run. In half of the runs there are few, so that much happens to the same
    /// routes.
    peers: Vec<usize>,
    kinds: Vec<Kind>,
    pub(super) network: Connections,
    pub(super) collector: Collector,
    pub(super) broker: Broker,
    pub(super) disk: Disk,
    pub(super) lives: Lives,
    /// Whether updates are dropped where the bridge is full.
    pub(super) drops: bool,
    /// Whether the broker may forget acknowledged messages.
    pub(super) forgets: bool,
    /// The first life of the collector that has its present name.
    pub(super) named_since: u32,
    /// Number of dumps that were watched.
    pub(super) slow_dumps: u64,
    /// Number of routes that the worker withdraws in one slice.
    pub(super) sweep_budget: u64,
    /// Whether resyncs are requested.
    pub(super) resyncs: bool,
    /// A resync of which nothing is published may be under way ([`Fault::RequestedResync`], [`Fault::LossResync`]).
    pub(super) is_resyncing: bool,
    pub(super) trace: bool,
}

/// Room for the octets of some sets only, so that runs reach the bound.
const RETAIN: KeptAttributes = KeptAttributes::Retain { most_bytes: 2048 };

/// Room for the octets of all sets.
const RETAIN_ALL: KeptAttributes = KeptAttributes::Retain { most_bytes: 1 << 24 };

impl World {
    /// The world of this seed, before its first step.
    pub fn new(plan: &Plan) -> Self {
        let seed = plan.seed;
        let mut random = Random::of(&[seed, 0]);
        let mut setup = Setup::draw(&mut random, plan.fault);
        if plan.retain {
            setup.settings.attributes = RETAIN;
        }
        if plan.resyncs || plan.losses {
            setup.settings.attributes = RETAIN_ALL;
        }
        let latency_ns = pick(&mut random, &[200_000, 2 * MILLISECOND, 40 * MILLISECOND]);
        let routers = [1, 2].map(|number| Router::new(number, Oddities::draw(&mut random)));
        let fenced = random.percent(50);
        let few = random.percent(50);
        Self {
            now: Now {
                monotonic_ns: START_NS,
                unix_ns: EPOCH_NS,
            },
            collector: Collector::new(1, &setup, 0),
            fault: plan.fault,
            fenced,
            routers: routers.into(),
            peers: draw_some(&mut random, &[0, 1, 2, 3, LOC_RIB], few),
            kinds: draw_some(&mut random, &Kind::ALL, few),
            network: Connections::default(),
            broker: Broker::new(
                latency_ns,
                plan.fault != Some(Fault::MessageId),
                fenced && plan.fault != Some(Fault::Fencing),
            ),
            disk: Disk::default(),
            lives: Lives::default(),
            drops: setup.drops,
            forgets: random.percent(30) || plan.losses,
            named_since: 1,
            slow_dumps: 0,
            sweep_budget: pick(&mut random, &[1, 7, 1024]),
            resyncs: plan.resyncs,
            is_resyncing: false,
            setup,
            random,
            trace: plan.trace,
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// A violation that shows during the step.
    pub fn step(&mut self, seed: u64, step: u32) -> Result<(), Violation> {
        // Lives draw from a sequence of their own, so the routers do the same with and without crashes.
        self.random = Random::of(&[seed, 3, u64::from(step)]);
        self.live_or_die()?;
        if self.resyncs {
            self.random = Random::of(&[seed, 4, u64::from(step)]);
            self.request_resync();
        }
        self.random = Random::of(&[seed, 1, u64::from(step)]);
        let router = self.random.below(self.routers.len() as u32) as usize;
        match self.random.below(100) {
            0..33 => self.live(router),
            33 => self.dump_slowly(router)?,
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

    /// Lets a router announce, withdraw, gain or lose a peer, or send something else.
    fn live(&mut self, index: usize) {
        let Self {
            random,
            routers,
            network,
            peers,
            kinds,
            ..
        } = self;
        let router = &mut routers[index];
        let peer = pick(random, peers);
        let what = random.below(100);
        let bytes = match what {
            0..45 => {
                let (table, numbers) = draw_routes(random, peer, kinds);
                let form = pick(random, &[Form::Plain, Form::Plain, Form::AlsoWithdrawn]);
                router.announce(table, &numbers, random.below(4) as u8, form)
            }
            45..65 => {
                let (table, numbers) = draw_routes(random, peer, kinds);
                router.withdraw(table, &numbers)
            }
            65..70 => {
                let (table, numbers) = draw_routes(random, peer, kinds);
                router.announce(table, &numbers, random.below(4) as u8, Form::Damaged)
            }
            70..77 => router.peer_down(peer),
            77..84 => router.peer_up(peer),
            84..87 => router.peer_reset(peer, random.percent(60)),
            87..89 => {
                let peer = pick(random, &[peer, LOC_RIB]);
                router.peer_up_again(peer, random.percent(60))
            }
            89..92 => [router.peer_down(peer), router.peer_up(peer)].concat(),
            92..96 => router.statistics(peer),
            96..98 => router.unreadable(peer),
            // The collector must end the session, and take nothing that the router says behind it.
            98 => termination(0),
            // These bytes are not BMP, so the collector must end the session.
            _ => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        };
        network.say(index, &bytes);
        self.tell(|| format!("router {index}: {what} peer {peer}, {} bytes", bytes.len()));
    }

    /// Begins, ends or replaces a session.
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

    pub(super) fn connect(&mut self, index: usize, with_end: bool) {
        if !self.collector.runs {
            return;
        }
        let with_end = with_end && self.fault != Some(Fault::StaleSweep);
        let dump = self.routers[index].dump(with_end);
        self.network.connect(index, &dump);
    }

    /// Lets time go by. Each part is woken when it has something to do.
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

    pub(super) fn advance(&mut self, ns: u64) -> Result<(), Violation> {
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

    /// Lets time go by without waking anybody, as if the process had been stopped; or sets the wall clock.
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

    /// Troubles the broker.
    fn trouble(&mut self) {
        let highest = self.broker.highest_sequence();
        let Self {
            random, broker, now, ..
        } = self;
        let now_ns = now.monotonic_ns;
        let what = random.below(12);
        match what {
            0..3 => broker.disconnect(now_ns, random),
            3..6 => {
                let (back_ms, max_payload) = if what == 5 {
                    (1000 * random.below(300), 1 << 20)
                } else {
                    (random.below(8_000), pick(random, &[700, 2_000, 1 << 20]))
                };
                broker.kill(now_ns, u64::from(back_ms) * MILLISECOND, max_payload, random);
                let most = u64::from(1 + random.below(6));
                if self.forgets && random.percent(60) && broker.forget_tail(most) > 0 {
                    // Lost messages can't tell which sequences are used. Only the clock is left, so it must be right.
                    now.unix_ns = now.unix_ns.max(highest + 1);
                }
            }
            6..8 => broker.freeze(now_ns + u64::from(random.below(20_000)) * MILLISECOND),
            8 => {
                // In most runs the broker refuses nothing, so that the stream's own order is judged too.
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

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.trace {
            let at_ms = (self.now.monotonic_ns - START_NS) / MILLISECOND;
            eprintln!("{at_ms:>9} ms  {}", what());
        }
    }
}

/// All of these values, or two of them.
fn draw_some<T: Copy>(random: &mut Random, all: &[T], few: bool) -> Vec<T> {
    if few {
        vec![pick(random, all), pick(random, all)]
    } else {
        all.to_vec()
    }
}

/// Draws a table of a peer and a few neighbouring routes in it.
fn draw_routes(random: &mut Random, peer: usize, kinds: &[Kind]) -> (TableId, Vec<Number>) {
    let kind = pick(random, kinds);
    let post = random.percent(30);
    let start = random.below(20) as u8;
    let count = 1 + random.below(7) as u8;
    (TableId { peer, post, kind }, (start..start + count).collect())
}

pub(super) fn within(what: &'static str, held: usize, limit: usize) -> Result<(), Violation> {
    if held > limit {
        return Err(Violation::Unbounded { what, held, limit });
    }
    Ok(())
}
