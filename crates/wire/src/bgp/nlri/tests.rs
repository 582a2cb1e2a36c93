//! Tests of every NLRI shape with static bytes, then properties over arbitrary bytes.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::error::WireErrorKind;
use crate::iana::AfiSafi;
use proptest::prelude::*;

/// `add_path` of a field with path identifiers.
const WITH_IDS: bool = true;
/// `add_path` of a field without path identifiers.
const PLAIN: bool = false;
/// `hint_absent` for a peer that left out path identifiers before.
const SEEN_ABSENT: bool = true;
/// `hint_absent` for a peer that did not.
const NOT_SEEN: bool = false;

const IPV4_VPN_FLOWSPEC: AfiSafi = AfiSafi::new(1, 134);

fn prefixes(family: AfiSafi, field: &[u8], add_path: bool) -> Vec<(Option<u32>, u8, [u8; 16])> {
    iter(family, field, add_path)
        .map(|nlri| {
            let nlri = nlri.unwrap();
            let Route::Prefix { length, prefix, .. } = nlri.route else {
                panic!("not a prefix");
            };
            (nlri.path_id, length, prefix.to_v6_mapped())
        })
        .collect()
}

fn v4(address: u32) -> [u8; 16] {
    (0xffff_0000_0000 | u128::from(address)).to_be_bytes()
}

#[test]
fn plain_prefixes() {
    let field = [0, 8, 10, 23, 192, 0, 3, 32, 1, 2, 3, 4];
    let expected = [
        (None, 0, v4(0)),
        (None, 8, v4(0x0a00_0000)),
        // The last bit is behind the length.
        (None, 23, v4(0xc000_0200)),
        (None, 32, v4(0x0102_0304)),
    ];
    assert_eq!(prefixes(AfiSafi::IPV4_UNICAST, &field, PLAIN), expected);
    assert_eq!(prefixes(AfiSafi::IPV4_MULTICAST, &field, PLAIN), expected);
    assert_eq!(count(AfiSafi::IPV4_UNICAST, &field, PLAIN), Ok(4));
    let fast: Vec<_> = Ipv4Prefixes::new(&field, PLAIN).collect();
    assert_eq!(
        fast,
        [
            (0, 0, 0),
            (0, 8, 0x0a00_0000),
            (0, 23, 0xc000_0200),
            (0, 32, 0x0102_0304)
        ]
    );
}

#[test]
fn plain_ipv6_prefixes_with_path_ids() {
    let field = [0, 0, 0, 7, 33, 0x20, 0x01, 0x0d, 0xb8, 0xff, 0, 0, 0, 8, 0];
    let address = 0x2001_0db8_8000_0000_0000_0000_0000_0000_u128;
    assert_eq!(
        prefixes(AfiSafi::IPV6_UNICAST, &field, WITH_IDS),
        [(Some(7), 33, address.to_be_bytes()), (Some(8), 0, [0; 16])]
    );
    assert_eq!(
        Ipv6Prefixes::new(&field, WITH_IDS).collect::<Vec<_>>(),
        [(7, 33, address), (8, 0, 0)]
    );
}

fn only(family: AfiSafi, field: &[u8]) -> Nlri<'_> {
    let mut nlri = iter(family, field, PLAIN);
    let only = nlri.next().unwrap().unwrap();
    assert!(nlri.next().is_none());
    only
}

#[test]
fn labelled_prefixes() {
    // Two labels, the second at the bottom of the stack.
    let field = [48 + 24, 0, 0, 0x10, 0, 1, 0x11, 192, 0, 2];
    let Route::Prefix {
        labels,
        length,
        prefix,
        rd,
    } = only(AfiSafi::IPV4_LABELLED, &field).route
    else {
        panic!()
    };
    assert_eq!((labels, length, rd), (&field[1..7], 24, None));
    assert_eq!(prefix.to_v4(), 0xc000_0200);
    assert!(prefix.is_v4() && prefix.octets() == [192, 0, 2]);
    // In a withdrawal, the compatibility field is no label and has no bottom-of-stack bit.
    for withdrawn in [[0x80, 0, 0], [0, 0, 0]] {
        let field = [&[32][..], &withdrawn, &[10]].concat();
        let Route::Prefix { labels, length, .. } = only(AfiSafi::IPV4_LABELLED, &field).route else {
            panic!()
        };
        assert_eq!((labels, length), (&withdrawn[..], 8));
    }
}

