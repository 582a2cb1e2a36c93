//! Seeds that are written here and not cut from recordings: MRT files, and PROXY protocol headers.

use std::collections::BTreeSet;

use arancini_wire::bgp::{MessageType, Update};
use arancini_wire::bmp::Message;

use crate::frames::frames;

/// UPDATEs of a stream that become records.
const MOST_UPDATES: usize = 40;
const TABLE_DUMP_V2: u16 = 13;
const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;

/// MRT files with the UPDATEs of the streams: each as a record of its own, with and without path identifiers and microseconds, as
/// a route of a table, and several of them behind each other between changes of state.
pub(crate) fn mrt(streams: &[(String, Vec<u8>)], seeds: &mut BTreeSet<Vec<u8>>) {
    seeds.insert(peer_table());
    for (_, stream) in streams {
        let mut file = state(5, 6);
        for body in updates(stream).into_iter().take(MOST_UPDATES) {
            let message = bgp_message(body);
            let plain = [&session()[..], &message].concat();
            seeds.insert(record(BGP4MP, 4, &plain));
            seeds.insert(record(BGP4MP_ET, 11, &[&[0, 1, 2, 3], &plain[..]].concat()));
            if let Ok(update) = Update::new_checked(body) {
                seeds.insert([peer_table(), table_entry(&update)].concat());
            }
            if file.len() < 1500 {
                file.extend(record(BGP4MP, 4, &plain));
            }
        }
        file.extend(state(6, 1));
        seeds.insert(file);
    }
}

/// The bodies of the UPDATEs of a stream.
fn updates(stream: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    for frame in frames(stream) {
        if let Ok(Message::RouteMonitoring(message)) = Message::new_checked(frame) {
            let pdus = message.pdus().flatten();
            bodies.extend(
                pdus.filter(|pdu| pdu.kind() == MessageType::Update)
                    .map(|pdu| pdu.body),
            );
        }
    }
    bodies
}

/// A record (RFC 6396 §2).
fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let head = [
        &1_700_000_000_u32.to_be_bytes()[..],
        &kind.to_be_bytes(),
        &subtype.to_be_bytes(),
        &(body.len() as u32).to_be_bytes(),
    ];
    [&head.concat(), body].concat()
}

/// The start of a BGP4MP record with AS numbers of four octets (RFC 6396 §4.4.3).
fn session() -> Vec<u8> {
    let mut start = [64_500_u32.to_be_bytes(), 64_501_u32.to_be_bytes()].concat();
    start.extend([0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2, 2]);
    start
}

/// A change of state (RFC 6396 §4.4.4).
fn state(from: u16, to: u16) -> Vec<u8> {
    record(
        BGP4MP,
        5,
        &[&session()[..], &from.to_be_bytes(), &to.to_be_bytes()].concat(),
    )
}

fn bgp_message(body: &[u8]) -> Vec<u8> {
    let length = (19 + body.len() as u16).to_be_bytes();
    [&[0xff; 16][..], &length, &[2], body].concat()
}

/// A table of an IPv4 and an IPv6 peer (RFC 6396 §4.3.1).
fn peer_table() -> Vec<u8> {
    let v4 = [&[2, 192, 0, 2, 1, 192, 0, 2, 1][..], &64_500_u32.to_be_bytes()].concat();
    let v6 = [&[3, 192, 0, 2, 2][..], &[0x20; 16], &64_501_u32.to_be_bytes()].concat();
    let head = [192, 0, 2, 9, 0, 1, b'x', 0, 2];
    record(TABLE_DUMP_V2, 1, &[&head[..], &v4, &v6].concat())
}

/// A prefix with a route of each peer, with the attributes of an UPDATE (RFC 6396 §4.3.2 and §4.3.4).
fn table_entry(update: &Update<'_>) -> Vec<u8> {
    let attributes = update.attributes();
    let mut body = vec![0, 0, 0, 1, 24, 203, 0, 113, 0, 2];
    for peer in [0_u16, 1] {
        body.extend(peer.to_be_bytes());
        body.extend(1_699_999_999_u32.to_be_bytes());
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend(attributes);
    }
    record(TABLE_DUMP_V2, 2, &body)
}

/// Headers of both versions, with and without addresses and further fields, and the start of BMP behind them.
pub(crate) fn proxy_headers(seeds: &mut BTreeSet<Vec<u8>>) {
    const BMP: &[u8] = b"\x03\0\0\0\x06\x04";
    let v4 = [10, 0, 0, 1, 192, 0, 2, 9, 0xc3, 0x50, 0x0f, 0xa0];
    let v6 = [&[0x20; 32][..], &[0x1f, 0x90, 0, 7]].concat();
    let further = [&v4[..], &[5, 0, 3, 1, 2, 3, 3, 0, 4, 1, 2, 3, 4]].concat();
    let mut headers = vec![
        b"PROXY TCP4 10.0.0.1 192.0.2.9 50000 4000\r\n".to_vec(),
        b"PROXY TCP6 2001:db8::7 2001:db8::9 8080 4000\r\n".to_vec(),
        b"PROXY TCP6 ::ffff:10.0.0.1 ::ffff:192.0.2.9 1 4000\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff:f:f:f:f:f:f:f f::f 65535 65535\r\n".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    for (command, family, block) in [
        (0x21, 0x11, &v4[..]),
        (0x21, 0x11, &further),
        (0x21, 0x12, &v4),
        (0x21, 0x21, &v6),
        (0x21, 0x31, &[7; 216]),
        (0x21, 0x00, &[4, 0, 1, 0]),
        (0x20, 0x00, &[]),
        (0x20, 0x11, &v4),
    ] {
        let length = (block.len() as u16).to_be_bytes();
        headers.push([b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat());
    }
    for header in headers {
        seeds.insert([&header[..], BMP].concat());
        seeds.insert(header);
    }
}
