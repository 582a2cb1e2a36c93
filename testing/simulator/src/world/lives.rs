//! Lives of the collector: snapshots step by step, crashes between any two steps, stops, and starts from what is left.

use std::net::IpAddr;

use arancini_core::position::Position;
use arancini_core::snapshot::{End, Head, Restore, Walk, read_snapshot};

use super::state::World;
use crate::chance::{MILLISECOND, SECOND, pick};
use crate::collector::{Collector, Snapshot};
use crate::disk::Disk;
use crate::fault::Fault;
use crate::stream::Consumers;
use crate::violation::Violation;

/// The stream's name, in positions.
const STREAM: &str = "SIMULATED";
/// Half seconds that a stop waits for acknowledgements.
const STOP_ROUNDS: u32 = 20;

/// What a snapshot says besides its routes.
struct Loaded {
    head: Head,
    end: End,
    relies_on: u64,
}

impl World {
    /// Goes on with a snapshot, ends this life, or begins the next one.
    pub(super) fn live_or_die(&mut self) -> Result<(), Violation> {
        if !self.collector.runs {
            return if self.random.percent(40) {
                self.come_back()
            } else {
                Ok(())
            };
        }
        match self.random.below(100) {
            0..3 => self.crash(),
            3..5 => self.stop(),
            5..70 => {
                for _ in 0..=self.random.below(3) {
                    self.go_on_with_snapshot()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Begins the next life. Some routers connect again at once.
    fn come_back(&mut self) -> Result<(), Violation> {
        if self.random.percent(10) {
            self.disk.rot(&mut self.random);
        }
        self.start(true)?;
        for index in 0..self.routers.len() {
            if self.random.percent(60) {
                let with_end = self.random.percent(60);
                self.connect(index, with_end);
            }
        }
        Ok(())
    }

    /// Takes the next step of a snapshot, as the shell does between its other work.
    fn go_on_with_snapshot(&mut self) -> Result<(), Violation> {
        let head = self.head();
        let relies_on = self.collector.publisher.stream_sequence();
        let Collector {
            shard,
            snapshot,
            snapshot_bytes: bytes,
            ..
        } = &mut self.collector;
        match std::mem::take(snapshot) {
            Snapshot::None => {
                if self.random.percent(25) {
                    bytes.clear();
                    self.lives.dropped_before_walk = self.lives.dropped;
                    *snapshot = Snapshot::Walking(shard.begin_snapshot(&head, bytes));
                }
            }
            Snapshot::Walking(mut walk) => {
                if shard.poll_snapshot(&mut walk, self.setup.slice_routes, bytes) {
                    *snapshot = Snapshot::Walking(walk);
                } else {
                    let last_batch = shard.handle_seal();
                    self.hand_over()?;
                    self.finish(walk, last_batch, &head);
                }
            }
            Snapshot::Waiting(end) => {
                let waits = self.collector.holds_up_to(end.last_batch);
                if self.fault == Some(Fault::Watermark) || !waits {
                    self.collector.snapshot = Snapshot::Writing(0);
                    if self.fault == Some(Fault::ManifestOrder) {
                        self.disk.clear();
                    }
                } else {
                    self.collector.snapshot = Snapshot::Waiting(end);
                }
            }
            Snapshot::Writing(from) if from < bytes.len() => {
                let to = bytes.len().min(from + 1 + self.random.below(2_000) as usize);
                self.disk.write(bytes.get(from..to).unwrap_or_default());
                *snapshot = Snapshot::Writing(to);
            }
            Snapshot::Writing(_) => {
                self.disk.rename(relies_on);
                *snapshot = Snapshot::Renamed;
            }
            Snapshot::Renamed => {
                self.disk.list();
                self.lives.snapshots += 1;
                *snapshot = Snapshot::Listed;
                self.tell(|| "a snapshot counts".to_owned());
            }
            Snapshot::Listed => self.disk.prune(),
        }
        Ok(())
    }

    /// Ends a walk. If updates were dropped since it began, the snapshot is given up: it may list them as published.
    fn finish(&mut self, walk: Walk, last_batch: u64, head: &Head) {
        if self.lives.dropped != self.lives.dropped_before_walk {
            return;
        }
        let bytes = &mut self.collector.snapshot_bytes;
        let end = walk.finish(last_batch, bytes);
        self.collector.snapshot = Snapshot::Waiting(end);
        if self.fault == Some(Fault::LatePosition) {
            replace_head(head, bytes);
        }
    }

    fn head(&self) -> Head {
        Head {
            collector: "simulated".to_owned(),
            worker: 1,
            begun_unix_ns: self.now.unix_ns,
            position: Position::Stream {
                stream: STREAM.to_owned(),
                created_unix_ns: self.broker.created(),
                sequence: self.collector.publisher.stream_sequence(),
                message: None,
            },
        }
    }

    /// Kills the process.
    fn crash(&mut self) -> Result<(), Violation> {
        let ms = [0, 0, 1, 5, 50][self.random.below(5) as usize];
        self.advance(ms * MILLISECOND)?;
        self.lives.crashes += 1;
        self.tell(|| "the collector is killed".to_owned());
        self.die()
    }

    /// Stops the collector in order: it reads nothing more and sends what it read. If everything is acknowledged in time,
    /// it takes a last snapshot.
    pub(super) fn stop(&mut self) -> Result<(), Violation> {
        self.collector.listens = false;
        self.collector.snapshot = Snapshot::None;
        for _ in 0..STOP_ROUNDS {
            self.collector.shard.handle_flush(self.now);
            self.hand_over()?;
            if self.collector.is_drained() {
                break;
            }
            self.advance(500 * MILLISECOND)?;
        }
        let idle = !self.collector.shard.needs_sweep() && self.collector.shard.open_batch_bytes() == 0;
        if idle && self.collector.is_drained() {
            self.lives.stops += 1;
            self.last_snapshot();
        } else {
            self.lives.crashes += 1;
        }
        let drained = self.collector.is_drained();
        self.tell(|| format!("the collector is stopped, all acknowledged: {drained}"));
        self.die()
    }

    fn last_snapshot(&mut self) {
        let mut bytes = Vec::new();
        let head = self.head();
        let shard = &mut self.collector.shard;
        let mut walk = shard.begin_snapshot(&head, &mut bytes);
        while shard.poll_snapshot(&mut walk, self.setup.slice_routes, &mut bytes) {}
        let _ = walk.finish(shard.handle_seal(), &mut bytes);
        // A walk that was under way has left the first part of another file.
        self.disk.discard();
        self.disk.write(&bytes);
        self.disk.rename(self.collector.publisher.stream_sequence());
        self.disk.list();
        self.disk.prune();
        self.lives.snapshots += 1;
    }

    /// Ends the process and loses all its memory. What it had written to the broker's connection may still arrive.
    fn die(&mut self) -> Result<(), Violation> {
        let Self {
            random,
            broker,
            disk,
            now,
            network,
            collector,
            lives,
            ..
        } = self;
        lives.resent += collector.publisher.resent;
        lives.overtaken += collector.publisher.overtaken;
        broker.disconnect(now.monotonic_ns, random);
        network.reset();
        collector.runs = false;
        if let Some(torn) = disk.crash(random)
            && read_snapshot(torn.as_slice(), |_, _| Ok(())).is_ok()
        {
            return Err(Violation::TornAccepted { bytes: torn.len() });
        }
        if random.percent(15) {
            let back = pick(random, &[900, 900, 400_000]);
            now.unix_ns -= u64::from(random.below(back)) * SECOND;
        }
        *collector = Collector {
            runs: false,
            ..Collector::new(collector.life + 1, &self.setup, 0)
        };
        Ok(())
    }

    /// Begins the next life, if the stream can be read, from the newest whole snapshot and what was published behind it. The
    /// stream may have lost messages (`loses`).
    pub(super) fn start(&mut self, loses: bool) -> Result<(), Violation> {
        if !self.broker.is_there(self.now.monotonic_ns) {
            return Ok(());
        }
        // A stream that is new says nothing about routes that consumers have from the one before.
        let strange = loses && self.broker.is_first() && self.random.percent(10);
        let renamed = strange && self.random.percent(50);
        if self.fenced && !renamed {
            self.broker.raise_fence();
        } else {
            // The fence of another name does not hold off the life before. Without a fence, a start waits for what it had sent.
            self.broker.work_off(self.now.monotonic_ns, &mut self.random);
        }
        if loses && !strange && self.disk.was_used() && self.random.percent(8) {
            self.lose_stream();
        }
        if strange {
            // The snapshots of another name are not looked for.
            self.disk = Disk::default();
            self.lives.strange_starts += 1;
            self.tell(|| format!("the data directory is gone; another name: {renamed}"));
        }
        if renamed {
            self.named_since = self.collector.life;
        }
        let (mut restore, from) = self.load()?;
        let created = self.broker.created();
        let relies_on = from.as_ref().map_or(0, |from| from.relies_on);
        let end = from.as_ref().map_or_else(End::default, |from| from.end);
        let (of_stream, sequence) = from.map_or((created, 0), |from| match from.head.position {
            Position::Stream {
                created_unix_ns,
                sequence,
                ..
            } => (created_unix_ns, sequence),
            Position::Segments(_) => (created, 0),
        });
        let same = of_stream == created;
        let tail_lost = same && self.broker.last_sequence() < relies_on;
        if tail_lost {
            // When the stream has grown again, nothing would tell that this snapshot relies on lost messages.
            self.disk.void();
        }
        let gap = !same || self.broker.first_sequence() > sequence + 1 || self.disk.is_void();
        self.lives.gaps += u64::from(gap);
        let gap = gap && self.fault != Some(Fault::Gap);
        let mut highest = end.sequence_floor;
        let mut foreign = false;
        for message in self.broker.behind(if same { sequence } else { 0 }) {
            highest = highest.max(message.last_sequence);
            if message.id.0 < self.named_since {
                // Published under another name. Nothing tells what has become of these routes.
                foreign = true;
                restore.disown(message.router);
                continue;
            }
            if self.fault != Some(Fault::TailReplay) {
                restore
                    .apply(message.kind, &message.payload)
                    .map_err(|error| Violation::Unreadable {
                        subject: message.subject.to_string(),
                        what: error.to_string(),
                    })?;
            }
            restore.sequence_seen(message.router, message.last_sequence);
        }
        if gap {
            restore.need_resync();
            // Lost messages can't tell which sequences are used. Only the clock is left, so it must be right.
            self.now.unix_ns = self.now.unix_ns.max(self.broker.highest_sequence() + 1);
            highest = highest.max(self.now.unix_ns);
        }
        self.begin_life(restore, gap, highest);
        if foreign {
            self.note_unknown();
        }
        if end.resync_strangers && self.fault != Some(Fault::Strangers)
            || foreign && self.fault != Some(Fault::OtherName)
        {
            self.collector.shard.handle_resync_strangers();
        }
        self.hand_over()
    }

    fn begin_life(&mut self, restore: Restore, gap: bool, highest: u64) {
        let life = self.collector.life;
        self.collector = Collector::new(life, &self.setup, self.broker.last_sequence());
        let routers = restore.into_routers();
        if gap && self.fault != Some(Fault::Strangers) {
            self.collector.shard.handle_resync_strangers();
        }
        if self.fault != Some(Fault::SequenceFloor) {
            self.collector.shard.handle_sequence_floor(highest);
        }
        let count = routers.len();
        for router in routers {
            self.collector
                .shard
                .handle_adopt(router, "the collector was restarted", self.now);
        }
        if gap {
            self.note_unknown();
        }
        self.tell(|| format!("life {life} begins with {count} routers, the stream has a gap: {gap}"));
    }

    /// Notes the routers of which the collector knows nothing, although consumers may hold routes of them.
    pub(super) fn note_unknown(&mut self) {
        let of_routers = self.broker.stream.iter().map(|stored| &stored.message);
        let shard = &self.collector.shard;
        for message in of_routers.filter(|message| shard.router(message.router).is_none()) {
            let since = self.lives.unknown.entry(message.router).or_default();
            *since = message.last_sequence.max(*since);
        }
    }

    /// Loads the newest snapshot that can be read, and sets damaged ones aside.
    fn load(&mut self) -> Result<(Restore, Option<Loaded>), Violation> {
        let mode = self.setup.settings.curation;
        let mut damaged = Vec::new();
        let mut found = None;
        for (number, file) in self.disk.current() {
            let mut restore = Restore::new(mode);
            match read_snapshot(file.bytes.as_slice(), |kind, payload| restore.load(kind, payload)) {
                Ok((head, end)) => {
                    let relies_on = file.relies_on;
                    found = Some((restore, Loaded { head, end, relies_on }));
                    break;
                }
                Err(_) => damaged.push(number),
            }
        }
        for number in damaged {
            self.disk.set_aside(number);
        }
        match found {
            Some((restore, loaded)) => {
                self.lives.restored += 1;
                Ok((restore, Some(loaded)))
            }
            None if self.disk.was_used() => Err(Violation::SnapshotLost),
            // No snapshot was ever current, so the stream still has everything.
            None => Ok((Restore::new(mode), None)),
        }
    }

    /// Removes messages by age or a purge, or deletes the whole stream. Consumers had read everything.
    fn lose_stream(&mut self) {
        // Lost messages can't tell which sequences are used. Only the clock is left, so it must be right.
        self.now.unix_ns = self.now.unix_ns.max(self.broker.highest_sequence() + 1);
        if self.random.percent(30) {
            self.broker.replace_stream();
        } else {
            let last = self.broker.last_sequence() as u32;
            let sequence = 1 + u64::from(self.random.below(last + 1));
            self.broker.purge_below(sequence);
        }
        self.tell(|| "the stream lost messages".to_owned());
    }

    /// Whether nobody can know a router's routes any more, because no resync of the router has begun.
    pub(super) fn is_unknowable(&self, router: IpAddr, consumers: &Consumers) -> bool {
        let connected = (0..self.routers.len())
            .any(|index| self.routers[index].address == router && self.network.is_connected(index));
        let since = self.lives.unknown.get(&router);
        !connected && since.is_some_and(|since| consumers.resynced(router).is_none_or(|at| at <= *since))
    }
}

/// Does what [`Fault::LatePosition`] is: writes the present position of the stream into the head.
fn replace_head(head: &Head, bytes: &mut Vec<u8>) {
    let block = 12 + 1;
    let length = bytes
        .get(block..block + 4)
        .and_then(|bytes| bytes.try_into().ok());
    let length = u32::from_le_bytes(length.unwrap_or_default()) as usize;
    let mut new = Vec::new();
    let _ = Walk::begin(head, &mut new);
    // The version before the head stays.
    bytes.splice(12..12 + 13 + length, new.drain(12..));
}
