//! Recordings of every kind are read correctly, and are sent as a router would send them.

#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;

use arancini_collector::offline::Decoder;
use arancini_collector::replay::{AtTheEnd, Options, Pace, Progress, Recording, ReplayError, send};
use arancini_generate::{Scenario, termination};
use arancini_rib::CurationMode;

/// The bytes of each session, with its source address.
type Sessions = JoinHandle<Vec<(IpAddr, Vec<u8>)>>;

/// Accepts this many connections and returns the bytes of each, with its source address.
fn collector(connections: usize) -> (SocketAddr, Sessions) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let sessions = std::thread::spawn(move || {
        let sessions: Vec<_> = (0..connections)
            .map(|_| {
                let (mut stream, from) = listener.accept().unwrap();
                std::thread::spawn(move || {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).unwrap();
                    (from.ip(), bytes)
                })
            })
            .collect();
        sessions
            .into_iter()
            .map(|session| session.join().unwrap())
            .collect()
    });
    (address, sessions)
}

fn stream() -> Vec<u8> {
    Scenario {
        prefixes_per_peer: 50,
        ..Scenario::default()
    }
    .to_bytes()
}

/// An Ethernet frame with a VLAN tag, IP and TCP around a payload.
fn frame(from: SocketAddr, to: SocketAddr, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut tcp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    tcp.extend(sequence.to_be_bytes());
    tcp.extend([0; 4]);
    tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(payload);
    let mut frame = vec![0; 12];
    frame.extend([0x81, 0, 0, 5]);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend([0x08, 0, 0x45, 0]);
            frame.extend((20 + tcp.len() as u16).to_be_bytes());
            frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
            frame.extend(from.octets());
            frame.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            // A destination options header of 8 bytes comes before TCP.
            frame.extend((8 + tcp.len() as u16).to_be_bytes());
            frame.extend([60, 64]);
            frame.extend(from.octets());
            frame.extend(to.octets());
            frame.extend([6, 0, 1, 4, 0, 0, 0, 0]);
        }
        _ => panic!("mixed families"),
    }
    frame.extend(tcp);
    frame.extend([0; 3]); // a trailer that is not part of the IP packet
    frame
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// The first sequence number is near the end of the number space, so that sequence numbers wrap.
const FIRST: u32 = u32::MAX - 1000;

/// Returns the packets of a connection that carries the stream. Some are out of order or sent twice, and packets of another
/// connection lie between them.
fn packets(from: SocketAddr, to: SocketAddr, stream: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = vec![
        frame(from, to, FIRST, SYN, &[]),
        frame(to, from, 77, SYN | ACK, &[]),
        frame(
            "10.9.9.9:5".parse().unwrap(),
            "10.9.9.8:80".parse().unwrap(),
            1,
            ACK,
            b"GET / HTTP/1.1",
        ),
    ];
    let mut offset = 0;
    for chunk in stream.chunks(700) {
        let sequence = FIRST.wrapping_add(1 + offset as u32);
        packets.push(frame(from, to, sequence, ACK, chunk));
        packets.push(frame(to, from, 78, ACK, &[]));
        offset += chunk.len();
    }
    let last = packets.len() - 1;
    packets.swap(3, 5);
    packets.swap(last - 1, last - 5);
    let again = packets[7].clone();
    packets.push(again);
    packets
}

/// The byte order of a capture.
#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

/// Returns a capture in the classic pcap format.
fn classic(packets: &[Vec<u8>], order: ByteOrder) -> Vec<u8> {
    let word = |value: u32| match order {
        ByteOrder::Big => value.to_be_bytes(),
        ByteOrder::Little => value.to_le_bytes(),
    };
    let mut file = [
        word(0xa1b2_c3d4),
        word(0x0004_0002),
        word(0),
        word(0),
        word(65_535),
        word(1),
    ]
    .concat();
    for (index, packet) in packets.iter().enumerate() {
        let length = packet.len() as u32;
        file.extend(
            [
                word(1_700_000_000 + index as u32),
                word(5),
                word(length),
                word(length),
            ]
            .concat(),
        );
        file.extend(packet);
    }
    file
}

/// Returns a capture in the format pcapng.
fn next_generation(packets: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let length = (12 + padded as u32).to_le_bytes();
        [
            &kind.to_le_bytes(),
            length.as_slice(),
            body,
            &vec![0; padded - body.len()],
            &length,
        ]
        .concat()
    };
    let mut file = block(
        0x0a0d_0d0a,
        &[
            0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ],
    );
    // The link layer is Ethernet, and the option sets the resolution to nanoseconds.
    file.extend(block(
        1,
        &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
    ));
    file.extend(block(5, &[0; 12]));
    for (index, packet) in packets.iter().enumerate() {
        let time = 1_700_000_000_000_000_000 + index as u64 * 1_000_000_000;
        let mut body = 0_u32.to_le_bytes().to_vec();
        body.extend(((time >> 32) as u32).to_le_bytes());
        body.extend((time as u32).to_le_bytes());
        body.extend(
            [
                (packet.len() as u32).to_le_bytes(),
                (packet.len() as u32).to_le_bytes(),
            ]
            .concat(),
        );
        body.extend(packet);
        file.extend(block(6, &body));
    }
    file
}

