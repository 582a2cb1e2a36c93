//! Target `nlri`: an NLRI field of any family, with and without path identifiers.
//!
//! Input: the field, then AFI (2), SAFI (1), flags (1).

use arancini_wire::bgp::nlri::{self, Ipv4Prefixes, Ipv6Prefixes, Nlri, NlriShape, Route};
use arancini_wire::iana::AfiSafi;

use crate::input::Input;

/// Reads the field in every way. All ways must agree.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let flags = input.byte();
    let safi = input.byte();
    let family = AfiSafi::new(input.short(), safi);
    read(family, input.rest(), flags & 1 != 0, flags & 2 != 0);
}

/// Does what [`run`] does, for a field whose context is known.
pub fn read(family: AfiSafi, field: &[u8], negotiated: bool, hint_absent: bool) {
    for add_path in [false, true] {
        let counted = nlri::count(family, field, add_path);
        match &counted {
            Ok(routes) => assert!(*routes <= field.len(), "no route is without an octet"),
            Err(error) => {
                assert!(error.offset <= field.len(), "{error}");
                assert!(!error.to_string().is_empty());
            }
        }
        let mut iter = nlri::iter(family, field, add_path);
        let mut routes = 0;
        let mut before = 0;
        while let Some(item) = iter.next() {
            match item {
                Ok(nlri) => {
                    routes += 1;
                    assert!(iter.offset() > before && iter.offset() <= field.len());
                    check(family, &nlri, &field[before..iter.offset()], add_path);
                    before = iter.offset();
                }
                Err(error) => {
                    assert!(counted.is_err(), "{family}: {error}, but it was counted");
                    assert!(error.offset <= field.len(), "{error}");
                    assert!(iter.next().is_none(), "ends after the first error");
                    routes = usize::MAX;
                    break;
                }
            }
        }
        if let Ok(counted) = counted {
            assert_eq!(counted, routes, "{family}");
            fast_readers_agree(family, field, add_path);
        }
        // A field that could not be counted gives nonsense, but the reading ends without a panic.
        assert!(Ipv4Prefixes::new(field, add_path).count() <= field.len());
        assert!(Ipv6Prefixes::new(field, add_path).count() <= field.len());
    }
    let decision = nlri::decide_add_path(family, field, negotiated, hint_absent);
    let either = [false, true].map(|add_path| nlri::count(family, field, add_path).ok());
    match decision {
        Ok(decision) => {
            assert_eq!(either[usize::from(decision.add_path)], Some(decision.routes));
            let overruled = decision.add_path != negotiated;
            assert!(!decision.contradiction || overruled);
            assert!(!overruled || decision.contradiction || hint_absent);
        }
        Err(_) => assert_eq!(
            either[usize::from(negotiated)],
            None,
            "what can be read as negotiated is not refused"
        ),
    }
}

fn check(family: AfiSafi, nlri: &Nlri<'_>, bytes: &[u8], add_path: bool) {
    let shape = nlri::shape(family);
    assert_eq!(nlri.path_id.is_some(), add_path && shape != NlriShape::Unframed);
    match nlri.route {
        Route::Prefix {
            rd,
            labels,
            length,
            prefix,
        } => {
            let NlriShape::Prefix {
                rd: has_rd,
                labelled,
                max_bits,
            } = shape
            else {
                panic!("{family} has no prefixes");
            };
            assert_eq!(rd.is_some(), has_rd);
            assert_eq!(labels.is_empty(), !labelled);
            assert_eq!(labels.len() % 3, 0);
            assert!(length <= max_bits && length == prefix.length());
            assert_eq!(prefix.octets().len(), usize::from(length).div_ceil(8));
            let spare = 128 - u32::from(length);
            let mask = u128::MAX.checked_shl(spare).unwrap_or(0);
            assert_eq!(prefix.to_v6() & !mask, 0, "host bits are zero");
            assert_eq!(prefix.to_v4(), (prefix.to_v6() >> 96) as u32);
            assert_eq!(
                prefix.is_v4(),
                prefix
                    .to_v6_mapped()
                    .starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
                    && max_bits == 32
            );
        }
        Route::Opaque(raw) => {
            let id = if nlri.path_id.is_some() { 4 } else { 0 };
            assert_eq!(raw, &bytes[id..], "the whole NLRI and nothing else");
        }
    }
}

fn fast_readers_agree(family: AfiSafi, field: &[u8], add_path: bool) {
    let general = nlri::iter(family, field, add_path)
        .flatten()
        .filter_map(|nlri| match nlri.route {
            Route::Prefix { length, prefix, .. } => Some((nlri.path_id.unwrap_or(0), length, prefix.to_v6())),
            Route::Opaque(_) => None,
        });
    match family {
        AfiSafi::IPV4_UNICAST => {
            let fast = Ipv4Prefixes::new(field, add_path);
            assert!(
                fast.map(|(id, length, address)| (id, length, u128::from(address) << 96))
                    .eq(general)
            );
        }
        AfiSafi::IPV6_UNICAST => assert!(Ipv6Prefixes::new(field, add_path).eq(general)),
        _ => {}
    }
}
