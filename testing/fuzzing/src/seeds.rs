//! Seeds: pieces of recorded and generated streams, each followed by the few octets that its target needs.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arancini_core::{Counters, Now, Settings, Shard};
use arancini_generate::{
    AddPathMode, Open, Peer, PeerDown, end_of_rib, initiation, peer_down, peer_up, route_monitoring,
};
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::{AsWidth, MessageType, Update};
use arancini_wire::bmp::Message;
use arancini_wire::iana::AfiSafi;

use crate::frames::frames;
use crate::framing_session::SETTINGS_OCTETS;
use crate::snapshot::{FILE, blocks_of, snapshot_of};
use crate::update::FAMILIES;

/// Longest seed. Mutations of longer ones rarely give anything new.
const MAX_OCTETS: usize = 2048;
/// Largest number of seeds of a target. Of more seeds every n-th is taken.
pub const MOST: usize = 2000;

/// Root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The directory of the full recordings, `$ARANCINI_CORPUS` or beside the repository; `None` if they are not there.
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    let beside = || root().join("../shared/corpus");
    let path = std::env::var_os("ARANCINI_CORPUS").map_or_else(beside, PathBuf::from);
    path.is_dir().then_some(path)
}

/// Names and bytes of the recorded streams in a directory, sorted by name.
///
/// # Panics
/// If one can't be read.
#[must_use]
pub fn streams(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .expect("the directory can be read")
        .map(|entry| entry.expect("the directory can be read").path())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let file = path.file_name()?.to_str()?;
        let bytes = || std::fs::read(path).expect("a recording can be read");
        if let Some(name) = file.strip_suffix(".bmp.zst") {
            let bytes = zstd::decode_all(&bytes()[..]).expect("a recording can be unpacked");
            return Some((name.to_owned(), bytes));
        }
        let name = file.strip_suffix(".bmp")?;
        Some((name.to_owned(), bytes()))
    };
    paths.iter().filter_map(read).collect()
}

/// The seeds of a target, from these streams and from generated messages.
#[must_use]
pub fn of(target: &str, streams: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    match target {
        "framing_session" => framing_session(streams, &mut seeds),
        "segments" => segments(streams, &mut seeds),
        "snapshot" => snapshots(streams, &mut seeds),
        "opaque" => {
            messages(target, streams, &mut seeds);
            seeds.extend(OPAQUE.iter().map(|(family, field)| with(field, &[1, *family])));
        }
        #[cfg(feature = "collector")]
        "configuration" => configuration(&mut seeds),
        #[cfg(feature = "collector")]
        "mrt" => crate::made_seeds::mrt(streams, &mut seeds),
        #[cfg(feature = "collector")]
        "proxy_header" => crate::made_seeds::proxy_headers(&mut seeds),
        _ => messages(target, streams, &mut seeds),
    }
    seeds.retain(|seed: &Vec<u8>| seed.len() <= MAX_OCTETS);
    let every = seeds.len().div_ceil(MOST).max(1);
    seeds.into_iter().step_by(every).collect()
}

/// Snapshots of shards that received the beginnings of the streams, as files and as blocks.
fn snapshots(streams: &[(String, Vec<u8>)], seeds: &mut BTreeSet<Vec<u8>>) {
    let generated = ("generated".to_owned(), generated());
    for (_, stream) in streams.iter().chain([&generated]) {
        let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
        let session = shard.handle_connect(IpAddr::from([192, 0, 2, 1]), 1, Now::default());
        for (number, frame) in frames(stream).into_iter().take(60).enumerate() {
            if shard.handle_all_bytes(session, frame, Now::default()).is_err() {
                break;
            }
            while shard.poll_batch().is_some() {}
            if number % 6 == 5 {
                let bytes = snapshot_of(&mut shard);
                seeds.insert(blocks_of(&bytes));
                seeds.insert([&[FILE][..], &bytes].concat());
            }
        }
    }
}

fn with(body: &[u8], settings: &[u8]) -> Vec<u8> {
    [body, settings].concat()
}

fn messages(target: &str, streams: &[(String, Vec<u8>)], seeds: &mut BTreeSet<Vec<u8>>) {
    let generated = ("generated".to_owned(), generated());
    for (_, stream) in streams.iter().chain([&generated]) {
        for frame in frames(stream) {
            match Message::new_checked(frame) {
                Ok(Message::RouteMonitoring(message)) if target != "open" => {
                    for pdu in message.pdus().flatten() {
                        if pdu.kind() == MessageType::Update {
                            update(target, pdu.body, message.peer().is_legacy_as_path(), seeds);
                        }
                    }
                }
                Ok(Message::RouteMonitoring(_)) => {}
                _ if target == "open" => {
                    seeds.insert(with(frame, &[crate::open::WHOLE]));
                    if let Ok(Message::PeerUp(up)) = Message::new_checked(frame) {
                        let (sent, received) = (up.sent_open().as_bytes(), up.received_open().as_bytes());
                        seeds.insert(with(sent, &[crate::open::WHOLE]));
                        let (sent, received) = (&sent[29..], &received[29..]);
                        let settings = [sent.len() as u8, crate::open::PARAMETERS];
                        seeds.insert([sent, received, &settings].concat());
                    } else {
                        seeds.insert(with(&frame[6..], &[frame[5], 2]));
                    }
                }
                _ => {}
            }
        }
    }
}