#[test]
fn vpn_prefixes() {
    let rd = [0, 0, 0xfd, 0xe8, 0, 0, 0, 1];
    let field = [&[24 + 64 + 33, 0, 1, 1][..], &rd, &[0x20, 1, 0xd, 0xb8, 0x80]].concat();
    let Route::Prefix {
        labels,
        length,
        prefix,
        rd: found,
    } = only(AfiSafi::IPV6_VPN, &field).route
    else {
        panic!()
    };
    assert_eq!((labels, length, found), (&[0, 1, 1][..], 33, Some(rd)));
    assert_eq!(prefix.to_v6() >> 88, 0x20_010d_b880);
    // Routes of SAFI 129 have no label.
    let field = [&[64 + 8][..], &rd, &[10]].concat();
    let Route::Prefix {
        labels,
        length,
        rd: found,
        ..
    } = only(AfiSafi::new(1, 129), &field).route
    else {
        panic!()
    };
    assert_eq!((labels, length, found), (&[][..], 8, Some(rd)));
}

#[test]
fn opaque_nlri_end_where_their_length_says() {
    let flowspec = [&[0xf0, 0xf1][..], &[7; 0xf1]].concat();
    for (family, field) in [
        (AfiSafi::EVPN, &[2, 3, 1, 1, 1][..]),
        (AfiSafi::new(2, 5), &[7, 1, 9]),
        (AfiSafi::BGP_LS, &[0, 1, 0, 2, 9, 9]),
        (AfiSafi::new(1, 85), &[1, 0, 1, 2, 9, 9]),
        (AfiSafi::VPLS, &[0, 2, 9, 9]),
        (AfiSafi::ROUTE_TARGET, &[33, 1, 1, 1, 1, 1]),
        (AfiSafi::ROUTE_TARGET, &[0]),
        (AfiSafi::new(2, 73), &[16, 1, 1]),
        (AfiSafi::IPV6_FLOWSPEC, &[2, 1, 1]),
        (IPV4_VPN_FLOWSPEC, &flowspec),
    ] {
        let twice = [field, field].concat();
        let found: Vec<_> = iter(family, &twice, PLAIN)
            .map(|nlri| nlri.unwrap().route)
            .collect();
        assert_eq!(found, [Route::Opaque(field); 2], "{family}");
        assert_eq!(count(family, &twice, PLAIN), Ok(2));
        assert!(count(family, &twice[..twice.len() - 1], PLAIN).is_err() || field.len() == 1);

        let with_ids = [&[0, 0, 0, 5], field, &[0, 0, 0, 6], field].concat();
        let found: Vec<_> = iter(family, &with_ids, WITH_IDS)
            .map(|nlri| nlri.unwrap())
            .collect();
        assert_eq!((found[0].path_id, found[1].path_id), (Some(5), Some(6)));
        assert_eq!(found[1].route, Route::Opaque(field));
    }
}

#[test]
fn a_family_of_unknown_length_is_one_nlri() {
    let family = AfiSafi::new(1, 77);
    assert_eq!(shape(family), NlriShape::Unframed);
    let whole = Nlri {
        path_id: None,
        route: Route::Opaque(&[1, 2, 3]),
    };
    assert_eq!(only(family, &[1, 2, 3]), whole);
    assert_eq!(iter(family, &[1, 2, 3], WITH_IDS).next(), Some(Ok(whole)));
    assert_eq!(count(family, &[], PLAIN), Ok(0));
}

