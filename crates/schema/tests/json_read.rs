//! Messages that go to JSON and back are the same in every field.
#![allow(clippy::unwrap_used)]

#[expect(
    dead_code,
    reason = "it only makes attributes; tests of the encoder check them too"
)]
mod attributes;

use std::collections::BTreeSet;

use arancini_schema::MessageKind;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder, WithdrawReason};
use arancini_schema::events::{
    EventOrigin, MalformedMessage, Peer, PeerEvent, PeerEventKind, RouterEvent, RouterEventKind,
    StatisticsCounter, StatisticsEvent, write_malformed_message, write_peer_event, write_router_event,
    write_statistics_event,
};
use arancini_schema::json::{JsonErrorKind, read_lines, write_lines};
use arancini_schema::update_capnp::{malformed_message, peer_event, router_event, statistics_event, update};
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;
use attributes::AttributeSet;
use capnp::introspect::{Introspect, TypeVariant};
use proptest::prelude::*;

const MOST: usize = 1 << 30;

/// All fields of a message, with their values. To readers, an absent text or list is the same as an empty one.
fn fields(kind: MessageKind, message: &Message<'_>) -> String {
    let fields = fields_and_empty_ones(kind, message);
    let open_ends = fields.replace([')', ']'], "");
    let parts = open_ends.split(", ");
    let nothing = [" = \"\"", " = 0x\"\"", " = ["];
    let kept = parts.filter(|part| !nothing.iter().any(|nothing| part.ends_with(nothing)));
    kept.collect::<Vec<_>>().join(", ")
}

fn fields_and_empty_ones(kind: MessageKind, message: &Message<'_>) -> String {
    match kind {
        MessageKind::Updates => format!("{:?}", message.update().unwrap()),
        MessageKind::Peers => format!("{:?}", message.peer_event().unwrap()),
        MessageKind::Routers => format!("{:?}", message.router_event().unwrap()),
        MessageKind::Statistics => format!("{:?}", message.statistics_event().unwrap()),
        MessageKind::Malformed => format!("{:?}", message.malformed_message().unwrap()),
    }
}

/// Checks that the messages of a payload come back from JSON as they were.
fn assert_same(kind: MessageKind, payload: &[u8]) {
    let mut lines = Vec::new();
    write_lines(kind, payload, &mut lines).unwrap();
    let text = String::from_utf8_lossy(&lines);
    let read = read_lines(&lines, MOST).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let all = |payload| -> Vec<String> {
        let messages = Messages::new(payload).map(Result::unwrap);
        messages.map(|message| fields(kind, &message)).collect()
    };
    assert_eq!(all(payload), all(&read), "{text}");
}

fn view() -> impl Strategy<Value = RibView> {
    prop::sample::select(vec![
        RibView::AdjRibInPre,
        RibView::AdjRibInPost,
        RibView::AdjRibOutPre,
        RibView::AdjRibOutPost,
        RibView::LocRib,
    ])
}

fn reason() -> impl Strategy<Value = WithdrawReason> {
    (1..=5_u16).prop_map(|number| WithdrawReason::try_from(number).unwrap())
}

/// Distinguishers of every type, with small and large administrators.
fn distinguisher() -> impl Strategy<Value = [u8; 8]> {
    (
        0..4_u16,
        prop_oneof![Just(0), 0..0x1_0000_0000_u64, 0..1_u64 << 48],
    )
        .prop_map(|(kind, rest)| (u64::from(kind) << 48 | rest).to_be_bytes())
}

/// Addresses as they are published, IPv4 as IPv4-mapped IPv6.
fn address() -> impl Strategy<Value = [u8; 16]> {
    prop_oneof![
        Just([0; 16]),
        any::<[u8; 16]>(),
        any::<[u8; 4]>().prop_map(|v4| std::net::Ipv4Addr::from(v4).to_ipv6_mapped().octets()),
    ]
}

/// A route: family, address, length, path identifier, route distinguisher, labels and raw NLRI.
type Route = (
    AfiSafi,
    [u8; 16],
    u8,
    Option<u32>,
    Option<[u8; 8]>,
    Vec<u8>,
    Vec<u8>,
);

