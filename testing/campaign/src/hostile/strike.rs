//! The ways of hostile clients: many connections, one after the other, bursts, and endless sessions. Each goes on until it is
//! told to stop and returns the number of its connections or messages.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arancini_bed::router::connect_from;
use arancini_generate::{Random, initiation};
use socket2::{Domain, Socket, Type};

use super::bytes;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const WRITE_WITHIN: Duration = Duration::from_millis(500);
/// Time between two turns of an attack over many connections.
const TURN: Duration = Duration::from_millis(100);
/// Connections of one burst. Collector and attacker each need a descriptor for every one.
const BURST: u32 = 8_000;
/// Connections to the control port that the attacker keeps open.
const CONTROL_KEPT: usize = 2_000;

/// Connects as the hostile client with this number.
fn connect(number: u32, to: SocketAddr) -> io::Result<TcpStream> {
    connect_from(hostile(number), to, CONNECT_WITHIN)
}

/// The address of the hostile client with this number; each network has 250 of them.
fn hostile(number: u32) -> IpAddr {
    let (network, host) = (number / 250 % 200, number % 250);
    IpAddr::V4(Ipv4Addr::new(127, 0, 2 + network as u8, 1 + host as u8))
}

pub(super) fn trickle(to: SocketAddr, stop: &AtomicBool) -> u64 {
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

pub(super) fn many(to: SocketAddr, stop: &AtomicBool, first: &[u8]) -> u64 {
    open_and_keep(to, stop, 10_000, |mut stream| {
        let _ = stream.write_all(first);
    })
}

/// Opens so many connections, sends something on each, and keeps them open.
fn open_and_keep(to: SocketAddr, stop: &AtomicBool, connections: u32, send: impl Fn(&TcpStream)) -> u64 {
    let mut open = Vec::new();
    for number in 0..connections {
        if stop.load(Relaxed) {
            break;
        }
        if let Ok(stream) = connect(number, to) {
            send(&stream);
            open.push(stream);
        }
    }
    while !stop.load(Relaxed) {
        std::thread::sleep(TURN);
    }
    open.len() as u64
}

pub(super) fn one_after_another(
    to: SocketAddr,
    stop: &AtomicBool,
    bytes: impl Fn(&mut Random) -> Vec<u8>,
) -> u64 {
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

pub(super) fn never_ending(to: SocketAddr, stop: &AtomicBool) -> u64 {
    let message = bytes::nearly_whole();
    open_and_keep(to, stop, 500, |mut stream| {
        let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
        let _ = stream.write_all(&initiation("never ending", "hostile"));
        let _ = stream.write_all(&message);
    })
}

/// Sends one message after the other on one session, as fast as the collector takes them. Every session begins with the
/// introduction.
pub(super) fn repeat(
    to: SocketAddr,
    stop: &AtomicBool,
    introduction: &[u8],
    bytes: impl Fn(u32) -> Vec<u8>,
) -> u64 {
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
                if write_until(&mut stream, introduction, stop).is_err() {
                    continue;
                }
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

/// Connects from this address again and again. Half of the connections end without a byte, the others in the middle of a
/// header.
pub(super) fn empty_connects(from: IpAddr, to: SocketAddr, stop: &AtomicBool) -> u64 {
    let mut connections = 0;
    while !stop.load(Relaxed) {
        let Ok(mut stream) = connect_from(from, to, CONNECT_WITHIN) else {
            std::thread::sleep(TURN);
            continue;
        };
        if connections % 2 == 1 {
            let _ = stream.write_all(&[3, 0, 0]);
        }
        connections += 1;
    }
    connections
}

/// Short sessions, each from another address, as fast as the collector accepts them: each one is worth log lines.
pub(super) fn visits(to: SocketAddr, stop: &AtomicBool) -> u64 {
    let hello = initiation("visitor", "hostile");
    let mut connections: u32 = 0;
    while !stop.load(Relaxed) {
        match connect(connections, to) {
            Ok(mut stream) => {
                let _ = stream.write_all(&hello);
                connections += 1;
            }
            Err(_) => std::thread::sleep(TURN),
        }
    }
    u64::from(connections)
}

/// Thousands of connections at once, each from another address and with a first message. Then they end all together, and
/// the next burst begins.
pub(super) fn bursts(to: SocketAddr, stop: &AtomicBool) -> u64 {
    let hello = initiation("one of a burst", "hostile");
    let mut connections: u32 = 0;
    while !stop.load(Relaxed) {
        let mut open = Vec::new();
        for number in connections..connections + BURST {
            // The kernel completes the handshake by itself.
            if let Ok(stream) = begin_to_connect(number, to) {
                open.push(stream);
            }
        }
        connections += BURST;
        for stream in &mut open {
            let _ = stream.write(&hello);
        }
        std::thread::sleep(TURN * 5);
    }
    u64::from(connections)
}

/// A connection that need not be complete yet. It ends with a reset, so that its port is free again.
fn begin_to_connect(number: u32, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&SocketAddr::new(hostile(number), 0).into())?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// `EINPROGRESS` of Linux.
const IN_PROGRESS: i32 = 115;

/// Connections to the control port: a third says nothing, a third sends half a request, and a third never reads the answer.
pub(super) fn control_port(control: SocketAddr, stop: &AtomicBool) -> u64 {
    let mut open = std::collections::VecDeque::new();
    let mut connections: u64 = 0;
    while !stop.load(Relaxed) {
        for _ in 0..100 {
            if let Ok(mut stream) = TcpStream::connect_timeout(&control, CONNECT_WITHIN) {
                let said: &[u8] = match connections % 3 {
                    0 => b"",
                    1 => b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
                    _ => b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
                };
                let _ = stream.write_all(said);
                open.push_back(stream);
                connections += 1;
            }
            if open.len() > CONTROL_KEPT {
                open.pop_front();
            }
            if stop.load(Relaxed) {
                break;
            }
        }
        std::thread::sleep(TURN);
    }
    connections
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
