//! MRT files as recordings: messages of both widths of AS numbers, path identifiers, changes of state, tables, and damage.
#![allow(clippy::unwrap_used)]

use arancini_collector::offline::{Decoder, write_json};
use arancini_collector::replay::Recording;
use arancini_rib::CurationMode;
use serde_json::Value;

const TIME: u32 = 1_700_000_000;

/// A record of MRT.
fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let mut record = TIME.to_be_bytes().to_vec();
    record.extend(kind.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend((body.len() as u32).to_be_bytes());
    record.extend(body);
    record
}

/// The start of a BGP4MP record of the peer 192.0.2.1, with AS numbers of two or four octets.
fn session(width: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for asn in [64_500_u32, 64_501] {
        body.extend_from_slice(&asn.to_be_bytes()[4 - width..]);
    }
    body.extend([0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2, 2]);
    body
}

/// An UPDATE that announces 203.0.113.0/24 with a path of one AS, before which a path identifier may stand.
fn update(path: &[u8], path_id: &[u8]) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 2 + path.len() as u8, 2, 1];
    attributes.extend(path);
    attributes.extend([0x40, 3, 4, 192, 0, 2, 1]);
    let nlri = [path_id, &[24, 203, 0, 113]].concat();
    let mut message = vec![0xff; 16];
    message.extend((23 + attributes.len() as u16 + nlri.len() as u16).to_be_bytes());
    message.extend([2, 0, 0]);
    message.extend((attributes.len() as u16).to_be_bytes());
    message.extend(attributes);
    message.extend(nlri);
    message
}

/// Decodes a file. Returns its events as JSON, and the notes.
fn decode(bytes: &[u8]) -> (Vec<Value>, Vec<String>) {
    let recordings = Recording::detect("x.mrt", bytes.to_vec()).unwrap();
    let mut decoder = Decoder::new(CurationMode::Off);
    let mut lines = Vec::new();
    for recording in &recordings {
        let decoded = decoder.decode(recording, [10, 0, 0, 1].into(), |batch| {
            write_json(batch, &mut lines)
        });
        decoded.unwrap();
    }
    let lines = String::from_utf8(lines).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    (events.collect(), recordings[0].notes.clone())
}

fn updates(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == "update").collect()
}

#[test]
fn messages_with_two_and_with_four_octets_of_an_as_number() {
    let two = record(16, 1, &[session(2), update(&[0xfb, 0xf4], &[])].concat());
    let four = record(16, 4, &[session(4), update(&[0, 1, 0, 1], &[])].concat());
    for (file, path) in [(two, 64_500), (four, 65_537)] {
        let (events, notes) = decode(&file);
        let updates = updates(&events);
        assert_eq!((updates.len(), notes.len()), (1, 0), "{events:?}");
        assert_eq!(updates[0]["asPath"], Value::from(vec![path]));
        assert_eq!(updates[0]["prefix"], "203.0.113.0/24");
        assert_eq!(updates[0]["peerAddr"], "192.0.2.1");
        assert_eq!(updates[0]["peerAsn"], 64_500);
        assert_eq!(updates[0]["timeBmpHeaderNs"], "1700000000000000000");
    }
}

#[test]
fn microseconds_and_path_identifiers() {
    let mut body = 123_456_u32.to_be_bytes().to_vec();
    body.extend(session(4));
    body.extend(update(&[0, 0, 0xfb, 0xf4], &[0, 0, 0, 7]));
    let (events, _) = decode(&record(17, 9, &body));
    let updates = updates(&events);
    assert_eq!(updates[0]["pathId"], 7);
    assert_eq!(updates[0]["timeBmpHeaderNs"], "1700000000123456000");
}

/// What a speaker sent to its peer is another view than what it received.
#[test]
fn messages_that_were_sent_are_adj_rib_out() {
    let (events, _) = decode(&record(
        16,
        7,
        &[session(4), update(&[0, 0, 0xfb, 0xf4], &[])].concat(),
    ));
    assert_eq!(updates(&events)[0]["ribView"], "adj-rib-out-pre");
}

#[test]
fn changes_of_state_are_peer_up_and_peer_down() {
    let state = |from: u16, to: u16| {
        let states = [from.to_be_bytes(), to.to_be_bytes()].concat();
        record(16, 5, &[session(4), states].concat())
    };
    let message = record(16, 4, &[session(4), update(&[0, 0, 0xfb, 0xf4], &[])].concat());
    let (events, notes) = decode(&[state(5, 6), message, state(6, 1), state(1, 2)].concat());
    assert!(notes.is_empty(), "{notes:?}");
    let told: Vec<String> = events
        .iter()
        .filter(|event| event["type"] != "router")
        .map(|event| format!("{} {} {}", event["type"], event["kind"], event["announced"]))
        .collect();
    assert_eq!(
        told,
        [
            "\"peer\" \"up\" null",
            "\"update\" null true",
            "\"peer\" \"down\" null",
        ]
    );
}