fn route() -> impl Strategy<Value = Route> {
    let v4 = any::<[u8; 4]>().prop_map(|v4| std::net::Ipv4Addr::from(v4).to_ipv6_mapped().octets());
    let labels = prop::collection::vec(any::<u8>(), 0..4).prop_map(|bytes| bytes.repeat(3));
    let prefix = prop_oneof![
        (Just(AfiSafi::IPV4_UNICAST), v4, 0..=32_u8),
        (Just(AfiSafi::IPV6_UNICAST), address(), 0..=128_u8),
        (Just(AfiSafi::IPV6_VPN), address(), 0..=128_u8),
    ];
    let of_prefix = (
        prefix,
        any::<Option<u32>>(),
        prop::option::of(distinguisher()),
        labels,
    )
        .prop_map(|((family, address, length), path, rd, labels)| {
            (family, address, length, path, rd, labels, Vec::new())
        });
    let opaque = (prop::collection::vec(any::<u8>(), 1..60), any::<Option<u32>>())
        .prop_map(|(nlri, path)| (AfiSafi::EVPN, [0; 16], 0, path, None, Vec::new(), nlri));
    prop_oneof![3 => of_prefix, 1 => opaque]
}

proptest! {
    #[test]
    fn every_update_comes_back(
        set in attributes::attribute_set(),
        (family, prefix_address, prefix_length, path_id, route_distinguisher, labels, raw_nlri) in route(),
        (time_received_ns, time_bmp_header_ns, sequence, fingerprint) in any::<(u64, u64, u64, u64)>(),
        (router_address, peer_address, peer_distinguisher) in (address(), address(), distinguisher()),
        (router_port, peer_bgp_id, peer_asn, peer_type) in any::<(u16, u32, u32, u8)>(),
        (view, reason, table_name) in (view(), reason(), any::<String>()),
        in_field in any::<bool>(),
    ) {
        let source = RouteSource {
            time_received_ns, time_bmp_header_ns, router_address, router_port, peer_address, peer_bgp_id,
            peer_asn, peer_type, peer_distinguisher, view, table_name: &table_name, family,
        };
        let route = RouteFields {
            prefix_address, prefix_length, path_id, route_distinguisher, labels: &labels, raw_nlri: &raw_nlri,
            sequence, fingerprint,
        };
        let carrier = if in_field { Carrier::UpdateField } else { Carrier::MultiProtocol };
        let wire = set.wire();
        let attributes = PathAttributes::parse(&wire, set.width).unwrap();
        let mut encoder = UpdateEncoder::new();
        let mut payload = Vec::new();
        encoder.lay_out_announce(&source, carrier, &attributes);
        encoder.append(&route, &mut payload);
        encoder.lay_out_withdraw(&source, carrier, reason);
        encoder.append(&RouteFields { fingerprint: 0, ..route }, &mut payload);
        assert_same(MessageKind::Updates, &payload);
    }

    #[test]
    fn every_event_comes_back(
        (sequence, time_received_ns, time_bmp_header_ns) in any::<(u64, u64, u64)>(),
        (router_address, address, local_address) in (address(), address(), address()),
        (router_port, asn, bgp_id, peer_type) in any::<(u16, u32, u32, u8)>(),
        (distinguisher, view) in (distinguisher(), view()),
        (text, other, bytes, number) in any::<(String, String, Vec<u8>, u32)>(),
        (flag, port, down_reason) in any::<(bool, u16, u8)>(),
        kind in 0..8_u16,
    ) {
        let origin = EventOrigin { sequence, time_received_ns, router_address, router_port };
        let peer = Peer { address, asn, bgp_id, peer_type, distinguisher, view };
        let information: &[(u16, &[u8])] = &[(port, &bytes), (4, b"")];
        let families = [AfiSafi::IPV4_UNICAST, AfiSafi::EVPN];
        let up = PeerEvent {
            kind: PeerEventKind::Up, time_bmp_header_ns, peer, provisional: flag, table_name: &text,
            local_address, local_port: port, remote_port: port, sent_open: &bytes, received_open: &bytes,
            four_octet_asn: flag, add_path: &families, information, information_length: number,
            down_reason: 0, down_data: &[], down_data_length: 0,
        };
        let down = PeerEvent {
            kind: PeerEventKind::Down, local_address: [0; 16], local_port: 0, remote_port: 0, sent_open: &[],
            received_open: &[], four_octet_asn: false, add_path: &[], down_reason, down_data: &bytes,
            down_data_length: number, ..up
        };
        let mut payload = Vec::new();
        write_peer_event(&origin, &up, &mut payload);
        write_peer_event(&origin, &down, &mut payload);
        assert_same(MessageKind::Peers, &payload);

        let router = RouterEvent {
            kind: RouterEventKind::try_from(kind).unwrap(), router_name: &other, system_name: &text,
            system_description: &text, reason: &other, information, information_length: number,
            peer: flag.then_some(peer), family: flag.then_some(AfiSafi::IPV6_VPN),
        };
        payload.clear();
        write_router_event(&origin, &router, &mut payload);
        assert_same(MessageKind::Routers, &payload);

        let counter = StatisticsCounter {
            statistics_type: port, name: &text, value: sequence,
            family: flag.then_some(AfiSafi::IPV6_UNICAST), raw: &bytes,
        };
        let statistics = StatisticsEvent {
            time_bmp_header_ns, peer, counters: &[counter, counter], counter_count: number,
        };
        payload.clear();
        write_statistics_event(&origin, &statistics, &mut payload);
        assert_same(MessageKind::Statistics, &payload);

        let malformed = MalformedMessage {
            time_bmp_header_ns, peer: flag.then_some(peer), reason: &text, offset: number, raw: &bytes,
            raw_length: number,
        };
        payload.clear();
        write_malformed_message(&origin, &malformed, &mut payload);
        assert_same(MessageKind::Malformed, &payload);
    }

    #[test]
    fn no_line_is_too_strange(mut line in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        let _ = read_lines(&line, MOST);
        let mut whole = include_bytes!("golden/messages.jsonl").to_vec();
        let place = at.index(whole.len());
        line.truncate(3);
        whole.splice(place..place, line);
        let _ = read_lines(&whole, MOST);
    }
}

