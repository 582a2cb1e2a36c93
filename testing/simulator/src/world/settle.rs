//! The end of a run: all trouble ends, everything comes to rest, and the stream is compared with the routers' tables.

use std::collections::BTreeMap;

use arancini_generate::Random;
use arancini_judge::{Route, Rule, Rules, Sweeps};
use arancini_rib::CurationMode;

use super::state::World;
use crate::chance::{MILLISECOND, SECOND};
use crate::fault::Fault;
use crate::report::Report;
use crate::stream::{self, Consumers};
use crate::violation::Violation;

/// Half minutes within which everything reaches the broker after all trouble has ended.
const DRAIN_ROUNDS: u32 = 20;

impl World {
    /// Ends all trouble, waits until everything is at rest, and examines the outcome.
    ///
    /// # Errors
    /// The first violation.
    pub fn settle(mut self, seed: u64) -> Result<Report, Violation> {
        self.random = Random::of(&[seed, 2]);
        self.broker.heal();
        if !self.collector.runs {
            self.start(true)?;
        }
        self.sweep_budget = u64::MAX;
        for index in 0..self.routers.len() {
            // Some of the lost routers come back, some never do.
            let with_end = self.random.percent(50);
            if !self.network.is_connected(index) && self.random.percent(50) {
                self.connect(index, with_end);
            }
        }
        self.come_to_rest()?;
        if self.lives.dropped > 0 {
            self.repair()?;
        }
        self.tell(|| "settled".to_owned());
        if self.trace {
            stream::print(&self.broker.stream);
        }
        let report = self.examine()?;
        if self.random.percent(70) {
            return Ok(report);
        }
        self.say_all_again()?;
        let again = self.examine()?;
        if again.updates != report.updates {
            let updates = again.updates - report.updates;
            return Err(Violation::SaidAgain { updates });
        }
        Ok(again)
    }

    /// Lets every connected router dump again, with room for all of it. That repairs what was dropped.
    fn repair(&mut self) -> Result<(), Violation> {
        self.drops = false;
        for index in 0..self.routers.len() {
            if self.network.is_connected(index) {
                self.connect(index, true);
            }
        }
        self.come_to_rest()
    }

    /// Stops and starts the collector. Every connected router comes back with the routes that it had.
    fn say_all_again(&mut self) -> Result<(), Violation> {
        let connected: Vec<bool> = (0..self.routers.len())
            .map(|index| self.network.is_connected(index))
            .collect();
        self.drops = false;
        self.stop()?;
        self.start(false)?;
        for (index, connected) in connected.into_iter().enumerate() {
            let with_end = self.random.percent(50);
            if connected && !self.network.is_connected(index) {
                self.connect(index, with_end);
            }
        }
        self.come_to_rest()
    }

    /// Waits until everything sent is read, every deadline is over, and every batch is acknowledged.
    fn come_to_rest(&mut self) -> Result<(), Violation> {
        // A router may learn late that its session ended, and come back.
        for _ in 0..4 {
            for index in 0..self.routers.len() {
                while self.network.has_unread(index) {
                    self.receive(index, usize::MAX)?;
                    self.advance(50 * MILLISECOND)?;
                }
            }
        }
        let most = self.setup.settings.session_hold_ns.min(100 * SECOND)
            + 3 * self.setup.settings.quiet_period_ns.min(20 * SECOND);
        self.advance(most + 30 * SECOND)?;
        // A long run drains slowly through a window of two messages.
        for _ in 0..DRAIN_ROUNDS {
            if self.collector.is_drained() {
                break;
            }
            self.advance(30 * SECOND)?;
        }
        Ok(())
    }

