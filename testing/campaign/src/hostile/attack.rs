//! Attacks of hostile clients. Each attack goes on until it is told to stop.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arancini_bed::router::connect_from;
use arancini_generate::{PeerDown, Random, initiation, peer_down};

use super::bytes;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const WRITE_WITHIN: Duration = Duration::from_millis(500);
/// Time between two turns of an attack over many connections.
const TURN: Duration = Duration::from_millis(100);

/// An attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// No attack: what the honest router notices without one.
    Nothing,
    /// A thousand connections; each sends a byte every tenth of a second.
    Trickle,
    /// Ten thousand connections that send nothing.
    Connections,
    /// Ten thousand connections that the collector is configured to accept.
    Sessions,
    /// HTTP, TLS, random bytes.
    Garbage,
    /// Messages that claim four gigabytes.
    HugeLengths,
    /// 500 sessions, each with a message of nearly the allowed length whose last byte never comes.
    NeverEnding,
    /// A router that connects, announces and disconnects again and again.
    Flapping,
    /// UPDATEs of 65,535 bytes with 16,000 routes, which change every time.
    LargeUpdates,
    /// UPDATEs of 65,535 bytes that are all attributes.
    AttributeBombs,
    /// UPDATEs of one half attributes and one half routes: each route is published with all attributes.
    Amplification,
    /// 20,000 peers on one session.
    Peers,
    /// A peer that goes down and up with a thousand routes.
    PeerFlapping,
    /// Connections from an address that is not on the allow-list.
    Stranger,
}

impl Attack {
    /// All attacks, in the order of the report.
    pub const ALL: [Self; 14] = [
        Self::Nothing,
        Self::Trickle,
        Self::Connections,
        Self::Sessions,
        Self::Garbage,
        Self::HugeLengths,
        Self::NeverEnding,
        Self::Flapping,
        Self::PeerFlapping,
        Self::LargeUpdates,
        Self::AttributeBombs,
        Self::Amplification,
        Self::Peers,
        Self::Stranger,
    ];

    /// The name of the attack in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nobody",
            Self::Trickle => "1,000 connections, 10 bytes/s each",
            Self::Connections => "10,000 connections, silent",
            Self::Sessions => "10,000 connections, all taken",
            Self::Garbage => "HTTP, TLS, random bytes",
            Self::HugeLengths => "lengths of 4 GiB",
            Self::NeverEnding => "500 messages of 1 MB, last byte missing",
            Self::Flapping => "session that comes and goes, 1,000 routes",
            Self::PeerFlapping => "peer that goes down and up, 1,000 routes",
            Self::LargeUpdates => "UPDATEs of 65,535 bytes, 16,000 routes",
            Self::AttributeBombs => "UPDATEs of 65,535 bytes of attributes",
            Self::Amplification => "8,000 routes with 32 KB of attributes, an UPDATE",
            Self::Peers => "20,000 peers on a session",
            Self::Stranger => "not on the allow-list",
        }
    }

    /// Settings of the collector that the attack needs.
    #[must_use]
    pub const fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sessions => &[
                ("limits.max_sessions", "20000"),
                ("limits.max_sessions_per_source", "100"),
            ],
            Self::Stranger => &[("limits.allow", "127.0.1.0/24")],
            _ => &[],
        }
    }

    /// Attacks until it is told to stop. Returns the number of connections, messages or sessions.
    pub fn run(self, to: SocketAddr, stop: &AtomicBool) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Trickle => trickle(to, stop),
            Self::Connections => many(to, stop, &[]),
            Self::Sessions => many(to, stop, &initiation("one of many", "hostile")),
            Self::Garbage => one_after_another(to, stop, bytes::garbage),
            Self::HugeLengths => one_after_another(to, stop, |_| bytes::huge_length()),
            Self::NeverEnding => never_ending(to, stop),
            Self::Flapping => one_after_another(to, stop, |random| bytes::short_life(random.below(1000))),
            Self::PeerFlapping => repeat(to, stop, |turn| {
                let mut bytes = bytes::peer_with_routes(0, 1000, turn);
                bytes.extend(peer_down(&bytes::peer(0), &PeerDown::RemoteSilent));
                bytes
            }),
            Self::LargeUpdates => repeat(to, stop, bytes::large_update),
            Self::AttributeBombs => repeat(to, stop, bytes::attribute_bomb),
            Self::Amplification => repeat(to, stop, bytes::amplification),
            Self::Peers => repeat(to, stop, |turn| {
                let first = turn.wrapping_mul(100) % 20_000;
                (first..first + 100)
                    .flat_map(|peer| bytes::peer_with_routes(peer, 2, 1))
                    .collect()
            }),
            Self::Stranger => one_after_another(to, stop, |random| bytes::short_life(random.below(1000))),
        }
    }
}