#[test]
fn malformed_nlri_says_where() {
    for (family, field, add_path, offset) in [
        (AfiSafi::IPV4_UNICAST, &[8, 10, 33, 1, 1, 1, 1, 1][..], PLAIN, 2),
        (AfiSafi::IPV4_UNICAST, &[8, 10, 24, 1, 1], PLAIN, 3),
        (AfiSafi::IPV4_UNICAST, &[0, 0, 0], WITH_IDS, 0),
        (AfiSafi::IPV4_UNICAST, &[0, 0, 0, 1], WITH_IDS, 0),
        (
            AfiSafi::IPV4_UNICAST,
            &[0, 0, 0, 1, 40, 1, 2, 3, 4, 5],
            WITH_IDS,
            4,
        ),
        (AfiSafi::IPV6_UNICAST, &[129, 1], PLAIN, 0),
        (AfiSafi::IPV4_LABELLED, &[0], PLAIN, 1),
        // No label has the bottom-of-stack bit.
        (AfiSafi::IPV4_LABELLED, &[24, 0, 0, 0x10], PLAIN, 4),
        (AfiSafi::IPV4_LABELLED, &[57, 0, 0, 1, 1, 1, 1, 1, 1], PLAIN, 0),
        (AfiSafi::IPV4_LABELLED, &[20, 0, 0, 1], PLAIN, 0),
        (AfiSafi::IPV4_VPN, &[32, 0, 0, 1, 1], PLAIN, 0),
        (AfiSafi::IPV4_VPN, &[88, 0, 0, 1, 0, 0, 0, 1, 0, 0], PLAIN, 1),
        (AfiSafi::EVPN, &[1, 0, 2, 4, 1], PLAIN, 2),
        (AfiSafi::EVPN, &[1], PLAIN, 0),
        (AfiSafi::IPV4_FLOWSPEC, &[0xf1], PLAIN, 0),
        (AfiSafi::BGP_LS, &[0, 1, 0, 9, 0], PLAIN, 0),
    ] {
        let error = count(family, field, add_path).unwrap_err();
        assert_eq!(error.offset, offset, "{family} {field:?}: {error}");
        let last = iter(family, field, add_path).last().unwrap();
        assert!(last.is_err(), "{family} {field:?}");
    }
    let error = count(AfiSafi::IPV4_UNICAST, &[33], PLAIN).unwrap_err();
    assert!(matches!(error.kind, WireErrorKind::Invalid { value: 33, .. }));
}

#[test]
fn path_ids_are_as_negotiated_unless_that_is_impossible() {
    let family = AfiSafi::IPV4_UNICAST;
    let decide = |field: &[u8], negotiated, hint_absent| {
        decide_add_path(family, field, negotiated, hint_absent)
            .map(|decision| (decision.add_path, decision.contradiction, decision.routes))
    };
    let with = [0, 0, 0, 1, 24, 192, 0, 2];
    let without = [24, 192, 0, 2];
    assert_eq!(decide(&with, WITH_IDS, NOT_SEEN), Ok((true, false, 1)));
    assert_eq!(decide(&without, PLAIN, NOT_SEEN), Ok((false, false, 1)));
    assert_eq!(decide(&without, WITH_IDS, NOT_SEEN), Ok((false, true, 1)));
    // Without path identifiers, the zeros would be three default routes, and the field would end within a prefix.
    let odd = [0, 0, 0, 9, 24, 192, 0, 2];
    assert_eq!(decide(&odd, PLAIN, NOT_SEEN), Ok((true, true, 1)));
    // This is 1.2.3.0/32, or the default route with path identifier 0x20010203.
    let both = [32, 1, 2, 3, 0];
    assert_eq!(decide(&both, WITH_IDS, NOT_SEEN), Ok((true, false, 1)));
    assert_eq!(decide(&both, WITH_IDS, SEEN_ABSENT), Ok((false, false, 1)));
    assert_eq!(decide(&with, WITH_IDS, SEEN_ABSENT), Ok((true, false, 1)));
    assert_eq!(decide(&[], WITH_IDS, NOT_SEEN), Ok((true, false, 0)));
    assert_eq!(decide(&[99], WITH_IDS, NOT_SEEN).unwrap_err().offset, 0);
}