#[test]
fn a_file_that_is_cut_short_or_holds_something_else_says_where() {
    let message = record(16, 4, &[session(4), update(&[0, 0, 0xfb, 0xf4], &[])].concat());
    let whole = message.len();
    let cut = [&message[..], &message[..whole - 1]].concat();
    let (events, notes) = decode(&cut);
    assert_eq!(updates(&events).len(), 1);
    assert!(notes[0].contains(&format!("from byte {whole} on")), "{notes:?}");
    // Another protocol, a table without peers, and a damaged record.
    let ospf = record(11, 0, &[0; 8]);
    let rib = record(
        13,
        2,
        &[0, 0, 0, 0, 24, 203, 0, 113, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    let short = record(16, 4, &[0; 3]);
    let (events, notes) = decode(&[&message[..], &ospf, &rib, &short].concat());
    assert_eq!(updates(&events).len(), 1);
    assert_eq!(
        notes,
        [
            "1 damaged record is left out",
            "1 record is left out: only BGP4MP, BGP4MP_ET and TABLE_DUMP_V2 are read, and families whose NLRI have a length",
            "1 route is left out: no table of peers before it in the file has the peer",
        ]
    );
    let (_, notes) = decode(&[&message[..], &short, &short].concat());
    assert_eq!(notes, ["2 damaged records are left out"]);
}

/// Such a message made the core take all records behind it for damage.
#[test]
fn a_bgp_message_of_an_impossible_length_is_one_damaged_record() {
    let whole = update(&[0, 0, 0xfb, 0xf4], &[]);
    let message = |bytes: &[u8]| record(16, 4, &[&session(4)[..], bytes].concat());
    let too_long = [&whole[..], &vec![0; 2 << 20]].concat();
    for impossible in [&whole[..18], &too_long] {
        let (events, notes) = decode(&[message(&whole), message(impossible), message(&whole)].concat());
        assert_eq!(updates(&events).len(), 2, "{notes:?}");
        assert!(notes.len() == 1 && notes[0].contains("damaged"), "{notes:?}");
    }
}

/// A record holds its NLRI once, and each of its routes needs a copy: 584 kB became 3.9 GB.
#[test]
fn a_record_whose_routes_would_fill_the_memory_is_damaged() {
    let mut peers = vec![0, 0, 0, 0, 0, 0, 0, 1, 2, 192, 0, 2, 1, 192, 0, 2, 1];
    peers.extend(64_500_u32.to_be_bytes());
    let table = |nlri_octets: u16, routes: u16| {
        let mut rib = vec![0, 0, 0, 0, 0x40, 0x04, 71, 0, 1];
        rib.extend(nlri_octets.to_be_bytes());
        rib.extend(vec![0; nlri_octets.into()]);
        rib.extend(routes.to_be_bytes());
        rib.extend(vec![0; 8 * usize::from(routes)]);
        [record(13, 1, &peers), record(13, 6, &rib)].concat()
    };
    let read = |bytes: &[u8]| Recording::detect("x.mrt", bytes.to_vec()).unwrap().remove(0);
    let usual = read(&table(100, 1000));
    assert!(
        usual.notes.is_empty() && usual.bytes.len() > 100_000,
        "{:?}",
        usual.notes
    );
    let large = read(&[table(60_000, 2000), table(100, 1)].concat());
    assert!(large.bytes.len() < 1000, "{} octets", large.bytes.len());
    assert!(
        large.notes.len() == 1 && large.notes[0].contains("damaged"),
        "{:?}",
        large.notes
    );
}

/// The file is not trusted: no byte of it may cause a panic, and the messages stay in proportion to it.
#[test]
fn no_damage_of_a_file_does_harm() {
    let mut peers = vec![0, 0, 0, 0, 0, 0, 0, 1, 2, 192, 0, 2, 1, 192, 0, 2, 1];
    peers.extend(64_500_u32.to_be_bytes());
    let attributes = [0x40, 1, 1, 0, 0x80, 14, 5, 4, 192, 0, 2, 1];
    let mut rib = vec![0, 0, 0, 0, 24, 203, 0, 113, 0, 2];
    for _ in 0..2 {
        rib.extend([0, 0, 0, 0, 0, 0, 0, attributes.len() as u8]);
        rib.extend(attributes);
    }
    let file = [
        record(13, 1, &peers),
        record(13, 2, &rib),
        record(
            16,
            9,
            &[session(4), update(&[0, 0, 0xfb, 0xf4], &[0, 0, 0, 7])].concat(),
        ),
        record(16, 1, &[session(2), update(&[0xfb, 0xf4], &[])].concat()),
        record(16, 5, &[session(4), vec![0, 6, 0, 1]].concat()),
    ]
    .concat();
    assert_eq!(updates(&decode(&file).0).len(), 4);
    let check = |bytes: &[u8]| {
        let recordings = Recording::detect("x.mrt", bytes.to_vec()).unwrap();
        assert!(recordings[0].bytes.len() <= 1000 + 200 * bytes.len());
        decode(bytes);
    };
    // An empty file is refused.
    for end in 1..file.len() {
        check(&file[..end]);
    }
    for at in 0..file.len() {
        for value in [0, 1, 0x7f, 0xff, file[at] ^ 0x10] {
            let mut bytes = file.clone();
            bytes[at] = value;
            check(&bytes);
        }
    }
}