fn update(target: &str, body: &[u8], two_octet_as: bool, seeds: &mut BTreeSet<Vec<u8>>) {
    let flags = u8::from(two_octet_as);
    let Ok(update) = Update::new_checked(body) else {
        return;
    };
    if target == "nlri" || target == "opaque" {
        let width = if two_octet_as { AsWidth::Two } else { AsWidth::Four };
        let mut fields = vec![
            (AfiSafi::IPV4_UNICAST, update.withdrawn()),
            (AfiSafi::IPV4_UNICAST, update.nlri()),
        ];
        if let Ok(attributes) = PathAttributes::parse(update.attributes(), width) {
            fields.extend(attributes.mp_reach.map(|mp| (mp.family, mp.nlri)));
            fields.extend(attributes.mp_unreach.map(|mp| (mp.family, mp.nlri)));
        }
        for (family, field) in fields {
            if target == "opaque" {
                let number = crate::opaque::FAMILIES.iter().position(|each| *each == family);
                seeds.extend(number.map(|number| with(field, &[number as u8, number as u8])));
                continue;
            }
            let [high, low] = family.afi.to_be_bytes();
            seeds.insert(with(field, &[high, low, family.safi, 0]));
            seeds.insert(with(field, &[high, low, family.safi, 1]));
        }
        return;
    }
    seeds.insert(with(body, &[0, flags]));
    if target == "update" {
        seeds.insert(with(body, &[0xff, flags]));
        seeds.insert(with(body, &[1, flags | 2]));
    } else {
        seeds.insert(with(body, &[1, flags]));
    }
}

/// A script: it gives out messages, lets time go by, loses a session and begins it again.
const SCRIPTS: [&[[u8; 2]]; 4] = [
    &[],
    &[
        [0x00, 3],
        [0x10, 3],
        [0x08, 9],
        [0x00, 2],
        [0x0a, 100],
        [0x0d, 255],
    ],
    &[[0x00, 4], [0x07, 0], [0x09, 2], [0x00, 4], [0x0f, 0], [0x0a, 255]],
    &[[0x00, 4], [0x15, 30], [0x0e, 0], [0x00, 4], [0x09, 60], [0x0c, 0]],
];

fn framing_session(streams: &[(String, Vec<u8>)], seeds: &mut BTreeSet<Vec<u8>>) {
    let generated = ("generated".to_owned(), generated());
    let mut number = 0_usize;
    for (_, stream) in streams.iter().chain([&generated]) {
        let frames = frames(stream);
        // The Peer Ups say how to read the routes, so they stand before every piece of the stream.
        let ups: Vec<_> = frames
            .iter()
            .filter(|frame| frame[5] == 3)
            .take(2)
            .copied()
            .collect();
        let pieces: Vec<_> = frames.chunks(8).collect();
        for (number_in_stream, piece) in pieces.iter().step_by((pieces.len() / 40).max(1)).enumerate() {
            number += 1;
            let script = SCRIPTS[number % SCRIPTS.len()];
            // The first piece is as it is, because some streams begin without a Peer Up.
            let ups: &[&[u8]] = if number_in_stream == 0 { &[] } else { &ups };
            let mut seed = [ups.concat(), piece.concat()].concat();
            for step in script.iter().rev() {
                seed.extend([step[1], step[0]]);
            }
            let mut settings = [0; SETTINGS_OCTETS];
            settings[0] = script.len() as u8;
            settings[1] = number as u8;
            settings[3] = 200;
            settings[4] = 0x11;
            settings[5] = 0x84;
            settings[6] = if number.is_multiple_of(3) { 3 } else { 0 };
            settings[7] = (number % 3) as u8;
            seed.extend(settings);
            seeds.insert(seed);
        }
    }
}