/// The fields that the messages of `tests/json.rs` do not have.
const REST: &str = r#"
{"type":"update","announced":true,"synthetic":false,"timeReceivedNs":"1","sequence":"1","routerAddr":"192.0.2.1","routerPort":1,"peerBgpId":"192.0.2.2","peerAsn":1,"peerType":0,"ribView":"adj-rib-out-post","isPostPolicy":true,"isAdjRibOut":true,"afi":1,"safi":1,"pathId":7,"multiExitDisc":7}
{"type":"peer","kind":"down","timeReceivedNs":"1","sequence":"7","routerPort":1,"peer":{"asn":1,"bgpId":"192.0.2.2","type":1,"ribView":"loc-rib"},"provisional":true,"downReason":1,"downDataLength":9,"informationLength":9}
{"type":"router","kind":"initiation","timeReceivedNs":"1","sequence":"7","routerPort":1,"informationLength":9}
{"type":"statistics","timeReceivedNs":"1","timeBmpHeaderNs":"9","sequence":"7","routerPort":1,"peer":{"asn":1,"bgpId":"192.0.2.2","type":1,"ribView":"loc-rib"},"counters":[],"counterCount":9}
{"type":"malformed","timeReceivedNs":"1","timeBmpHeaderNs":"9","sequence":"7","routerPort":1,"peer":{"asn":1,"bgpId":"192.0.2.2","type":1,"ribView":"loc-rib"},"offset":1,"rawLength":9}
"#;

/// The fields of a struct that no line of JSON sets to something else than nothing.
macro_rules! set_fields {
    ($kind:expr, $module:ident, $read:ident) => {{
        let golden = include_str!("golden/messages.jsonl");
        let word = match $kind {
            MessageKind::Updates => "update",
            MessageKind::Peers => "peer",
            MessageKind::Routers => "router",
            MessageKind::Statistics => "statistics",
            MessageKind::Malformed => "malformed",
        };
        let TypeVariant::Struct(schema) = $module::Owned::introspect().which() else {
            panic!("no struct");
        };
        let schema = capnp::schema::StructSchema::from(schema);
        let mut unset: BTreeSet<String> = BTreeSet::new();
        for field in schema.get_fields().unwrap() {
            unset.insert(field.get_proto().get_name().unwrap().to_string().unwrap());
        }
        let mut nothing = capnp::message::Builder::new_default();
        let nothing: $module::Builder<'_> = nothing.init_root();
        let nothing: capnp::dynamic_value::Reader<'_> = nothing.into_reader().into();
        let nothing: capnp::dynamic_struct::Reader<'_> = nothing.downcast();
        let head = format!("{{\"type\":\"{word}\"");
        for line in golden
            .lines()
            .chain(REST.lines())
            .filter(|line| line.starts_with(&head) && !line.contains('×'))
        {
            let payload = read_lines(line.as_bytes(), MOST).unwrap();
            let message = Messages::new(&payload).next().unwrap().unwrap();
            let found: capnp::dynamic_value::Reader<'_> = message.$read().unwrap().into();
            let found: capnp::dynamic_struct::Reader<'_> = found.downcast();
            for field in schema.get_fields().unwrap() {
                let value = format!("{:?}", found.get(field).unwrap());
                if value != format!("{:?}", nothing.get(field).unwrap()) {
                    unset.remove(field.get_proto().get_name().unwrap().to_str().unwrap());
                }
            }
        }
        unset
    }};
}

