//! Compares each field of updates that the encoder writes with what the reader of the `capnp` crate reads.
#![allow(clippy::unwrap_used)]

mod attributes;

use arancini_schema::decode::Messages;
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder, WithdrawReason};
use arancini_schema::events::rib_view;
use arancini_schema::update_capnp::{SegmentKind, update};
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;
use attributes::AttributeSet;
use proptest::prelude::*;

/// One route of the tests, owned.
#[derive(Debug, Clone)]
struct Route {
    prefix_address: [u8; 16],
    prefix_length: u8,
    path_id: Option<u32>,
    route_distinguisher: Option<[u8; 8]>,
    labels: Vec<u8>,
    raw_nlri: Vec<u8>,
    sequence: u64,
    fingerprint: u64,
}

impl Route {
    fn fields(&self) -> RouteFields<'_> {
        RouteFields {
            prefix_address: self.prefix_address,
            prefix_length: self.prefix_length,
            path_id: self.path_id,
            route_distinguisher: self.route_distinguisher,
            labels: &self.labels,
            raw_nlri: &self.raw_nlri,
            sequence: self.sequence,
            fingerprint: self.fingerprint,
        }
    }

    fn check(&self, read: update::Reader<'_>) {
        assert_eq!(read.get_prefix_addr().unwrap(), self.prefix_address);
        assert_eq!(read.get_prefix_len(), self.prefix_length);
        assert_eq!(read.get_has_path_id(), self.path_id.is_some());
        assert_eq!(read.get_path_id(), self.path_id.unwrap_or(0));
        let distinguisher = self.route_distinguisher;
        assert_eq!(read.get_has_route_distinguisher(), distinguisher.is_some());
        assert_eq!(
            read.get_route_distinguisher(),
            u64::from_be_bytes(distinguisher.unwrap_or_default())
        );
        let labels: Vec<u32> = self
            .labels
            .chunks_exact(3)
            .map(|group| u32::from_be_bytes([0, group[0], group[1], group[2]]) >> 4)
            .collect();
        assert_eq!(read.get_labels().unwrap().iter().collect::<Vec<_>>(), labels);
        assert_eq!(read.get_raw_nlri().unwrap(), self.raw_nlri);
        assert_eq!(read.get_sequence(), self.sequence);
        assert_eq!(read.get_attribute_fingerprint(), self.fingerprint);
    }
}

prop_compose! {
    fn route()(
        prefix_address: [u8; 16],
        prefix_length: u8,
        path_id: Option<u32>,
        route_distinguisher: Option<[u8; 8]>,
        labels in prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(any::<[u8; 3]>(), 1..6)],
        raw_nlri in prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(any::<u8>(), 1..300)],
        sequence: u64,
        fingerprint: u64,
    ) -> Route {
        let labels = labels.concat();
        Route {
            prefix_address, prefix_length, path_id, route_distinguisher, labels, raw_nlri, sequence, fingerprint,
        }
    }
}

prop_compose! {
    fn source()(
        times: (u64, u64),
        router: ([u8; 16], u16),
        peer: ([u8; 16], u32, u32, u8, [u8; 8]),
        view in 0_usize..5,
        family: (u16, u8),
    ) -> RouteSource<'static> {
        RouteSource {
            time_received_ns: times.0,
            time_bmp_header_ns: times.1,
            router_address: router.0,
            router_port: router.1,
            peer_address: peer.0,
            peer_bgp_id: peer.1,
            peer_asn: peer.2,
            peer_type: peer.3,
            peer_distinguisher: peer.4,
            view: RibView::ALL[view],
            table_name: "",
            family: AfiSafi::new(family.0, family.1),
        }
    }
}

fn check_source(source: &RouteSource<'_>, read: update::Reader<'_>) {
    assert_eq!(read.get_time_received_ns(), source.time_received_ns);
    assert_eq!(read.get_time_bmp_header_ns(), source.time_bmp_header_ns);
    assert_eq!(read.get_router_addr().unwrap(), source.router_address);
    assert_eq!(read.get_router_port(), source.router_port);
    assert_eq!(read.get_peer_addr().unwrap(), source.peer_address);
    assert_eq!(read.get_peer_bgp_id(), source.peer_bgp_id);
    assert_eq!(read.get_peer_asn(), source.peer_asn);
    assert_eq!(read.get_peer_type(), source.peer_type);
    assert_eq!(
        read.get_peer_distinguisher(),
        u64::from_be_bytes(source.peer_distinguisher)
    );
    assert_eq!(read.get_rib_view().unwrap(), rib_view(source.view));
    assert_eq!(
        read.get_is_post_policy(),
        matches!(source.view, RibView::AdjRibInPost | RibView::AdjRibOutPost)
    );
    assert_eq!(
        read.get_is_adj_rib_out(),
        matches!(source.view, RibView::AdjRibOutPre | RibView::AdjRibOutPost)
    );
    assert_eq!(read.get_table_name().unwrap(), source.table_name);
    assert_eq!(read.get_afi(), source.family.afi);
    assert_eq!(read.get_safi(), source.family.safi);
}

