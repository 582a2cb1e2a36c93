//! Reading a payload never panics, and an error has the offset of the damaged message.
#![allow(clippy::unwrap_used)]

use arancini_schema::MessageKind;
use arancini_schema::decode::{DecodeErrorKind, Messages};
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder, WithdrawReason};
use arancini_schema::json::write_message;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;
use proptest::prelude::*;

fn payload(messages: u64) -> Vec<u8> {
    let source = RouteSource {
        time_received_ns: 1,
        time_bmp_header_ns: 2,
        router_address: [0xfd; 16],
        router_port: 3,
        peer_address: [0xfe; 16],
        peer_bgp_id: 4,
        peer_asn: 5,
        peer_type: 0,
        peer_distinguisher: [0; 8],
        view: RibView::LocRib,
        table_name: "red",
        family: AfiSafi::IPV6_UNICAST,
    };
    let mut encoder = UpdateEncoder::new();
    encoder.lay_out_withdraw(&source, Carrier::MultiProtocol, WithdrawReason::Explicit);
    let mut out = Vec::new();
    for sequence in 0..messages {
        let route = RouteFields {
            prefix_address: [0x20; 16],
            prefix_length: 48,
            path_id: Some(7),
            route_distinguisher: None,
            labels: &[0, 0, 1],
            raw_nlri: &[],
            sequence,
            fingerprint: 0,
        };
        encoder.append(&route, &mut out);
    }
    out
}

#[test]
fn a_payload_cut_off_anywhere_yields_its_whole_messages() {
    let whole = payload(3);
    let length = whole.len() / 3;
    for end in 0..whole.len() {
        let mut messages = Messages::new(&whole[..end]);
        for _ in 0..end / length {
            messages.next().unwrap().unwrap();
        }
        assert_eq!(messages.offset(), end / length * length);
        match messages.next() {
            None => assert_eq!(end % length, 0),
            Some(result) => {
                let error = result.err().unwrap();
                assert!(matches!(error.kind, DecodeErrorKind::Truncated { .. }));
                assert_eq!(error.offset, end / length * length);
            }
        }
        assert!(messages.next().is_none());
    }
}

#[test]
fn other_bytes_are_named_as_such() {
    let error = Messages::new(b"{\"announced\":true}")
        .next()
        .unwrap()
        .err()
        .unwrap();
    assert!(matches!(error.kind, DecodeErrorKind::SegmentTable { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with("message at byte 0: a segment table of "),
        "{text}"
    );
}

#[test]
fn a_payload_is_read_where_it_lies() {
    // The payload starts at every alignment.
    for shift in 0..8 {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(&payload(1));
        let message = Messages::new(&bytes[shift..]).next().unwrap().unwrap();
        let update = message.update().unwrap();
        assert_eq!(update.get_prefix_addr().unwrap(), [0x20; 16]);
        assert_eq!(update.get_table_name().unwrap(), "red");
    }
}

fn read_all(payload: &[u8]) {
    let kinds = [
        MessageKind::Updates,
        MessageKind::Peers,
        MessageKind::Routers,
        MessageKind::Statistics,
        MessageKind::Malformed,
    ];
    for message in Messages::new(payload).flatten() {
        for kind in kinds {
            // An error is a valid result, a panic is not.
            let _ = write_message(kind, &message, &mut std::io::sink());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    #[test]
    fn damaged_messages_are_survived(
        damage in prop::collection::vec((0_usize..1000, any::<u8>()), 1..20),
    ) {
        let mut bytes = payload(3);
        for (place, value) in damage {
            let length = bytes.len();
            bytes[place % length] = value;
        }
        read_all(&bytes);
    }
}
