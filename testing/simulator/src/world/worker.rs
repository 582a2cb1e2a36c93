//! The worker and the publisher at work, as the collector's `ingest` and publish's `nats::publisher` do it.

use std::net::IpAddr;

use arancini_core::ask::PeerSelector;
use arancini_core::{Batch, BatchKind, NoticeKind, RepeatedPart, RepeatedPeer, ResyncWay};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use super::state::{LARGEST_MESSAGE, World, within};
use crate::chance::pick;
use crate::collector::{Collector, Snapshot};
use crate::fault::Fault;
use crate::violation::Violation;

impl World {
    /// Lets the worker read a part of what a router sent.
    pub(super) fn deliver(&mut self, index: usize) -> Result<(), Violation> {
        let bytes = match self.random.below(4) {
            0 => self.random.below(60) as usize,
            1 => self.random.below(1500) as usize,
            _ => usize::MAX,
        };
        self.receive(index, bytes)
    }

    pub(super) fn receive(&mut self, index: usize, mut bytes: usize) -> Result<(), Violation> {
        let address = self.routers[index].address;
        while self.collector.runs && self.collector.hears(self.drops) && bytes > 0 {
            let segment = 1 + self.random.below(1400) as usize;
            let taken = self.network.receive(
                index,
                address,
                segment.min(bytes),
                &mut self.collector.shard,
                self.now,
            );
            if taken == 0 {
                break;
            }
            bytes -= taken.min(bytes);
            self.hand_over()?;
        }
        Ok(())
    }

    /// Moves closed batches to the bridge, or to the backlog while the bridge is full.
    pub(super) fn hand_over(&mut self) -> Result<(), Violation> {
        let most = self.setup.settings.batch.max_bytes + LARGEST_MESSAGE;
        while let Some(batch) = self.collector.shard.poll_batch() {
            self.collector.last_number += 1;
            if batch.number != self.collector.last_number {
                return Err(Violation::BatchOutOfOrder {
                    subject: batch.subject.to_string(),
                    number: batch.number,
                    after: self.collector.last_number,
                });
            }
            within("a batch", batch.payload.len(), most)?;
            let messages = self.setup.settings.batch.max_messages as usize;
            within("messages of a batch", batch.messages as usize, messages)?;
            self.push(batch);
        }
        self.fill_bridge();
        let open = self.setup.settings.batch.max_open_bytes + LARGEST_MESSAGE;
        within("open batches", self.collector.shard.open_batch_bytes(), open)?;
        Ok(())
    }

    fn fill_bridge(&mut self) {
        while self.collector.bridge.len() < self.setup.bridge_batches
            && let Some(batch) = self.collector.backlog.pop_front()
        {
            self.collector.bridge.push_back(batch);
        }
    }

    /// Somebody requests a resync of a router now and then. It may be refused.
    pub(super) fn request_resync(&mut self) {
        if !self.collector.runs || !self.random.percent(8) {
            return;
        }
        let router = self.random.below(self.routers.len() as u32) as usize;
        let id = self.routers[router].address;
        let part = self.draw_part(router);
        let asked = self.collector.shard.handle_repeat(id, &part, self.now);
        self.tell(|| format!("a resync of {part:?} of {id} is requested: {asked:?}"));
        if asked.is_ok() {
            self.is_resyncing |= self.fault == Some(Fault::RequestedResync);
            self.lives.requested_resyncs += 1;
        }
    }

    /// What of a router is requested again: all of it in half of the cases.
    fn draw_part(&mut self, router: usize) -> RepeatedPart {
        let random = &mut self.random;
        if random.percent(50) {
            return RepeatedPart::default();
        }
        let families = [AfiSafi::IPV4_UNICAST, AfiSafi::IPV6_UNICAST, AfiSafi::EVPN];
        let family = random.percent(50).then(|| pick(random, &families));
        let known = self.collector.shard.router(self.routers[router].address);
        let known = known.map_or(&[][..], |router| &router.peers);
        if known.is_empty() || random.percent(30) {
            return RepeatedPart { peer: None, family };
        }
        let identity = known[random.below(known.len() as u32) as usize].identity;
        let views = [RibView::AdjRibInPre, RibView::LocRib];
        let view = random.percent(50).then(|| pick(random, &views));
        let selector = PeerSelector {
            address: IpAddr::from(identity.address).to_canonical(),
            bgp_id: None,
            peer_type: Some(identity.peer_type),
            distinguisher: Some(identity.distinguisher),
        };
        let peer = Some(RepeatedPeer { selector, view });
        RepeatedPart { peer, family }
    }