/// A broken field was read with path identifiers that nobody had negotiated, and became routes that do not exist.
#[test]
fn a_broken_field_is_not_read_as_routes_with_invented_path_identifiers() {
    let decide = |family, field: &[u8], negotiated| {
        decide_add_path(family, field, negotiated, NOT_SEEN).map(|decision| decision.routes)
    };
    for (family, field) in [
        (AfiSafi::EVPN, &[0, 0, 0, 1, 3, 2, 7, 7][..]),
        (AfiSafi::BGP_LS, &[0, 0, 0, 9, 0, 1, 0, 2, 7, 7]),
        (AfiSafi::IPV4_FLOWSPEC, &[0xf0, 9, 9, 9, 2, 1, 1]),
        // 198.51.100.0/24 behind a path identifier of 553779201, or a prefix of 33 bits.
        (AfiSafi::IPV4_UNICAST, &[33, 2, 0, 1, 24, 198, 51, 100]),
        // Bits behind the length.
        (AfiSafi::IPV4_UNICAST, &[0, 0, 0, 99, 20, 198, 51, 0xff]),
        // A route distinguisher of type 9.
        (
            AfiSafi::IPV4_VPN,
            &[0, 0, 0, 1, 112, 0, 0, 0x11, 0, 9, 0, 0, 0, 1, 0, 1, 198, 51, 100],
        ),
    ] {
        assert!(count(family, field, PLAIN).is_err(), "{family} {field:?}");
        assert!(count(family, field, WITH_IDS).is_ok(), "{family} {field:?}");
        assert_eq!(decide(family, field, PLAIN).ok(), None, "{family} {field:?}");
    }
    for (family, field) in [
        (AfiSafi::EVPN, &[3, 2, 7, 7][..]),
        (AfiSafi::IPV4_UNICAST, &[0, 0, 0]),
        (AfiSafi::IPV4_UNICAST, &[20, 198, 51, 0xff]),
    ] {
        assert!(count(family, field, WITH_IDS).is_err(), "{family} {field:?}");
        assert!(count(family, field, PLAIN).is_ok(), "{family} {field:?}");
        assert_eq!(decide(family, field, WITH_IDS).ok(), None, "{family} {field:?}");
    }
    // What real senders do is read as before.
    let vpn = [0, 0, 0, 1, 112, 0, 0, 0x11, 0, 0, 0, 1, 0, 0, 0, 1, 198, 51, 100];
    assert_eq!(decide(AfiSafi::IPV4_VPN, &vpn, PLAIN), Ok(1));
    assert_eq!(decide(AfiSafi::IPV4_VPN, &vpn[4..], WITH_IDS), Ok(1));
}

/// GoBGP leaves out path identifiers in some messages only.
#[test]
fn small_path_identifiers_are_not_taken_for_default_routes() {
    let family = AfiSafi::IPV4_UNICAST;
    let decide =
        |field: &[u8]| decide_add_path(family, field, WITH_IDS, SEEN_ABSENT).map(|d| (d.add_path, d.routes));
    for id in 0..=300_u32 {
        let [a, b, c, d] = id.to_be_bytes();
        let field = [a, b, c, d, 24, 192, 0, 2, a, b, c, d, 16, 198, 51];
        assert_eq!(decide(&field), Ok((true, 2)), "path identifier {id}");
    }
    assert_eq!(decide(&[0]), Ok((false, 1)), "a default route alone");
    assert_eq!(
        decide(&[24, 192, 0, 2, 0]),
        Ok((false, 2)),
        "a default route among others"
    );
    assert_eq!(
        decide(&[32, 192, 0, 2, 0]),
        Ok((false, 1)),
        "no bits behind the length"
    );
    // Bits behind the length may have any value (RFC 4271 §4.3), so an unlikely prefix is still a prefix.
    assert_eq!(
        decide(&[20, 192, 0, 0xff]),
        Ok((false, 1)),
        "not to be read otherwise"
    );
}

