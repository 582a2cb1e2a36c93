//! Compares the JSON form of every kind of message with `tests/golden/messages.jsonl`. `UPDATE_GOLDEN=1` renews that file.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::{env, fs};

use arancini_schema::MessageKind;
use arancini_schema::decode::Messages;
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder, WithdrawReason};
use arancini_schema::events::{
    EventOrigin, MalformedMessage, Peer, PeerEvent, PeerEventKind, RouterEvent, RouterEventKind,
    StatisticsCounter, StatisticsEvent, write_malformed_message, write_peer_event, write_router_event,
    write_statistics_event,
};
use arancini_schema::json::write_message;
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

const ROUTER: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];
const PEER_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

const SOURCE: RouteSource<'static> = RouteSource {
    time_received_ns: 1_700_000_000_000_000_001,
    time_bmp_header_ns: 1_700_000_000_000_000_000,
    router_address: ROUTER,
    router_port: 40_000,
    peer_address: PEER_V6,
    peer_bgp_id: 0xc000_0202,
    peer_asn: 65_000,
    peer_type: 0,
    peer_distinguisher: [0; 8],
    view: RibView::AdjRibInPre,
    table_name: "",
    family: AfiSafi::IPV4_UNICAST,
};

const ROUTE: RouteFields<'static> = RouteFields {
    prefix_address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 0],
    prefix_length: 24,
    path_id: None,
    route_distinguisher: None,
    labels: &[],
    raw_nlri: &[],
    sequence: 1,
    fingerprint: 0xfeed,
};

/// Every attribute, an AS path with a set, a route target, an opaque extended community, and an unknown attribute.
const RICH: &[u8] = &[
    0x40, 1, 1, 2, // ORIGIN
    0x40, 2, 16, 2, 1, 0, 0, 0xfd, 0xe8, 1, 2, 0, 0, 0, 9, 0, 1, 0, 0, // AS_PATH
    0x80, 4, 4, 0, 0, 0, 0, // MULTI_EXIT_DISC
    0x40, 5, 4, 0, 0, 0, 100, // LOCAL_PREF
    0x40, 6, 0, // ATOMIC_AGGREGATE
    0xc0, 7, 8, 0, 0, 0xfd, 0xe8, 10, 0, 0, 1, // AGGREGATOR
    0xc0, 8, 8, 0xfd, 0xe8, 0, 7, 0xff, 0xff, 0xff, 1, // COMMUNITIES
    0x80, 9, 4, 10, 0, 0, 2, // ORIGINATOR_ID
    0x80, 10, 8, 10, 0, 0, 3, 10, 0, 0, 4, // CLUSTER_LIST
    // MP_REACH_NLRI: VPNv6, next hop with link-local
    0x80, 14, 53, 0, 2, 128, 48, //
    0, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, //
    0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, //
    0xc0, 16, 24, 0, 2, 0xfd, 0xe8, 0, 0, 0, 5, 1, 3, 10, 0, 0, 1, 0, 6, 3, 0xc, 0, 0, 0, 0, 0,
    8, // EXTENDED_COMMUNITIES
    0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, // LARGE_COMMUNITY
    0xc0, 35, 4, 0, 0, 0xfd, 0xe8, // ONLY_TO_CUSTOMER
    0xe0, 99, 2, 0xab, 0xcd, // unknown
];

const PLAIN: &[u8] = &[
    0x40, 1, 1, 0, // ORIGIN
    0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8, // AS_PATH
    0x40, 3, 4, 192, 0, 2, 9, // NEXT_HOP
];

