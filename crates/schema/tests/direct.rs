//! Compares messages that are laid out in place with those of the encoder, which define them.
#![allow(clippy::unwrap_used)]

mod attributes;

use arancini_schema::decode::Messages;
use arancini_schema::encode::{
    Carrier, DirectRoute, RouteFields, RouteLabel, RouteSource, TableLayout, Times, UpdateEncoder, WINDOW,
    WithdrawReason,
};
use arancini_schema::fingerprint;
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::{CommonAttributes, PathAttributes};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::{AfiSafi, attribute_type as code};
use attributes::AttributeSet;
use proptest::prelude::*;
use proptest::sample::Index;

/// Attributes of the common kind.
fn common_set(carrier: Carrier) -> impl Strategy<Value = AttributeSet> {
    let path = prop::collection::vec(1..u32::MAX, 0..20);
    let next_hop = prop_oneof![
        any::<[u8; 4]>().prop_map(|hop| hop.to_vec()),
        any::<[u8; 16]>().prop_map(|hop| hop.to_vec()),
        any::<[u8; 32]>().prop_map(|hop| hop.to_vec()),
        // Behind route distinguishers.
        any::<[u8; 12]>().prop_map(|hop| hop.to_vec()),
        any::<[u8; 24]>().prop_map(|hop| hop.to_vec()),
        (any::<[u8; 24]>(), any::<[u8; 24]>()).prop_map(|hops| [hops.0, hops.1].concat()),
    ];
    let sets = (
        attributes::attribute_set(),
        0..3_u8,
        path,
        next_hop,
        any::<[u8; 4]>(),
    );
    sets.prop_map(move |(set, origin, path, mp_next_hop, next_hop)| AttributeSet {
        width: AsWidth::Four,
        reversed: false,
        origin: Some(origin),
        segments: Some(if path.is_empty() {
            Vec::new()
        } else {
            vec![(2, path)]
        }),
        next_hop: (carrier == Carrier::UpdateField).then_some(next_hop),
        mp_next_hop: (carrier == Carrier::MultiProtocol).then_some(mp_next_hop),
        ipv6_extended: Vec::new(),
        only_to_customer: None,
        unknown: None,
        ..set
    })
}

/// The field of a set, with an extended length of AS_PATH, and with MP_REACH_NLRI first, in its place or last.
fn field_of(set: &AttributeSet, long_path: bool, reach_at: Index) -> Vec<u8> {
    let field = set.wire();
    let mut parts: Vec<Vec<u8>> = arancini_wire::bgp::attribute::raw_attributes(&field)
        .map(|attribute| {
            let attribute = attribute.unwrap();
            let end = attribute.value_offset() + attribute.value.len();
            field[attribute.offset..end].to_vec()
        })
        .collect();
    for part in &mut parts {
        if part[1] == code::AS_PATH && long_path {
            part[0] |= 0x10;
            part.insert(2, 0);
        }
    }
    if let Some(place) = parts.iter().position(|part| part[1] == code::MP_REACH_NLRI) {
        let reach = parts.remove(place);
        let place = [0, place, parts.len()][reach_at.index(3)];
        parts.insert(place, reach);
    }
    parts.concat()
}

fn source(name: &str, family: AfiSafi) -> RouteSource<'_> {
    RouteSource {
        time_received_ns: 1,
        time_bmp_header_ns: 2,
        router_address: [3; 16],
        router_port: 4,
        peer_address: [5; 16],
        peer_bgp_id: 6,
        peer_asn: 7,
        peer_type: 1,
        peer_distinguisher: [9; 8],
        view: RibView::AdjRibInPost,
        table_name: name,
        family,
    }
}

/// Lays out a message in place, behind whatever was in the window before.
fn direct(
    layout: impl FnOnce(&mut [u8; WINDOW]) -> arancini_schema::encode::LaidOut,
    route: &DirectRoute,
) -> Vec<u8> {
    let mut window = [0xaa; WINDOW];
    let laid_out = layout(&mut window);
    laid_out.set_route(&mut window, route);
    window[..laid_out.length].to_vec()
}

fn carrier() -> impl Strategy<Value = Carrier> {
    prop_oneof![Just(Carrier::UpdateField), Just(Carrier::MultiProtocol)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_direct_layout_has_the_bytes_of_the_encoder(
        (carrier, set) in carrier().prop_flat_map(|carrier| (Just(carrier), common_set(carrier))),
        name in "[a-zA-Z0-9äß]{0,20}",
        long_path: bool,
        reach_at: Index,
        path_id: Option<u32>,
        distinguisher: Option<[u8; 8]>,
        label: Option<[u8; 3]>,
    ) {
        let family = match carrier {
            Carrier::UpdateField => AfiSafi::IPV4_UNICAST,
            Carrier::MultiProtocol => AfiSafi::IPV6_UNICAST,
        };
        let source = source(&name, family);
        let field = field_of(&set, long_path, reach_at);
        let mut common = CommonAttributes::NONE;
        prop_assert!(common.read(&field), "{:?}", field);
        let attributes = PathAttributes::parse(&field, AsWidth::Four).unwrap();
        let mut scratch = fingerprint::Scratch::new();
        let fingerprint = fingerprint::of_attributes(&field, carrier, &mut scratch);
        let hashed = fingerprint::of_common(&field, &common, carrier, &mut scratch);
        prop_assert_eq!(hashed.fingerprint, fingerprint);
        let mut own_scratch = fingerprint::Scratch::new();
        prop_assert_eq!(hashed.canonical, fingerprint::canonical(&field, carrier, &mut own_scratch));

        let mut encoder = UpdateEncoder::new();
        let layout = TableLayout::new(&mut encoder, &source, carrier).unwrap();
        let times = Times { received_ns: 11, bmp_header_ns: 12 };
        let source = RouteSource { time_received_ns: 11, time_bmp_header_ns: 12, ..source };
        let octets = label.unwrap_or_default();
        let labels = label.as_ref().map_or(&[][..], |label| &label[..]);
        let with_label = fingerprint::with_labels(fingerprint, labels);
        let direct_route = DirectRoute {
            prefix_address: [13; 16],
            prefix_length: 14,
            path_id,
            sequence: 15,
            distinguisher,
            label: label.map(|_| RouteLabel { octets, fingerprint: with_label }),
        };
        let mut route = RouteFields {
            prefix_address: [13; 16],
            prefix_length: 14,
            path_id,
            route_distinguisher: distinguisher,
            labels,
            raw_nlri: &[],
            sequence: 15,
            fingerprint: with_label,
        };
        let mut expected = Vec::new();
        encoder.lay_out_announce(&source, carrier, &attributes);
        encoder.append(&route, &mut expected);
        let announce = direct(
            |window| match label {
                Some(_) => layout.announce::<true>(window, times, fingerprint, &common),
                None => layout.announce::<false>(window, times, fingerprint, &common),
            },
            &direct_route,
        );
        prop_assert_eq!(&announce, &expected);
        let read = Messages::new(&announce).next().unwrap().unwrap();
        set.check(carrier, read.update().unwrap());

        expected.clear();
        route.fingerprint = 0;
        route.labels = &[];
        encoder.lay_out_withdraw(&source, carrier, WithdrawReason::Explicit);
        encoder.append(&route, &mut expected);
        let withdraw = direct(|window| layout.withdraw(window, times), &DirectRoute { label: None, ..direct_route });
        prop_assert_eq!(withdraw, &expected[..]);
    }
}