/// Every family with a known shape, and one without.
fn families() -> impl Strategy<Value = AfiSafi> {
    let safis = [1, 2, 4, 5, 65, 70, 71, 72, 73, 77, 85, 128, 129, 132, 133, 134];
    (
        prop::sample::select(vec![1_u16, 2, 25, 16388]),
        prop::sample::select(safis.to_vec()),
    )
        .prop_map(|(afi, safi)| AfiSafi::new(afi, safi))
}

/// Bytes with many small numbers, so that lengths often fit.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0), 0..40_u8, any::<u8>()], 0..80)
}

proptest! {
    #[test]
    fn any_bytes_of_any_family(family in families(), field in bytes(), add_path: bool, hint: bool) {
        let found: Result<Vec<_>, _> = iter(family, &field, add_path).collect();
        // In a field with several errors, the two may report different errors.
        prop_assert_eq!(
            count(family, &field, add_path).ok(),
            found.map(|found| found.len()).ok()
        );
        if let Ok(decision) = decide_add_path(family, &field, add_path, hint) {
            prop_assert_eq!(count(family, &field, decision.add_path), Ok(decision.routes));
        }
    }

    #[test]
    fn fast_and_general_readers_agree(field in bytes(), add_path: bool) {
        // Unchecked fields must not panic either.
        let v4: Vec<_> = Ipv4Prefixes::new(&field, add_path).collect();
        let v6: Vec<_> = Ipv6Prefixes::new(&field, add_path).collect();
        if count(AfiSafi::IPV4_UNICAST, &field, add_path).is_ok() {
            let general = prefixes(AfiSafi::IPV4_UNICAST, &field, add_path);
            let fast: Vec<_> = v4.iter().map(|&(id, length, address)| {
                (add_path.then_some(id), length, self::v4(address))
            }).collect();
            prop_assert_eq!(general, fast);
        }
        if count(AfiSafi::IPV6_UNICAST, &field, add_path).is_ok() {
            let general = prefixes(AfiSafi::IPV6_UNICAST, &field, add_path);
            let fast: Vec<_> = v6.iter().map(|&(id, length, address)| {
                (add_path.then_some(id), length, address.to_be_bytes())
            }).collect();
            prop_assert_eq!(general, fast);
        }
    }

    #[test]
    fn prefixes_round_trip(
        routes in prop::collection::vec((any::<u32>(), 0..=32_u8, any::<u32>()), 0..20),
        add_path: bool,
    ) {
        let mut field = Vec::new();
        let mut expected = Vec::new();
        for (id, length, address) in routes {
            if add_path {
                field.extend(id.to_be_bytes());
            }
            field.push(length);
            field.extend(&address.to_be_bytes()[..usize::from(length).div_ceil(8)]);
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            expected.push((if add_path { id } else { 0 }, length, address & mask));
        }
        prop_assert_eq!(count(AfiSafi::IPV4_UNICAST, &field, add_path), Ok(expected.len()));
        prop_assert_eq!(Ipv4Prefixes::new(&field, add_path).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn ipv6_prefixes_round_trip(
        routes in prop::collection::vec((any::<u32>(), 0..=128_u8, any::<u128>()), 0..20),
    ) {
        let mut field = Vec::new();
        let mut expected = Vec::new();
        for (id, length, address) in routes {
            field.extend(id.to_be_bytes());
            field.push(length);
            field.extend(&address.to_be_bytes()[..usize::from(length).div_ceil(8)]);
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            expected.push((id, length, address & mask));
        }
        prop_assert_eq!(count(AfiSafi::IPV6_UNICAST, &field, WITH_IDS), Ok(expected.len()));
        prop_assert_eq!(Ipv6Prefixes::new(&field, WITH_IDS).collect::<Vec<_>>(), expected);
    }
}