fn check_no_attributes(read: update::Reader<'_>) {
    AttributeSet::default().check(Carrier::UpdateField, read);
}

fn check_carrier(announced: bool, carrier: Carrier, family: AfiSafi, read: update::Reader<'_>) {
    let (none, some) = (AfiSafi::new(0, 0), family);
    let (reach, unreach) = match (carrier, announced) {
        (Carrier::UpdateField, _) => (none, none),
        (Carrier::MultiProtocol, true) => (some, none),
        (Carrier::MultiProtocol, false) => (none, some),
    };
    assert_eq!(read.get_announced(), announced);
    assert_eq!(read.get_mp_reach_afi(), reach.afi);
    assert_eq!(read.get_mp_reach_safi(), reach.safi);
    assert_eq!(read.get_mp_unreach_afi(), unreach.afi);
    assert_eq!(read.get_mp_unreach_safi(), unreach.safi);
}

fn carrier() -> impl Strategy<Value = Carrier> {
    prop_oneof![Just(Carrier::UpdateField), Just(Carrier::MultiProtocol)]
}

fn withdraw_reason() -> impl Strategy<Value = WithdrawReason> {
    prop_oneof![
        Just(WithdrawReason::Explicit),
        Just(WithdrawReason::PeerDown),
        Just(WithdrawReason::SessionLost),
        Just(WithdrawReason::NotReannounced),
        Just(WithdrawReason::TreatAsWithdraw),
    ]
}

proptest! {
    #[test]
    fn announcements_read_back(
        source in source(),
        table_name in "[a-zA-Z0-9äß]{0,20}",
        carrier in carrier(),
        set in attributes::attribute_set(),
        routes in prop::collection::vec(route(), 1..6),
        before in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let source = RouteSource { table_name: &table_name, ..source };
        let field = set.wire();
        let attributes = PathAttributes::parse(&field, set.width).unwrap();
        prop_assert_eq!(attributes.faults.worst(), None);
        let mut encoder = UpdateEncoder::new();
        // An earlier layout leaves no trace.
        encoder.lay_out_withdraw(&source, Carrier::MultiProtocol, WithdrawReason::PeerDown);
        encoder.append(&routes[0].fields(), &mut Vec::new());
        encoder.lay_out_announce(&source, carrier, &attributes);
        let mut out = before.clone();
        for route in &routes {
            encoder.append(&route.fields(), &mut out);
        }
        prop_assert_eq!(&out[..before.len()], &before[..]);
        let messages: Vec<_> = Messages::new(&out[before.len()..]).map(Result::unwrap).collect();
        prop_assert_eq!(messages.len(), routes.len());
        for (message, route) in messages.iter().zip(&routes) {
            let read = message.update().unwrap();
            route.check(read);
            check_source(&source, read);
            check_carrier(true, carrier, source.family, read);
            prop_assert!(!read.get_synthetic());
            prop_assert_eq!(read.get_withdraw_reason().unwrap(), WithdrawReason::None);
            set.check(carrier, read);
        }
    }

    #[test]
    fn withdraws_read_back(
        source in source(),
        carrier in carrier(),
        reason in withdraw_reason(),
        set in attributes::attribute_set(),
        routes in prop::collection::vec(route(), 1..6),
    ) {
        let field = set.wire();
        let attributes = PathAttributes::parse(&field, set.width).unwrap();
        let mut encoder = UpdateEncoder::new();
        encoder.lay_out_announce(&source, carrier, &attributes);
        encoder.lay_out_withdraw(&source, carrier, reason);
        let mut out = Vec::new();
        for route in &routes {
            encoder.append(&route.fields(), &mut out);
        }
        let messages: Vec<_> = Messages::new(&out).map(Result::unwrap).collect();
        prop_assert_eq!(messages.len(), routes.len());
        for (message, route) in messages.iter().zip(&routes) {
            let read = message.update().unwrap();
            route.check(read);
            check_source(&source, read);
            check_carrier(false, carrier, source.family, read);
            let of_the_router = [WithdrawReason::Explicit, WithdrawReason::TreatAsWithdraw];
            prop_assert_eq!(read.get_synthetic(), !of_the_router.contains(&reason));
            prop_assert_eq!(read.get_withdraw_reason().unwrap(), reason);
            check_no_attributes(read);
        }
    }
}

const SOURCE: RouteSource<'static> = RouteSource {
    time_received_ns: 1,
    time_bmp_header_ns: 2,
    router_address: [3; 16],
    router_port: 4,
    peer_address: [5; 16],
    peer_bgp_id: 6,
    peer_asn: 7,
    peer_type: 0,
    peer_distinguisher: [0; 8],
    view: RibView::AdjRibInPre,
    table_name: "",
    family: AfiSafi::IPV4_UNICAST,
};

fn plain_route() -> Route {
    Route {
        prefix_address: [9; 16],
        prefix_length: 24,
        path_id: None,
        route_distinguisher: None,
        labels: Vec::new(),
        raw_nlri: Vec::new(),
        sequence: 1,
        fingerprint: 2,
    }
}