/// Payloads of every kind that a shard makes of the streams.
fn segments(streams: &[(String, Vec<u8>)], seeds: &mut BTreeSet<Vec<u8>>) {
    use arancini_core::{BatchSettings, Counters, Now, Settings, Shard};

    let generated = ("generated".to_owned(), generated());
    for (_, stream) in streams.iter().chain([&generated]) {
        let batch = BatchSettings {
            max_bytes: 512,
            ..BatchSettings::default()
        };
        let settings = Settings {
            batch,
            ..Settings::default()
        };
        let mut shard = Shard::new(0, settings, std::sync::Arc::new(Counters::default()));
        let now = Now {
            monotonic_ns: 1,
            unix_ns: 1,
        };
        let session = shard.handle_connect([192, 0, 2, 1].into(), 1, now);
        for frame in frames(stream).into_iter().take(2000) {
            if shard.handle_all_bytes(session, frame, now).is_err() {
                break;
            }
        }
        shard.handle_flush(now);
        while let Some(batch) = shard.poll_batch() {
            seeds.insert(batch.payload);
        }
    }
}

#[cfg(feature = "collector")]
fn configuration(seeds: &mut BTreeSet<Vec<u8>>) {
    let template = arancini_collector::config::template();
    // Each setting alone with its default value, and all settings of a section.
    for section in template.split("\n[") {
        let lines: Vec<_> = section.lines().collect();
        let name = lines.first().map_or("", |line| line.trim_end_matches(']'));
        let header = if lines.first().is_some_and(|line| line.ends_with(']')) {
            format!("[{name}]\n")
        } else {
            String::new()
        };
        let mut whole = header.clone();
        for setting in lines.iter().filter_map(|line| line.strip_prefix("# ")) {
            let Some((key, value)) = setting.split_once(" = ") else {
                continue;
            };
            seeds.insert(format!("{header}{setting}\n").into_bytes());
            whole.push_str(&format!("{setting}\n"));
            let section = if header.is_empty() {
                String::new()
            } else {
                format!("{name}__")
            };
            let variable = format!(
                "\0ARANCINI_{}={}\n",
                format!("{section}{key}").to_uppercase(),
                value.trim_matches('"')
            );
            seeds.insert(variable.into_bytes());
        }
        seeds.insert(whole.into_bytes());
    }
}

/// NLRI fields with attributes in them, which the recordings do not have, behind the place of their family in
/// [`crate::opaque::FAMILIES`]: EVPN of the types 1, 2, 5 and 6, MUP T1ST, and prefixes with spare bits.
const OPAQUE: [(u8, &[u8]); 7] = [
    (
        0,
        &[
            1, 25, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 7, 0, 1, 1,
        ],
    ),
    (
        0,
        &[
            2, 37, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 7, 48, 2, 0, 0x5e, 0,
            0, 1, 32, 192, 0, 2, 9, 0, 1, 1,
        ],
    ),
    (
        0,
        &[
            5, 34, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 203, 0, 113,
            9, 192, 0, 2, 1, 0, 1, 1,
        ],
    ),
    (
        0,
        &[
            6, 24, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 0, 0, 7, 0, 32, 233, 252, 0, 1, 32, 192, 0, 2, 1, 2,
        ],
    ),
    (
        1,
        &[
            1, 0, 3, 22, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 24, 203, 0, 113, 0, 0, 0, 1, 9, 32, 192, 0, 2, 1, 0,
        ],
    ),
    (3, &[60, 0, 0, 0xfd, 0xe8, 0, 2, 0xfd, 0xff]),
    (4, &[5, 1, 20, 203, 0, 127]),
];

/// Well-formed attributes that the recordings do not have.
const RARE_ATTRIBUTES: [&[u8]; 16] = [
    &[0xc0, 7, 8, 0, 1, 0, 0, 192, 0, 2, 1],
    &[0xc0, 7, 6, 0x5b, 0xa0, 192, 0, 2, 1],
    &[0x80, 9, 4, 192, 0, 2, 1],
    &[0x80, 10, 8, 192, 0, 2, 1, 192, 0, 2, 2],
    &[0xc0, 17, 10, 2, 2, 0, 1, 0, 0, 0, 0, 0xfd, 0xe8],
    &[0xc0, 18, 8, 0, 1, 0, 0, 192, 0, 2, 1],
    &[0xc0, 22, 5, 0, 6, 0, 1, 0],
    &[0x80, 26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 100],
    &[0x80, 29, 8, 4, 64, 0, 4, 192, 0, 2, 1],
    &[0xc0, 35, 4, 0, 0, 0xfd, 0xe8],
    &[0xc0, 40, 10, 1, 0, 7, 0, 0, 0, 0, 0, 0, 7],
    &[0xc0, 128, 8, 0, 0, 0xfd, 0xe8, 0x40, 1, 1, 0],
    &[
        0xc0, 25, 20, 0, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 7,
    ],
    &[0xc0, 32, 12, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 0, 0, 0, 2],
    &[0xc0, 16, 8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 1],
    &[0x40, 6, 0],
];

