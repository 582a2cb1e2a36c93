//! Target `framing_session`: a shard with routers, their streams, time, and everything else that the shell can do to it.
//!
//! Input: the streams, then a script of steps (2 octets each), its length (1), settings (8). Each step gives some bytes of
//! the streams to one of four sessions, or does something else. At the end the first session gets the bytes that are left.
//! Everything is played twice, the second time with every receive cut into pieces, and every other time without the short way
//! of common messages. Both must publish the same stream.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use arancini_core::{Batch, BatchSettings, Counters, Now, SessionId, Settings, Shard};
use arancini_generate::Random;
use arancini_rib::CurationMode;
use arancini_wire::bmp::frame_length;

use crate::input::Input;
use crate::stream::Stream;

/// Octets of the settings at the end of an input.
pub const SETTINGS_OCTETS: usize = 8;
const SESSIONS: usize = 4;
const MAX_STEPS: usize = 48;
const MILLISECOND_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Where the fake wall clock starts: 2026-01-01T00:00:00Z.
const EPOCH_NS: u64 = 1_767_225_600 * SECOND_NS;

/// Plays the input twice.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let settings = settings(&mut input);
    let seed = u64::from(input.byte());
    let steps = (usize::from(input.byte()) % MAX_STEPS).min(input.rest().len() / 2);
    let steps: Vec<_> = (0..steps).map(|_| (input.byte(), input.byte())).collect();
    let whole = World::play(&settings, &steps, input.rest(), None);
    let settings = Settings {
        short_way: seed % 2 == 0,
        ..settings
    };
    let cut = World::play(&settings, &steps, input.rest(), Some(Random::new(seed)));
    assert_eq!(whole.len(), cut.len());
    for (whole, cut) in whole.iter().zip(&cut) {
        assert_eq!((whole.number, &whole.subject), (cut.number, &cut.subject));
        assert_eq!(
            (whole.kind, whole.router, whole.messages),
            (cut.kind, cut.router, cut.messages)
        );
        assert_eq!(
            (whole.first_sequence, whole.last_sequence),
            (cut.first_sequence, cut.last_sequence)
        );
        assert!(
            whole.payload == cut.payload,
            "neither cuts nor the short way change anything"
        );
    }
    // Both streams are the same, so reading one is enough.
    let mut stream = Stream::default();
    for batch in &whole {
        stream.batch(batch, &settings.subject_base);
    }
    let left = stream.replay(settings.curation);
    if settings.curation != CurationMode::Off {
        assert_eq!(left, 0, "all routers are gone, their routes are withdrawn");
    }
}

/// Six of the eight octets; [`run`] takes the other two.
fn settings(input: &mut Input<'_>) -> Settings {
    let curation = match input.byte() % 3 {
        0 => CurationMode::Attributes,
        1 => CurationMode::Presence,
        _ => CurationMode::Off,
    };
    let limit = |octet: u8, smallest: usize| smallest << (octet & 15);
    let (messages, bytes) = (input.byte(), input.byte());
    let (times, peers, length) = (input.byte(), input.byte(), input.byte());
    Settings {
        curation,
        session_hold_ns: u64::from(times >> 4) * 7 * SECOND_NS,
        quiet_period_ns: u64::from(times & 15) * 3 * SECOND_NS,
        // 0 gives the usual value.
        max_message_bytes: if length == 0 { 1 << 20 } else { limit(length, 48) },
        max_peers_per_router: 1 + usize::from(peers),
        batch: BatchSettings {
            max_messages: if messages == 0 { 1000 } else { u32::from(messages) },
            max_bytes: limit(bytes, 64),
            linger_ns: 5 * MILLISECOND_NS,
            max_open_bytes: limit(bytes >> 4, 256),
            ..BatchSettings::default()
        },
        ..Settings::default()
    }
}

struct World<'a> {
    shard: Shard,
    now: Now,
    sessions: [Option<SessionId>; SESSIONS],
    streams: &'a [u8],
    cuts: Option<Random>,
    max_open_bytes: usize,
    batches: Vec<Batch>,
}

impl<'a> World<'a> {
    fn play(settings: &Settings, steps: &[(u8, u8)], streams: &'a [u8], cuts: Option<Random>) -> Vec<Batch> {
        let counters = Arc::new(Counters::default());
        let mut shard_settings = settings.clone();
        if cuts.is_some() {
            // A message of more routes than this is taken in several turns. Each turn reads its attributes again, so a turn of
            // one route would make the largest inputs slow.
            shard_settings.turn_work = 50;
        }
        let mut world = World {
            shard: Shard::new(1, shard_settings, counters),
            now: Now {
                monotonic_ns: 17 * SECOND_NS,
                unix_ns: EPOCH_NS,
            },
            sessions: [None; SESSIONS],
            streams,
            cuts,
            max_open_bytes: settings.batch.max_open_bytes,
            batches: Vec::new(),
        };
        for &(step, argument) in steps {
            world.step(step, argument);
            world.check();
        }
        world.receive(0, world.streams.len());
        world.end(settings);
        world.batches
    }