    fn examine(&self) -> Result<Report, Violation> {
        for (what, count) in [
            ("batches in the backlog", self.collector.backlog.len()),
            ("batches on the bridge", self.collector.bridge.len()),
            ("messages in the window", self.collector.publisher.held()),
            ("messages on their way to the broker", self.broker.in_flight()),
            ("bytes in open batches", self.collector.shard.open_batch_bytes()),
            ("tables to sweep", usize::from(self.collector.shard.needs_sweep())),
        ] {
            if count > 0 {
                return Err(Violation::LeftOver { what, count });
            }
        }
        // The order is not judged where the publisher reported that it could not keep it, or where nobody could know.
        let unknowable = self.broker.refusals_unheard + self.broker.stored_late > 0;
        let overtaken = self.lives.overtaken + self.collector.publisher.overtaken;
        let ordered = self.broker.refusals == 0 || overtaken == 0 && !unknowable;
        // Where the collector died before it could send a refused message again, the stream has a hole.
        let has_hole = self.broker.refusals > 0 && self.lives.crashes > 0;
        let rule = |unknown| if unknown { Rule::Unknown } else { Rule::Holds };
        let rules = Rules {
            order: rule(!ordered),
            barriers: rule(!ordered),
            truth: rule(has_hole || self.broker.forgotten > 0 || self.lives.dropped > 0),
            // What the broker forgets is noticed later. The resync that follows sweeps.
            withdrawn: rule(self.broker.forgotten > 0),
            sweeps: Sweeps::Always,
        };
        let consumers = stream::judge(&self.broker.stream, rules, &self.routers)?;
        self.compare_tables(&consumers)?;
        if consumers.resyncs > 0 {
            self.judge_without_sweeps(rules)?;
        }
        self.compare_core(&consumers)?;
        Ok(Report {
            updates: consumers.updates(),
            messages: self.broker.stream.len() as u64,
            resent: self.lives.resent + self.collector.publisher.resent,
            doubles: self.broker.doubles,
            refusals: self.broker.refusals,
            routes: consumers.book.routes.len() as u64,
            snapshots: self.lives.snapshots,
            crashes: self.lives.crashes,
            stops: self.lives.stops,
            restored: self.lives.restored,
            gaps: self.lives.gaps,
            strange_starts: self.lives.strange_starts,
            lost_tails: self.lives.lost_tails,
            resyncs_from_attributes: self.lives.resyncs_from_attributes,
            requested_resyncs: self.lives.requested_resyncs,
            resyncs_all_withdrawn: consumers.resyncs_all_withdrawn,
            dropped: self.lives.dropped,
            slow_dumps: self.slow_dumps,
        })
    }

    /// Compares the routes of a consumer that sweeps only at the ends of resyncs that do not say that all is withdrawn.
    fn judge_without_sweeps(&self, rules: Rules) -> Result<(), Violation> {
        let sweeps = match self.fault {
            Some(Fault::Sweep) => Sweeps::Never,
            _ => Sweeps::WhereNeeded,
        };
        let rules = Rules {
            truth: Rule::Unknown,
            sweeps,
            ..rules
        };
        let compared = stream::judge(&self.broker.stream, rules, &self.routers)
            .and_then(|consumer| self.compare_tables(&consumer));
        compared.map_err(|violation| Violation::WithoutSweep(Box::new(violation)))
    }

    /// Compares the routes of consumers with those of the connected routers.
    fn compare_tables(&self, consumers: &Consumers) -> Result<(), Violation> {
        let connected = (0..self.routers.len()).filter(|&index| self.network.is_connected(index));
        let mut expected = BTreeMap::new();
        for index in connected {
            expected.extend(self.routers[index].expected());
        }
        let by_presence = self.setup.settings.curation == CurationMode::Presence;
        for (key, value) in &expected {
            let held = consumers.book.routes.get(key);
            if held.is_none_or(|held| held.value != *value && !by_presence) {
                return Err(Violation::Missing(Box::new(key.clone())));
            }
        }
        let ghost = |route: &&Route| {
            !expected.contains_key(route) && !self.is_unknowable(route.table.router, consumers)
        };
        match consumers.book.routes.keys().find(ghost) {
            Some(ghost) => Err(Violation::Ghost(Box::new(ghost.clone()))),
            None => Ok(()),
        }
    }

    /// Compares what the core takes consumers to hold with what they hold. Routers that are gone must be forgotten.
    fn compare_core(&self, consumers: &Consumers) -> Result<(), Violation> {
        let mut core: Vec<u64> = Vec::new();
        let mut gone = 0;
        for router in self.collector.shard.routers() {
            gone += usize::from(router.session().is_none());
            for table in router.peers.iter().flat_map(|peer| &peer.tables) {
                table.for_each(self.collector.shard.attribute_sets(), |_, fingerprint| {
                    core.push(fingerprint)
                });
            }
        }
        if gone > 0 {
            return Err(Violation::LeftOver {
                what: "routers that went",
                count: gone,
            });
        }
        let held = consumers.book.routes.iter();
        let held = held.filter(|(route, _)| !self.is_unknowable(route.table.router, consumers));
        let mut held: Vec<u64> = held.map(|(_, held)| held.fingerprint).collect();
        core.sort_unstable();
        held.sort_unstable();
        // By presence, the core notes the newest fingerprint of a route, and consumers hold the first one.
        let agree = if self.setup.settings.curation == CurationMode::Presence {
            core.len() == held.len()
        } else {
            core == held
        };
        if !agree {
            return Err(Violation::Disagreement {
                core: core.len(),
                consumers: held.len(),
            });
        }
        Ok(())
    }
}