/// Writes one announcement of an attribute field and reads it back.
fn read_announcement(field: &[u8], width: AsWidth, check: impl FnOnce(update::Reader<'_>)) {
    let attributes = PathAttributes::parse(field, width).unwrap();
    let mut encoder = UpdateEncoder::new();
    encoder.lay_out_announce(&SOURCE, Carrier::UpdateField, &attributes);
    let mut out = Vec::new();
    encoder.append(&plain_route().fields(), &mut out);
    let message = Messages::new(&out).next().unwrap().unwrap();
    assert_eq!(message.bytes().len(), out.len());
    let read = message.update().unwrap();
    plain_route().check(read);
    check(read);
}

/// One attribute with the longest value that fits into an UPDATE of 65,535 bytes.
fn largest(type_code: u8, unit: &[u8]) -> Vec<u8> {
    let room = 65_535 - 19 - 4 - 4;
    let value = unit.repeat(room / unit.len());
    let mut field = vec![0xd0, type_code];
    field.extend_from_slice(&(value.len() as u16).to_be_bytes());
    field.extend_from_slice(&value);
    field
}

#[test]
fn the_largest_lists_fit() {
    read_announcement(&largest(8, &[0xfd, 0xe8, 0, 1]), AsWidth::Four, |read| {
        let communities = read.get_communities().unwrap();
        assert_eq!(communities.len(), 16_377);
        let last = communities.get(16_376);
        assert_eq!((last.get_asn(), last.get_value()), (65_000, 1));
    });
    let unit = [0, 2, 0xfd, 0xe8, 0, 0, 0, 9];
    read_announcement(&largest(16, &unit), AsWidth::Four, |read| {
        let communities = read.get_extended_communities().unwrap();
        assert_eq!(communities.len(), 8_188);
        let last = communities.get(8_187);
        assert_eq!((last.get_type_high(), last.get_type_low()), (0, 2));
        assert_eq!(last.get_value().unwrap(), &unit[2..]);
    });
    read_announcement(&largest(32, &[1; 12]), AsWidth::Four, |read| {
        assert_eq!(read.get_large_communities().unwrap().len(), 5_459);
    });
    let mut clusters = largest(10, &[1, 2, 3, 4]);
    clusters[0] = 0x90;
    read_announcement(&clusters, AsWidth::Four, |read| {
        assert_eq!(read.get_cluster_list().unwrap().get(16_376), 0x0102_0304);
    });
    read_announcement(&largest(99, &[7]), AsWidth::Four, |read| {
        let unknown = read.get_unknown_attributes().unwrap();
        assert_eq!(unknown.get(0).get_value().unwrap().len(), 65_508);
    });
}

#[test]
fn the_longest_as_paths_fit() {
    // Segments of one AS number each, with alternating kinds.
    let mut path = largest(2, &[2, 1, 0xfd, 0xe8, 1, 1, 0, 9]);
    path[0] = 0x50;
    read_announcement(&path, AsWidth::Two, |read| {
        let segments = read.get_as_path_segments().unwrap();
        assert_eq!(segments.len(), 2 * 8_188);
        assert_eq!(read.get_as_path().unwrap().len(), 2 * 8_188);
        let last = segments.get(2 * 8_188 - 1);
        assert_eq!(last.get_kind().unwrap(), SegmentKind::AsSet);
        assert_eq!(last.get_asns().unwrap().get(0), 9);
    });
    let segment = [&[2, 255][..], &[0xfd, 0xe8].repeat(255)].concat();
    let mut path = largest(2, &segment);
    path[0] = 0x50;
    read_announcement(&path, AsWidth::Two, |read| {
        assert_eq!(read.get_as_path().unwrap().len(), 255 * 127);
        assert_eq!(read.get_as_path_segments().unwrap().len(), 0);
    });
}

#[test]
fn very_many_unknown_attributes_fit() {
    let mut field = Vec::new();
    for type_code in 200..=255 {
        field.extend_from_slice(&[0xc0, type_code, 0]);
    }
    read_announcement(&field, AsWidth::Four, |read| {
        let unknown = read.get_unknown_attributes().unwrap();
        assert_eq!(unknown.len(), 56);
        assert_eq!(unknown.get(55).get_type_code(), 255);
        assert_eq!(unknown.get(55).get_value().unwrap().len(), 0);
    });
}

#[test]
fn a_plain_announcement_carries_no_empty_pointers() {
    let field = [
        0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8, 0x40, 3, 4, 192, 0, 2, 1,
    ];
    let attributes = PathAttributes::parse(&field, AsWidth::Four).unwrap();
    let mut encoder = UpdateEncoder::new();
    encoder.lay_out_announce(&SOURCE, Carrier::UpdateField, &attributes);
    let mut out = Vec::new();
    encoder.append(&plain_route().fields(), &mut out);
    // 16 of framing, 104 of data, 6 pointers, 4 addresses, "IGP", one AS number.
    assert_eq!(out.len(), 16 + 104 + 6 * 8 + 4 * 16 + 8 + 8);
}