    fn step(&mut self, step: u8, argument: u8) {
        let session = usize::from(step >> 4) % SESSIONS;
        match step & 15 {
            0..=4 => {
                let octets = self.frames(1 + usize::from(argument));
                self.receive(session, octets);
            }
            5 => self.receive(session, usize::from(argument)),
            6 => self.receive(session, usize::from(argument) << 4),
            7 => self.close(session, "connection reset"),
            8 => self.wait(u64::from(argument) * MILLISECOND_NS),
            9 => self.wait(u64::from(argument) * SECOND_NS),
            10 => {
                self.shard.handle_sweep(u64::from(argument), self.now);
            }
            11 => self.shard.handle_receive_paused(self.now),
            12 => self.shard.handle_flush(self.now),
            13 => self.pop(usize::from(argument)),
            14 => self.open(session),
            _ => self.shard.handle_timeout(self.now),
        }
    }

    /// Checks what must hold between any two calls.
    fn check(&mut self) {
        assert!(self.shard.open_batch_bytes() <= self.max_open_bytes);
        if let Some(deadline) = self.shard.poll_timeout() {
            assert!(deadline >= 17 * SECOND_NS);
        }
        let notices = self.shard.poll_notices();
        while notices.pop().is_some() {}
        self.shard.set_gauges();
    }

    /// Number of octets of the first messages of the streams.
    fn frames(&self, count: usize) -> usize {
        let mut octets = 0;
        for _ in 0..count {
            match frame_length(&self.streams[octets..], 1 << 20) {
                Ok(Some(length)) if length <= self.streams.len() - octets => octets += length,
                _ => break,
            }
        }
        octets
    }

    fn open(&mut self, session: usize) {
        // Two of these are the same address, so the second session replaces the first.
        let routers = [
            IpAddr::from([192, 0, 2, 1]),
            IpAddr::from([192, 0, 2, 2]),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
            IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0202)),
        ];
        self.sessions[session] = Some(self.shard.handle_connect(routers[session], 50_000, self.now));
    }

    fn receive(&mut self, session: usize, octets: usize) {
        let (bytes, rest) = self.streams.split_at(octets.min(self.streams.len()));
        self.streams = rest;
        if self.sessions[session].is_none_or(|id| self.shard.progress(id).is_none()) {
            self.open(session);
        }
        let Some(id) = self.sessions[session] else {
            return;
        };
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let at = match &mut self.cuts {
                None => bytes.len(),
                // Pieces are single octets at times, and large at times.
                Some(random) => {
                    let most = if random.percent(50) { 8 } else { 600 };
                    1 + random.below(most) as usize
                }
            };
            let (piece, rest) = bytes.split_at(at.min(bytes.len()));
            bytes = rest;
            if let Err(error) = self.shard.handle_all_bytes(id, piece, self.now) {
                self.close(session, &error.to_string());
                return;
            }
            assert!(self.shard.open_batch_bytes() <= self.max_open_bytes);
        }
    }

    fn close(&mut self, session: usize, reason: &str) {
        if let Some(id) = self.sessions[session].take() {
            self.shard.handle_disconnect(id, reason, self.now);
        }
    }

    fn wait(&mut self, ns: u64) {
        self.now.monotonic_ns += ns;
        self.now.unix_ns += ns;
        self.shard.handle_timeout(self.now);
    }

    fn pop(&mut self, most: usize) {
        for _ in 0..most {
            let Some(batch) = self.shard.poll_batch() else {
                return;
            };
            self.keep(batch);
        }
    }

    /// Gives the buffer back, as after publishing, and keeps a copy of its content.
    fn keep(&mut self, mut batch: Batch) {
        let copy = batch.payload.clone();
        self.shard
            .handle_recycled(std::mem::replace(&mut batch.payload, copy));
        self.batches.push(batch);
    }

    /// Ends all sessions. None comes back.
    fn end(&mut self, settings: &Settings) {
        for session in 0..SESSIONS {
            self.close(session, "connection reset");
        }
        self.wait(settings.session_hold_ns + SECOND_NS);
        self.shard.handle_flush(self.now);
        // The shard reports a replaced session as gone at the next look.
        self.wait(settings.session_hold_ns + settings.quiet_period_ns + 3 * SECOND_NS);
        self.shard.handle_flush(self.now);
        assert!(!self.shard.needs_sweep());
        assert_eq!(self.shard.open_batch_bytes(), 0);
        assert_eq!(self.shard.routers().count(), 0, "no router is kept for ever");
        self.pop(usize::MAX);
    }
}