/// A field that the schema gains later, and that is not read from JSON, fails here: give it to a message of `tests/json.rs`.
#[test]
fn every_field_of_the_schema_is_read_from_json() {
    let unset = [
        set_fields!(MessageKind::Updates, update, update),
        set_fields!(MessageKind::Peers, peer_event, peer_event),
        set_fields!(MessageKind::Routers, router_event, router_event),
        set_fields!(MessageKind::Statistics, statistics_event, statistics_event),
        set_fields!(MessageKind::Malformed, malformed_message, malformed_message),
    ];
    assert_eq!(unset.map(Vec::from_iter), [const { Vec::<String>::new() }; 5]);
}

#[test]
fn what_is_no_message_is_told_with_its_line() {
    let golden = include_str!("golden/messages.jsonl").lines().next().unwrap();
    let told = |second: &str| read_lines(format!("{golden}\n\n{second}\n").as_bytes(), MOST).unwrap_err();
    let unknown = told(r#"{"type":"heartbeat"}"#);
    assert!(matches!(unknown.kind, JsonErrorKind::UnknownType(_)));
    assert_eq!(
        unknown.to_string(),
        r#"line 3 of the JSON payload: its type "heartbeat" is no message of a collector"#
    );
    let wrong = golden.replace("\"192.0.2.1\"", "\"router\"");
    let text = told(&wrong).to_string();
    assert!(
        text.contains("line 3") && text.contains("\"router\" is not an address"),
        "{text}"
    );
    let text = told("[1, 2").to_string();
    assert!(text.contains("line 3"), "{text}");
    let text = told(&golden.replace("adj-rib-in-pre", "9")).to_string();
    assert!(text.contains("newer collector"), "{text}");
    let missing = told(r#"{"type":"update"}"#).to_string();
    assert!(missing.contains("missing field `announced`"), "{missing}");
    let large = read_lines(golden.as_bytes(), 10).unwrap_err();
    assert!(matches!(large.kind, JsonErrorKind::TooLarge));
    // Members of a newer schema are passed over.
    let newer = golden.replacen('{', r#"{"aspaVerdict":{"state":"valid"},"#, 1);
    assert_eq!(
        read_lines(newer.as_bytes(), MOST).unwrap(),
        read_lines(golden.as_bytes(), MOST).unwrap()
    );
}

#[test]
fn attributes_at_their_edges_come_back() {
    let set = AttributeSet {
        origin: Some(2),
        segments: Some(vec![(1, vec![1, u32::MAX]), (3, vec![7])]),
        extended: vec![
            [0, 2, 0, 0, 0, 0, 0, 1],
            [2, 2, 0, 0, 0xfc, 0, 0, 100],
            [2, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            [1, 2, 10, 0, 0, 1, 0, 5],
            [0x40, 2, 1, 2, 3, 4, 5, 6],
        ],
        large: vec![[u32::MAX; 3]],
        unknown: Some((200, Vec::new())),
        ..AttributeSet::default()
    };
    let wire = set.wire();
    let attributes = PathAttributes::parse(&wire, set.width).unwrap();
    let mut encoder = UpdateEncoder::new();
    let mut payload = Vec::new();
    let source = RouteSource {
        time_received_ns: u64::MAX,
        time_bmp_header_ns: 0,
        router_address: [0; 16],
        router_port: 0,
        peer_address: [0; 16],
        peer_bgp_id: 0,
        peer_asn: u32::MAX,
        peer_type: 3,
        peer_distinguisher: [0; 8],
        view: RibView::LocRib,
        table_name: "\u{0}\u{202e}\"\\\u{1b}[31m\u{1f980}",
        family: AfiSafi::IPV6_UNICAST,
    };
    let route = RouteFields {
        // An IPv6 prefix in the mapped range stays IPv6.
        prefix_address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 0],
        prefix_length: 120,
        path_id: Some(u32::MAX),
        route_distinguisher: None,
        labels: &[],
        raw_nlri: &[],
        sequence: u64::MAX,
        fingerprint: u64::MAX,
    };
    encoder.lay_out_announce(&source, Carrier::UpdateField, &attributes);
    encoder.append(&route, &mut payload);
    assert_same(MessageKind::Updates, &payload);
}