/// The body of an UPDATE with these attributes behind the mandatory ones, and this NLRI field.
fn body(as_path: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let path = [&[0x40, 2, as_path.len() as u8], as_path].concat();
    let all = [
        &[0x40, 1, 1, 0][..],
        &path,
        &[0x40, 3, 4, 192, 0, 2, 1],
        attributes,
    ]
    .concat();
    [&[0, 0][..], &(all.len() as u16).to_be_bytes(), &all, nlri].concat()
}

/// The body of an UPDATE behind its header.
fn pdu(body: &[u8]) -> Vec<u8> {
    [
        &[0xff; 16][..],
        &(body.len() as u16 + 19).to_be_bytes(),
        &[2],
        body,
    ]
    .concat()
}

/// A small stream of what the recordings do not have: Add-Path in every direction, rare attributes and families, an end.
fn generated() -> Vec<u8> {
    let address = std::net::Ipv4Addr::new(192, 0, 2, 1);
    let mut stream = initiation("r1", "seed");
    let mut sent = Open::new(64_496, address);
    let mut received = Open::new(64_500, address);
    for family in FAMILIES {
        sent = sent.with_add_path(family, AddPathMode::Both);
        received = received.with_add_path(family, AddPathMode::Both);
    }
    let peer = Peer::new(std::net::IpAddr::V4(address), 64_500, address);
    // These routes are of a peer without a Peer Up so far.
    let nameless = Peer {
        bgp_id: std::net::Ipv4Addr::UNSPECIFIED,
        ..peer
    };
    stream.extend(route_monitoring(
        &nameless,
        &pdu(&body(&[2, 1, 0, 0, 0xfd, 0xe8], &[], &[8, 10])),
    ));
    stream.extend(peer_up(&peer, address.into(), &sent, &received));
    let mut updates: Vec<Vec<u8>> = FAMILIES
        .into_iter()
        .map(|family| end_of_rib(family)[19..].to_vec())
        .collect();
    let four = [2, 1, 0, 0, 0xfd, 0xe8];
    let confederation = [
        3, 1, 0, 0, 0xfd, 0xe9, 2, 1, 0, 0, 0xfd, 0xe8, 1, 2, 0, 0, 0, 7, 0, 0, 0, 8,
    ];
    let with_ids = [0, 0, 0, 7, 8, 10, 0, 0, 0, 8, 24, 198, 51, 100];
    for attribute in RARE_ATTRIBUTES {
        updates.push(body(&four, attribute, &with_ids));
        // This message is from an OLD speaker (RFC 6793).
        updates.push(body(&[2, 2, 0x5b, 0xa0, 0xfd, 0xe8], attribute, &with_ids));
    }
    updates.push(body(&confederation, &RARE_ATTRIBUTES.concat(), &with_ids));
    let families: [(AfiSafi, &[u8]); 10] = [
        (AfiSafi::IPV4_LABELLED, &[0, 0, 0, 1, 48, 0, 1, 1, 203, 0, 113]),
        (AfiSafi::IPV6_UNICAST, &[0, 0, 0, 1, 32, 0x20, 1, 0xd, 0xb8]),
        (AfiSafi::IPV6_LABELLED, &[56, 0, 1, 1, 0x20, 1, 0xd, 0xb8]),
        (AfiSafi::IPV4_MULTICAST, &[24, 203, 0, 113]),
        (
            AfiSafi::IPV4_VPN,
            &[
                0, 0, 0, 1, 112, 0, 1, 1, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 203, 0, 113,
            ],
        ),
        (AfiSafi::EVPN, &[0, 0, 0, 1, 3, 4, 0, 0, 0, 9]),
        (AfiSafi::IPV4_FLOWSPEC, &[0, 0, 0, 1, 5, 1, 24, 203, 0, 113]),
        (AfiSafi::BGP_LS, &[0, 0, 0, 1, 0, 1, 0, 3, 9, 9, 9]),
        (AfiSafi::ROUTE_TARGET, &[0]),
        (AfiSafi::new(1, 77), &[1, 2, 3]),
    ];
    for (family, nlri) in families {
        let [high, low] = family.afi.to_be_bytes();
        let next_hop = [high, low, family.safi, 4, 192, 0, 2, 1, 0];
        let value = [&next_hop[..], nlri].concat();
        updates.push(body(
            &four,
            &[&[0x80, 14, value.len() as u8], &value[..]].concat(),
            &[],
        ));
        let value = [&[high, low, family.safi][..], nlri].concat();
        updates.push(body(
            &four,
            &[&[0x80, 15, value.len() as u8], &value[..]].concat(),
            &[],
        ));
    }
    for body in updates {
        stream.extend(route_monitoring(&peer, &pdu(&body)));
    }
    stream.extend(peer_down(&peer, &PeerDown::RemoteSilent));
    stream
}
