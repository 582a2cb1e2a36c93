//! Reading any bytes ends and never panics, and every offset and slice lies inside the message.
#![allow(clippy::unwrap_used)]

use arancini_wire::WireError;
use arancini_wire::bgp::{Capability, Notification, Open, Pdus};
use arancini_wire::bmp::{Message, PeerDownData, RibView, frame_length};
use proptest::prelude::*;

/// Reads everything in a frame. The offset of each error must be inside the frame, or at its end.
fn read_all(frame: &[u8]) {
    let check = |error: WireError| {
        assert!(error.offset <= frame.len(), "{error}");
        assert!(!error.to_string().is_empty());
    };
    if let Err(error) = frame_length(frame, 1 << 16) {
        check(error);
    }
    let message = match Message::new_checked(frame) {
        Ok(message) => message,
        Err(error) => return check(error),
    };
    if let Some(peer) = message.peer() {
        let _ = format!("{peer:?} {:?} {}", peer.view(), peer.is_filtered());
    }
    match message {
        Message::RouteMonitoring(message) => {
            for pdu in message.pdus() {
                match pdu {
                    Ok(pdu) => {
                        let end = pdu.offset + pdu.as_bytes().len();
                        assert_eq!(&frame[pdu.offset..end], pdu.as_bytes());
                    }
                    Err(error) => check(error),
                }
            }
        }
        Message::StatisticsReport(message) => {
            let _ = message.count_is_true();
            for statistic in message.counters() {
                match statistic {
                    Ok(statistic) => {
                        let value = statistic.offset + 4;
                        assert_eq!(&frame[value..value + statistic.value.len()], statistic.value);
                        let _ = statistic.decode();
                    }
                    Err(error) => check(error),
                }
            }
        }
        Message::PeerDown(message) => {
            let _ = (message.table_name(), message.reason().name());
            match message.data() {
                PeerDownData::Tlvs(tlvs) => tlvs.filter_map(Result::err).for_each(check),
                PeerDownData::Notification(notification) => {
                    let _ = notification.shutdown_communication();
                }
                PeerDownData::FsmEvent(_) | PeerDownData::Raw(_) => {}
            }
        }
        Message::PeerUp(message) => {
            let negotiated = message.negotiated();
            for view in RibView::ALL {
                let _ = negotiated.context(view);
            }
            let _ = (message.local_address(), message.admin_label());
            message.tlvs().filter_map(Result::err).for_each(check);
            read_open(&message.sent_open(), frame.len());
            read_open(&message.received_open(), frame.len());
        }
        Message::Initiation(message) => {
            let _ = (message.sys_name(), message.sys_descr());
            message.tlvs().filter_map(Result::err).for_each(check);
        }
        Message::Termination(message) => {
            let _ = message.reason();
            message.tlvs().filter_map(Result::err).for_each(check);
        }
        Message::RouteMirroring(message) => {
            message.items().filter_map(Result::err).for_each(check);
        }
        Message::Unknown { body, .. } => assert_eq!(body.len() + 6, frame.len()),
    }
}

fn read_open(open: &Open<'_>, limit: usize) {
    for capability in open.capabilities() {
        match capability {
            Ok(Capability::AddPath(families)) => {
                assert!(families.iter().all(|(_, mode)| (1..=3).contains(&mode)));
            }
            Ok(Capability::ExtendedNextHop(families)) => {
                let _ = families.iter().count();
            }
            Ok(_) => {}
            Err(error) => assert!(error.offset <= limit, "{error}"),
        }
    }
}

/// A frame with a correct header around these bytes.
fn frame(message_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 6).unwrap();
    let mut frame = vec![3];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.push(message_type);
    frame.extend_from_slice(body);
    frame
}

/// A BGP message with a correct header around these bytes.
fn pdu(message_type: u8, body: &[u8]) -> Vec<u8> {
    let mut pdu = vec![0xff; 16];
    pdu.extend_from_slice(&u16::try_from(body.len() + 19).unwrap().to_be_bytes());
    pdu.push(message_type);
    pdu.extend_from_slice(body);
    pdu
}

/// An OPEN with any parameters.
fn open(parameters: &[u8]) -> Vec<u8> {
    let mut body = vec![4, 0xfc, 0, 0, 180, 192, 0, 2, 1];
    body.push(u8::try_from(parameters.len()).unwrap());
    body.extend_from_slice(parameters);
    pdu(1, &body)
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
        for pdu in Pdus::new(&bytes, 0).flatten() {
            let _ = Notification::new_checked(pdu.as_bytes());
        }
        let _ = Open::new_checked(&bytes);
    }

    #[test]
    fn any_body_of_any_type(
        message_type in 0_u8..9,
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        read_all(&frame(message_type, &body));
    }

    #[test]
    fn lists_of_short_elements(
        message_type in 0_u8..7,
        peer in prop::collection::vec(0_u8..8, 42),
        // Small octets are lengths that often fit.
        list in prop::collection::vec(0_u8..6, 0..80),
    ) {
        let mut body = peer;
        body.extend(list);
        read_all(&frame(message_type, &body));
    }

    #[test]
    fn any_parameters_in_open(parameters in prop::collection::vec(any::<u8>(), 0..250)) {
        if let Ok(open) = Open::new_checked(&open(&parameters)) {
            read_open(&open, 29 + parameters.len());
        }
    }

    #[test]
    fn a_peer_up_with_one_octet_changed_or_cut_off(
        sent in prop::collection::vec(0_u8..80, 0..40),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut capabilities = vec![2, u8::try_from(sent.len()).unwrap()];
        capabilities.extend_from_slice(&sent);
        let mut body = vec![0; 62];
        body.extend(open(&capabilities));
        body.extend(open(&[2, 6, 69, 4, 0, 1, 1, 3]));
        body.extend_from_slice(&[0, 3, 0, 2, b'A', b'2']);
        let whole = frame(3, &body);
        prop_assert!(Message::new_checked(&whole).is_ok());
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = value;
        }
        read_all(&frame(3, &body));
    }
}