    /// Puts a batch into the backlog, or drops it where the bridge has no room.
    fn push(&mut self, batch: Batch) {
        let loses_resync = matches!(self.fault, Some(Fault::RequestedResync | Fault::LossResync));
        if loses_resync && self.is_resyncing && batch.kind == BatchKind::Updates {
            return;
        }
        let full =
            !self.collector.backlog.is_empty() || self.collector.bridge.len() >= self.setup.bridge_batches;
        // A collector that stops drops nothing.
        if self.drops && self.collector.listens && full {
            let may_drop = if self.fault == Some(Fault::Doubt) {
                batch.kind == BatchKind::Updates
            } else {
                self.collector.shard.handle_dropped(&batch)
            };
            if may_drop {
                self.lives.dropped += u64::from(batch.messages);
                self.tell(|| format!("batch {} is dropped", batch.number));
                return;
            }
        }
        let is_event = matches!(batch.kind, BatchKind::Peers | BatchKind::Routers);
        let overtakes = |before: &Batch| before.kind == BatchKind::Updates && before.router == batch.router;
        if self.fault == Some(Fault::EventBarrier)
            && is_event
            && self.collector.backlog.back().is_some_and(overtakes)
        {
            let last = self.collector.backlog.len() - 1;
            self.collector.backlog.insert(last, batch);
        } else {
            self.collector.backlog.push_back(batch);
        }
        self.fill_bridge();
    }

    /// Lets broker, publisher and worker do what is due.
    pub(super) fn turn(&mut self) -> Result<(), Violation> {
        let Self {
            broker,
            collector,
            random,
            now,
            ..
        } = self;
        broker.work(now.monotonic_ns, random);
        if !collector.runs {
            return Ok(());
        }
        let Collector {
            publisher, bridge, ..
        } = collector;
        publisher.turn(bridge, broker, now.monotonic_ns, random);
        if let Some((held, limit)) = publisher.excess {
            return within("window", held, limit);
        }
        if std::mem::take(&mut self.collector.publisher.tail_lost) && self.fault != Some(Fault::LostTail) {
            self.resync_all();
        }
        self.keep_deadlines()?;
        if self
            .collector
            .shard
            .poll_timeout()
            .is_some_and(|at| at <= self.now.monotonic_ns)
        {
            return Err(Violation::Restless);
        }
        self.hand_over()?;
        if self.collector.backlog.is_empty() && self.collector.shard.needs_sweep() {
            self.collector.shard.handle_sweep(self.sweep_budget, self.now);
            self.hand_over()?;
        }
        self.is_resyncing &= self.collector.shard.needs_sweep();
        self.collector.shard.poll_forgotten();
        while self.collector.shard.poll_notices().pop().is_some() {}
        Ok(())
    }

    /// Resyncs all routers, because consumers have lost messages. Ends the sessions of those that have to dump anew, and the
    /// connections that are no sessions yet.
    fn resync_all(&mut self) {
        self.lives.lost_tails += 1;
        let mut last = None;
        let mut goes_on = Vec::new();
        while let Some(next) = self.collector.shard.handle_loss_of_next(last, self.now) {
            last = Some(next.router);
            if next.way == ResyncWay::Attributes {
                goes_on.push(next.router);
                self.lives.resyncs_from_attributes += 1;
                self.is_resyncing |= self.fault == Some(Fault::LossResync);
            }
        }
        // A router that was forgotten before may be one of those whose withdraws are lost.
        self.collector.shard.handle_resync_strangers();
        // Snapshots from before say that consumers have what is lost.
        self.collector.snapshot = Snapshot::None;
        self.disk.void();
        let reason = "the stream lost messages";
        let to_end: Vec<usize> = (0..self.routers.len())
            .filter(|&index| !goes_on.contains(&self.routers[index].address))
            .collect();
        let shard = &mut self.collector.shard;
        self.network.end_of(&to_end, reason, shard, self.now);
        self.note_unknown();
        self.tell(|| format!("all routers are resynchronised, from their attributes: {goes_on:?}"));
    }

    /// Keeps the core's deadlines. While nothing is received, a router may have more to send, so no quiet period ends.
    fn keep_deadlines(&mut self) -> Result<(), Violation> {
        while self.collector.shard.poll_notices().pop().is_some() {}
        let heard = self.collector.hears(self.drops) && self.collector.listens;
        if !heard && self.fault != Some(Fault::QuietPeriod) {
            self.collector.shard.handle_receive_paused(self.now);
        }
        let before = self.collector.shard.needs_sweep();
        self.collector.shard.handle_timeout(self.now);
        let mut expired = false;
        while let Some(notice) = self.collector.shard.poll_notices().pop() {
            expired |= notice.what == NoticeKind::HoldExpired;
        }
        if !heard && !expired && !before && self.collector.shard.needs_sweep() {
            return Err(Violation::GivenUpUnheard);
        }
        Ok(())
    }
}
