//! Shared by the tests of the core: a shard with a clock that the test turns, a reader of the published stream, a consumer that
//! keeps the tables, and BMP messages that the generator cannot make.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

pub mod consumer;
pub mod recordings;
pub mod restart;
pub mod stream;
pub mod twin;
pub mod wire;
pub mod world;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use arancini_core::{Batch, Counters, Now, SessionError, SessionId, Settings};
use arancini_schema::decode::Messages;

use consumer::{Consumer, Published};
use stream::{Event, StreamCheck};
use twin::Twin;

pub const SECOND: u64 = 1_000_000_000;
/// Where the fake wall clock starts: 2026-01-01T00:00:00Z.
const EPOCH_NS: u64 = 1_767_225_600 * SECOND;

pub fn router(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))
}

/// A shard, its clock, and everything that it has published so far.
pub struct Harness {
    /// On the short way and on the general way, with the same outcome.
    pub shard: Twin,
    pub counters: Arc<Counters>,
    pub now: Now,
    messages: Vec<Published>,
    pub consumer: Consumer,
    check: StreamCheck,
}

impl Harness {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let counters = Arc::new(Counters::default());
        let consumer = Consumer::of(settings.curation);
        Self {
            shard: Twin::new(settings, &counters),
            counters,
            now: Now {
                monotonic_ns: 17 * SECOND,
                unix_ns: EPOCH_NS,
            },
            messages: Vec::new(),
            consumer,
            check: StreamCheck::default(),
        }
    }

    pub fn open(&mut self, router: IpAddr) -> SessionId {
        self.shard.handle_connect(router, 50_000, self.now)
    }

    /// A session of [`router`]`(1)`.
    pub fn session(&mut self) -> SessionId {
        self.open(router(1))
    }

    pub fn send(&mut self, session: SessionId, bytes: &[u8]) {
        self.try_send(session, bytes).unwrap();
    }

    pub fn try_send(&mut self, session: SessionId, bytes: &[u8]) -> Result<(), SessionError> {
        self.shard.handle_all_bytes(session, bytes, self.now)
    }

    pub fn close(&mut self, session: SessionId) {
        self.shard
            .handle_disconnect(session, "connection reset", self.now);
    }

    /// Lets time pass. The shard is woken at each of its deadlines, as the shell does it.
    pub fn wait(&mut self, ns: u64) {
        let until = self.now.monotonic_ns + ns;
        while let Some(deadline) = self.shard.poll_timeout().filter(|&at| at <= until) {
            self.turn_clock(deadline.max(self.now.monotonic_ns));
            self.shard.handle_timeout(self.now);
            while self.shard.handle_sweep(1000, self.now) {}
        }
        self.turn_clock(until);
        self.shard.handle_timeout(self.now);
        while self.shard.handle_sweep(1000, self.now) {}
    }

    /// Lets time pass as [`Self::wait`] does, without sweeping.
    pub fn idle(&mut self, ns: u64) {
        let until = self.now.monotonic_ns + ns;
        while let Some(deadline) = self.shard.poll_timeout().filter(|&at| at <= until) {
            self.turn_clock(deadline.max(self.now.monotonic_ns));
            self.shard.handle_timeout(self.now);
        }
        self.turn_clock(until);
    }

    fn turn_clock(&mut self, monotonic_ns: u64) {
        self.now.unix_ns += monotonic_ns - self.now.monotonic_ns;
        self.now.monotonic_ns = monotonic_ns;
    }

    /// Takes the closed batches, checks them and keeps their messages.
    pub fn collect(&mut self) {
        while let Some(batch) = self.shard.poll_batch() {
            self.take(batch);
        }
    }

    /// Takes the closed batches with a full bridge: every batch that may be thrown away is.
    pub fn drop_batches(&mut self) {
        self.consumer.lossy = true;
        while let Some(batch) = self.shard.poll_batch() {
            if self.shard.handle_dropped(&batch) {
                self.check.batch(&batch);
                self.shard.handle_recycled(batch.payload);
            } else {
                self.take(batch);
            }
        }
    }

    fn take(&mut self, batch: Batch) {
        self.read(&batch);
        self.shard.handle_recycled(batch.payload);
    }

    /// Checks a batch, and keeps its messages for [`Self::published`].
    pub fn read(&mut self, batch: &Batch) {
        let events = self.check.batch(batch);
        let messages = Messages::new(&batch.payload).map(|message| message.unwrap().bytes().to_vec());
        let kind = batch.kind;
        self.messages
            .extend(
                events
                    .into_iter()
                    .zip(messages)
                    .map(|(event, bytes)| Published { event, kind, bytes }),
            );
    }

    /// Flushes, and returns everything published since the last call, in the order of the routers' sequence numbers.
    pub fn published(&mut self) -> Vec<Event> {
        self.shard.handle_flush(self.now);
        self.collect();
        self.shard.compare_counters(&self.counters);
        let messages = self.taken();
        messages.into_iter().map(|message| message.event).collect()
    }

    /// Closes all batches, and returns everything published since the last call, in the order of the routers' sequence numbers.
    pub fn sealed(&mut self) -> Vec<Published> {
        self.shard.handle_seal();
        self.collect();
        self.taken()
    }

    /// Lets the consumer take the messages that were collected.
    fn taken(&mut self) -> Vec<Published> {
        let mut messages = std::mem::take(&mut self.messages);
        messages.sort_by_key(|message| (message.event.router(), message.event.sequence()));
        for message in &messages {
            self.consumer.take(message);
        }
        messages
    }

    /// Flushes as [`Self::published`] does, and returns only the route updates.
    pub fn updates(&mut self) -> Vec<stream::Update> {
        let updates = self.published().into_iter().filter_map(Event::into_update);
        updates.collect()
    }
}