/// Connects as the hostile client with this number.
fn connect(number: u32, to: SocketAddr) -> io::Result<TcpStream> {
    connect_from(hostile(number), to, CONNECT_WITHIN)
}

/// The address of the hostile client with this number; each network has 250 of them.
fn hostile(number: u32) -> IpAddr {
    let (network, host) = (number / 250 % 200, number % 250);
    IpAddr::V4(Ipv4Addr::new(127, 0, 2 + network as u8, 1 + host as u8))
}

fn trickle(to: SocketAddr, stop: &AtomicBool) -> u64 {
    // This message would take for ever.
    let message = [3, 0, 0, 0xff, 0xff, 4, 0, 2, 0xff, 0xf0];
    let mut open: Vec<Option<TcpStream>> = (0..1000).map(|_| None).collect();
    let mut sent: Vec<usize> = vec![0; open.len()];
    let mut connections = 0;
    while !stop.load(Relaxed) {
        let since = Instant::now();
        for ((number, slot), sent) in (0..).zip(&mut open).zip(&mut sent) {
            if slot.is_none() {
                *slot = connect(number, to).ok();
                *sent = 0;
                connections += 1;
            }
            let byte = message.get(*sent).copied().unwrap_or(b'a');
            let written = slot.as_ref().map(|mut stream| stream.write_all(&[byte]));
            if written.is_some_and(|written| written.is_ok()) {
                *sent += 1;
            } else {
                *slot = None;
            }
            if stop.load(Relaxed) {
                break;
            }
        }
        std::thread::sleep(TURN.saturating_sub(since.elapsed()));
    }
    connections
}

fn many(to: SocketAddr, stop: &AtomicBool, first: &[u8]) -> u64 {
    let mut open = Vec::new();
    for number in 0..10_000 {
        if stop.load(Relaxed) {
            break;
        }
        if let Ok(mut stream) = connect(number, to) {
            let _ = stream.write_all(first);
            open.push(stream);
        }
    }
    while !stop.load(Relaxed) {
        std::thread::sleep(TURN);
    }
    open.len() as u64
}

fn one_after_another(to: SocketAddr, stop: &AtomicBool, bytes: impl Fn(&mut Random) -> Vec<u8>) -> u64 {
    let mut random = Random::new(7);
    let mut connections: u64 = 0;
    while !stop.load(Relaxed) {
        // There are sixteen addresses, so that each is a router that comes back.
        let Ok(mut stream) = connect(connections as u32 % 16, to) else {
            std::thread::sleep(TURN);
            continue;
        };
        connections += 1;
        let _ = stream.set_write_timeout(Some(WRITE_WITHIN));
        let _ = stream.set_read_timeout(Some(Duration::from_millis(2)));
        let _ = stream.write_all(&bytes(&mut random));
        let _ = stream.read(&mut [0; 16]);
    }
    connections
}

fn never_ending(to: SocketAddr, stop: &AtomicBool) -> u64 {
    let message = bytes::nearly_whole();
    let mut open = Vec::new();
    for number in 0..500 {
        if stop.load(Relaxed) {
            break;
        }
        if let Ok(mut stream) = connect(number, to) {
            let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
            let _ = stream.write_all(&initiation("never ending", "hostile"));
            let _ = stream.write_all(&message);
            open.push(stream);
        }
    }
    while !stop.load(Relaxed) {
        std::thread::sleep(TURN);
    }
    open.len() as u64
}

/// Sends one message after the other on one session, as fast as the collector takes them.
fn repeat(to: SocketAddr, stop: &AtomicBool, bytes: impl Fn(u32) -> Vec<u8>) -> u64 {
    let mut connection: Option<TcpStream> = None;
    let mut turn = 0;
    while !stop.load(Relaxed) {
        let stream = match &mut connection {
            Some(stream) => stream,
            none => {
                let Ok(mut stream) = connect(0, to) else {
                    std::thread::sleep(TURN);
                    continue;
                };
                let _ = stream.set_write_timeout(Some(WRITE_WITHIN));
                let _ = stream.write_all(&bytes::introduction());
                none.insert(stream)
            }
        };
        if write_until(stream, &bytes(turn), stop).is_err() {
            connection = None;
        }
        turn += 1;
    }
    u64::from(turn)
}

/// Writes all bytes, however slowly the collector takes them, or until the attack is over.
fn write_until(stream: &mut TcpStream, mut bytes: &[u8], stop: &AtomicBool) -> io::Result<()> {
    while !bytes.is_empty() && !stop.load(Relaxed) {
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