#[test]
fn a_file_with_another_compression_names_the_program_that_reads_it() {
    for (bytes, program) in [
        (&[0x1f, 0x8b, 8, 0][..], "zcat x.mrt | "),
        (b"BZh91AY", "bzcat x.mrt | "),
        (b"\xfd7zXZ\0", "xzcat x.mrt | "),
    ] {
        let error = Recording::detect("x.mrt", bytes.to_vec())
            .unwrap_err()
            .to_string();
        assert!(error.contains(program), "{error}");
    }
}

#[test]
fn captures_give_the_stream_that_was_sent() {
    let stream = stream();
    for (from, to) in [
        ("10.0.0.1:30000", "10.0.0.9:4000"),
        ("[2001:db8::1]:30000", "[2001:db8::9]:4000"),
    ] {
        let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
        let packets = packets(from, to, &stream);
        for file in [
            classic(&packets, ByteOrder::Little),
            classic(&packets, ByteOrder::Big),
            next_generation(&packets),
        ] {
            let compressed = zstd::encode_all(file.as_slice(), 0).unwrap();
            for file in [file, compressed] {
                let found = Recording::detect("test", file).unwrap();
                assert_eq!(found.len(), 1);
                assert_eq!(found[0].source, Some(from.ip()));
                assert!(
                    found[0].bytes == stream,
                    "{} of {} bytes",
                    found[0].bytes.len(),
                    stream.len()
                );
                assert!(found[0].notes.is_empty(), "{:?}", found[0].notes);
                let times: Vec<_> = found[0]
                    .messages()
                    .map(|message| message.time_ns.unwrap())
                    .collect();
                assert!(times.is_sorted());
                assert!(
                    times[0] >= 1_700_000_000_000_000_000,
                    "not the time of the capture: {}",
                    times[0]
                );
            }
        }
    }
}

#[test]
fn a_capture_with_holes_says_so_and_keeps_what_is_whole() {
    let stream = stream();
    let (from, to) = (
        "10.0.0.1:30000".parse().unwrap(),
        "10.0.0.9:4000".parse().unwrap(),
    );
    let mut without_one = packets(from, to, &stream);
    let (first, second) = (without_one[11].clone(), without_one[12].clone());
    without_one.retain(|packet| *packet != first && *packet != second);
    let found = Recording::detect("gap", classic(&without_one, ByteOrder::Little)).unwrap();
    assert!(stream.starts_with(&found[0].bytes) && found[0].bytes.len() < stream.len());
    assert_eq!(found[0].notes.len(), 1, "{:?}", found[0].notes);

    // Without the first packets the recording starts at the next whole message.
    let later: Vec<_> = packets(from, to, &stream).split_off(8);
    let found = Recording::detect("late", classic(&later, ByteOrder::Little)).unwrap();
    assert!(stream.ends_with(&found[0].bytes), "not the rest of the stream");
    assert!(found[0].messages().all(|message| message.message_type.is_some()));

    let mut cut = classic(&packets(from, to, &stream), ByteOrder::Little);
    cut.truncate(cut.len() - 10);
    assert_eq!(
        Recording::detect("cut", cut).unwrap()[0].notes,
        ["the capture ends inside a packet"]
    );

    let web = vec![
        frame(from, to, 1, SYN, &[]),
        frame(from, to, 2, ACK, b"GET / HTTP/1.1"),
    ];
    assert!(matches!(
        Recording::detect("web", classic(&web, ByteOrder::Little)),
        Err(ReplayError::NoBmp { flows: 1, .. })
    ));
}

#[test]
fn damaged_captures_never_panic() {
    let (from, to) = (
        "10.0.0.1:30000".parse().unwrap(),
        "10.0.0.9:4000".parse().unwrap(),
    );
    let packets = packets(from, to, &stream()[..3000]);
    for file in [classic(&packets, ByteOrder::Little), next_generation(&packets)] {
        for length in 0..file.len().min(600) {
            let _ = Recording::detect("cut", file[..length].to_vec());
        }
        for index in 0..file.len() {
            let mut damaged = file.clone();
            damaged[index] ^= 0xff;
            let _ = Recording::detect("damaged", damaged);
        }
    }
}