fn updates() -> Vec<u8> {
    let mut encoder = UpdateEncoder::new();
    let mut out = Vec::new();
    let plain = PathAttributes::parse(PLAIN, AsWidth::Four).unwrap();
    encoder.lay_out_announce(&SOURCE, Carrier::UpdateField, &plain);
    encoder.append(&ROUTE, &mut out);
    encoder.lay_out_withdraw(&SOURCE, Carrier::UpdateField, WithdrawReason::PeerDown);
    encoder.append(&ROUTE, &mut out);
    let vpn = RouteSource {
        peer_type: 1,
        peer_distinguisher: [0, 1, 10, 0, 0, 1, 0, 100],
        view: RibView::LocRib,
        table_name: "cust \"A\"",
        family: AfiSafi::IPV6_VPN,
        ..SOURCE
    };
    let route = RouteFields {
        prefix_address: [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        prefix_length: 48,
        path_id: Some(0),
        route_distinguisher: Some([0, 0, 0xfd, 0xe8, 0, 0, 0, 100]),
        labels: &[0, 1, 0x01],
        ..ROUTE
    };
    let rich = PathAttributes::parse(RICH, AsWidth::Four).unwrap();
    assert_eq!(rich.faults.worst(), None);
    encoder.lay_out_announce(&vpn, Carrier::MultiProtocol, &rich);
    encoder.append(&route, &mut out);
    let evpn = RouteSource {
        family: AfiSafi::EVPN,
        ..SOURCE
    };
    let route = RouteFields {
        prefix_address: [0; 16],
        prefix_length: 0,
        raw_nlri: &[3, 2, 0xca, 0xfe],
        ..ROUTE
    };
    encoder.lay_out_withdraw(&evpn, Carrier::MultiProtocol, WithdrawReason::Explicit);
    encoder.append(&route, &mut out);
    out
}

const ORIGIN: EventOrigin = EventOrigin {
    sequence: 7,
    time_received_ns: 1_700_000_000_000_000_001,
    router_address: ROUTER,
    router_port: 40_000,
};

const PEER: Peer = Peer {
    address: PEER_V6,
    asn: 65_000,
    bgp_id: 0xc000_0202,
    peer_type: 1,
    distinguisher: [0, 2, 0, 1, 0, 0, 0, 100],
    view: RibView::AdjRibOutPost,
};

fn peers() -> Vec<u8> {
    let up = PeerEvent {
        kind: PeerEventKind::Up,
        time_bmp_header_ns: 1_700_000_000_000_000_000,
        peer: PEER,
        provisional: false,
        table_name: "red",
        local_address: ROUTER,
        local_port: 179,
        remote_port: 50_000,
        sent_open: &[0xff, 1],
        received_open: &[0xff, 2],
        four_octet_asn: true,
        add_path: &[AfiSafi::IPV4_UNICAST, AfiSafi::IPV6_UNICAST],
        information: &[(4, b"label")],
        information_length: 0,
        down_reason: 0,
        down_data: &[],
        down_data_length: 0,
    };
    let down = PeerEvent {
        kind: PeerEventKind::Down,
        provisional: true,
        down_reason: 1,
        down_data: &[6, 4],
        ..up
    };
    let mut out = Vec::new();
    write_peer_event(&ORIGIN, &up, &mut out);
    write_peer_event(&ORIGIN, &down, &mut out);
    out
}

fn routers() -> Vec<u8> {
    let initiation = RouterEvent {
        kind: RouterEventKind::Initiation,
        router_name: "edge-1",
        system_name: "edge1.example",
        system_description: "a \u{e4}ncient\nrouter",
        reason: "",
        information: &[(0, b"hello")],
        information_length: 0,
        peer: None,
        family: None,
        all_withdrawn: false,
    };
    let resync = RouterEvent {
        kind: RouterEventKind::ResyncBegin,
        reason: "on request",
        information: &[],
        peer: Some(PEER),
        family: Some(AfiSafi::IPV4_UNICAST),
        ..initiation
    };
    let end = RouterEvent {
        kind: RouterEventKind::ResyncEnd,
        all_withdrawn: true,
        ..resync
    };
    let mut out = Vec::new();
    write_router_event(&ORIGIN, &initiation, &mut out);
    write_router_event(&ORIGIN, &resync, &mut out);
    write_router_event(&ORIGIN, &end, &mut out);
    out
}

fn statistics() -> Vec<u8> {
    let counters = [
        StatisticsCounter {
            statistics_type: 7,
            name: "adj-rib-in-routes",
            value: u64::MAX,
            family: None,
            raw: &[0xff; 8],
        },
        StatisticsCounter {
            statistics_type: 9,
            name: "",
            value: 3,
            family: Some(AfiSafi::IPV6_UNICAST),
            raw: &[],
        },
    ];
    let mut out = Vec::new();
    let event = StatisticsEvent {
        time_bmp_header_ns: 0,
        peer: PEER,
        counters: &counters,
        counter_count: 0,
    };
    write_statistics_event(&ORIGIN, &event, &mut out);
    out
}

fn malformed() -> Vec<u8> {
    let malformed = MalformedMessage {
        time_bmp_header_ns: 0,
        peer: None,
        reason: "attribute length is 70000 at byte 23",
        offset: 71,
        raw: &[3, 0, 0, 0, 6, 0],
        raw_length: 0,
    };
    let mut out = Vec::new();
    write_malformed_message(&ORIGIN, &malformed, &mut out);
    write_malformed_message(
        &ORIGIN,
        &MalformedMessage {
            peer: Some(PEER),
            raw: &[7; 20_000],
            reason: "larger than one segment",
            ..malformed
        },
        &mut out,
    );
    out
}

/// Largest number up to which every reader of JSON is exact.
const MOST_EXACT: u64 = 1 << 53;

/// Checks that a reader that keeps numbers as 64-bit floating point numbers reads this value exactly.
fn assert_exact(value: &serde_json::Value) {
    match value {
        serde_json::Value::Number(number) => assert!(number.as_u64().unwrap() <= MOST_EXACT, "{number}"),
        serde_json::Value::Array(values) => values.iter().for_each(assert_exact),
        serde_json::Value::Object(members) => members.values().for_each(assert_exact),
        _ => {}
    }
}

#[test]
fn every_kind_of_message_has_its_json() {
    let payloads = [
        (MessageKind::Updates, updates(), 4),
        (MessageKind::Peers, peers(), 2),
        (MessageKind::Routers, routers(), 3),
        (MessageKind::Statistics, statistics(), 1),
        (MessageKind::Malformed, malformed(), 2),
    ];
    let mut json = Vec::new();
    for (kind, payload, count) in payloads {
        let messages: Vec<_> = Messages::new(&payload).map(Result::unwrap).collect();
        assert_eq!(messages.len(), count);
        for message in &messages {
            write_message(kind, message, &mut json).unwrap();
        }
    }
    let json = String::from_utf8(json).unwrap();
    for line in json.lines() {
        let parsed: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(parsed.is_object());
        assert_exact(&parsed);
    }
    let json = json.replace(&"07".repeat(20_000), "07 × 20000");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/messages.jsonl");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &json).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    for (line, (found, expected)) in json.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", line + 1);
    }
    assert_eq!(json.lines().count(), expected.lines().count());
}