#[test]
fn a_stream_arrives_as_it_was_recorded_and_is_counted() {
    let bytes = stream();
    let (to, sessions) = collector(3);
    let options = Options {
        repeat: 3,
        ..Options::new(to)
    };
    let progress = Progress::default();
    let sent = send(
        &[Recording::from_bytes("test", bytes.clone())],
        &options,
        &progress,
    )
    .unwrap();
    for (_, received) in sessions.join().unwrap() {
        assert!(received == bytes);
    }
    let expected = Scenario {
        prefixes_per_peer: 50,
        ..Scenario::default()
    }
    .expected();
    assert_eq!(sent.summary.sessions, 3);
    assert_eq!(sent.summary.bytes, 3 * bytes.len() as u64);
    assert_eq!(sent.summary.messages.total(), 3 * expected.messages);
    assert_eq!(
        sent.summary.messages.named().find(|(name, _)| *name == "peer_up"),
        Some(("peer_up", 6))
    );
    assert_eq!(progress.messages.into_inner(), 3 * expected.messages);
    assert!(sent.open.is_empty());
}

/// A collector closes the connection after a Termination (RFC 7854 §4.5), so the rest needs a connection of its own.
#[test]
fn what_follows_a_termination_is_sent_and_decoded_as_the_next_session() {
    let bytes = stream();
    let terminated = [bytes.clone(), termination(0)].concat();
    let recording = Recording::from_bytes("test", [terminated.clone(), bytes.clone()].concat());
    let (to, sessions) = collector(2);
    let sent = send(
        std::slice::from_ref(&recording),
        &Options::new(to),
        &Progress::default(),
    );
    assert_eq!(sent.unwrap().summary.sessions, 2);
    let sessions: Vec<Vec<u8>> = sessions
        .join()
        .unwrap()
        .into_iter()
        .map(|(_, bytes)| bytes)
        .collect();
    assert!(sessions == [terminated.clone(), bytes]);

    let router = IpAddr::from(Ipv4Addr::LOCALHOST);
    let decode = |recording: &Recording| {
        let mut decoder = Decoder::new(CurationMode::Attributes);
        let reason = decoder.decode(recording, router, |_| Ok(())).unwrap();
        (
            reason,
            decoder.summary()["messages"]["route_monitoring"]
                .as_u64()
                .unwrap(),
        )
    };
    let (reason, messages) = decode(&recording);
    let (_, once) = decode(&Recording::from_bytes("once", terminated.clone()));
    assert_eq!((reason, messages), (None, 2 * once));
    let broken = [terminated.as_slice(), b"GET / HTTP/1.1"].concat();
    let (reason, _) = decode(&Recording::from_bytes("broken", broken));
    let at = format!("byte {}", terminated.len());
    assert!(
        reason.as_ref().is_some_and(|reason| reason.contains(&at)),
        "{reason:?}"
    );
}

#[test]
fn each_source_address_is_a_router_and_may_stay() {
    let bytes = stream();
    let from: Vec<IpAddr> = vec!["127.0.0.2".parse().unwrap(), "127.0.0.3".parse().unwrap()];
    let (to, sessions) = collector(2);
    let options = Options {
        from: from.clone(),
        at_the_end: AtTheEnd::KeepOpen,
        ..Options::new(to)
    };
    let recordings = [Recording::from_bytes("test", bytes.clone())];
    let sent = send(&recordings, &options, &Progress::default()).unwrap();
    assert_eq!(sent.open.len(), 2);
    drop(sent.open);
    let mut sessions = sessions.join().unwrap();
    sessions.sort();
    for ((source, received), from) in sessions.into_iter().zip(from) {
        assert_eq!(source, from);
        assert!(received == bytes);
    }
}

#[test]
fn what_is_not_bmp_is_sent_as_it_is() {
    let mut bytes = stream();
    let whole = bytes.len();
    bytes.extend(b"garbage");
    let (to, sessions) = collector(1);
    let sent = send(
        &[Recording::from_bytes("test", bytes.clone())],
        &Options::new(to),
        &Progress::default(),
    )
    .unwrap();
    assert!(sessions.join().unwrap()[0].1 == bytes);
    assert_eq!(
        (sent.summary.unframed_bytes, sent.summary.bytes),
        (7, whole as u64 + 7)
    );
}

#[test]
fn a_paced_replay_sends_everything_too() {
    let bytes = stream();
    let (to, sessions) = collector(1);
    let options = Options {
        pace: Pace::Recorded {
            speed: 1000.0,
            longest_pause: std::time::Duration::from_millis(1),
        },
        ..Options::new(to)
    };
    send(
        &[Recording::from_bytes("test", bytes.clone())],
        &options,
        &Progress::default(),
    )
    .unwrap();
    assert!(sessions.join().unwrap()[0].1 == bytes);
}

#[test]
fn no_collector_is_said_with_what_to_do() {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let error = send(
        &[Recording::from_bytes("test", stream())],
        &Options::new(address),
        &Progress::default(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("is the collector running there?"),
        "{error}"
    );
}
