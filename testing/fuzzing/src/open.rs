//! Target `open`: OPEN, its capabilities, Peer Up, and every other BMP message but routes.
//!
//! Input: the last octet chooses one of three. A whole BMP frame or BGP message; or the optional parameters of two OPENs,
//! which are put into a Peer Up with right headers; or the body of a BMP message of any type, which gets a right header.

use arancini_wire::bgp::{Capability, Negotiated, Notification, Open, Pdus};
use arancini_wire::bmp::{
    Message, Mirrored, PeerDownData, PeerUp, PerPeerHeader, RibView, Tlvs, frame_length,
};

use crate::input::Input;

/// The last octet of an input that is a whole BMP frame or BGP message.
pub const WHOLE: u8 = 0;
/// The last octet of an input with the optional parameters of two OPENs. The octet before it says where the second starts.
pub const PARAMETERS: u8 = 1;

/// Reads an input.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    match input.byte() % 3 {
        WHOLE => {
            read_frame(input.rest());
            read_pdus(input.rest(), 0);
            if let Ok(open) = Open::new_checked(input.rest()) {
                read_open(&open);
            }
            if let Ok(notification) = Notification::new_checked(input.rest()) {
                read_notification(&notification);
            }
        }
        PARAMETERS => {
            let at = usize::from(input.byte());
            let (sent, rest) = input.rest().split_at(at.min(input.rest().len()));
            let mut body = vec![0; 62];
            body.extend(open(sent));
            body.extend(open(rest));
            read_frame(&frame(3, &body));
        }
        _ => {
            let message_type = input.byte() % 9;
            read_frame(&frame(message_type, input.rest()));
        }
    }
}

fn frame(message_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 6).unwrap_or(u32::MAX);
    [&[3][..], &length.to_be_bytes(), &[message_type], body].concat()
}

/// An OPEN of AS 64512 with as many of these parameters as fit.
fn open(parameters: &[u8]) -> Vec<u8> {
    let parameters = &parameters[..parameters.len().min(255)];
    let length = (29 + parameters.len()) as u16;
    let mut bytes = vec![0xff; 16];
    bytes.extend(length.to_be_bytes());
    bytes.extend([1, 4, 0xfc, 0, 0, 180, 192, 0, 2, 1, parameters.len() as u8]);
    bytes.extend(parameters);
    bytes
}

/// Reads a BMP message and everything in it but the attributes and routes of UPDATEs.
pub fn read_frame(frame: &[u8]) {
    match frame_length(frame, 1 << 20) {
        Ok(Some(length)) => assert!((6..=1 << 20).contains(&length)),
        Ok(None) => assert!(frame.len() < 6),
        Err(error) => assert!(error.offset <= frame.len(), "{error}"),
    }
    let message = match Message::new_checked(frame) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset <= frame.len(), "{error}");
            return;
        }
    };
    assert!(!message.message_type().name().is_empty());
    if let Some(peer) = message.peer() {
        read_header(&peer);
    }
    match message {
        Message::RouteMonitoring(message) => {
            assert!(message.update_pdu().len() <= frame.len());
            for pdu in message.pdus().flatten() {
                assert_eq!(&frame[pdu.offset..][..pdu.as_bytes().len()], pdu.as_bytes());
            }
        }
        Message::StatisticsReport(message) => {
            let declared = message.declared_count();
            let read = message.counters().filter(Result::is_ok).count();
            assert!(!message.count_is_true() || declared as usize == read);
            for statistic in message.counters().flatten() {
                let _ = (
                    statistic.kind(),
                    statistic.name(),
                    format!("{:?}", statistic.decode()),
                );
            }
        }
        Message::PeerDown(message) => {
            assert!(!message.reason().name().is_empty());
            let _ = (message.table_name(), message.raw_data());
            match message.data() {
                PeerDownData::Tlvs(tlvs) => read_tlvs(tlvs, frame),
                PeerDownData::Notification(notification) => read_notification(&notification),
                PeerDownData::FsmEvent(_) | PeerDownData::Raw(_) => {}
            }
        }
        Message::PeerUp(message) => read_peer_up(&message, frame),
        Message::Initiation(message) => {
            let _ = (message.sys_name(), message.sys_descr(), message.string());
            read_tlvs(message.tlvs(), frame);
        }
        Message::Termination(message) => {
            let _ = (message.string(), message.reason().map(|reason| reason.name()));
            read_tlvs(message.tlvs(), frame);
        }
        Message::RouteMirroring(message) => {
            for item in message.items() {
                match item {
                    Ok(Mirrored::BgpMessage(pdu)) => read_pdus(pdu, 0),
                    Ok(_) => {}
                    Err(error) => assert!(error.offset <= frame.len(), "{error}"),
                }
            }
            read_tlvs(message.tlvs(), frame);
        }
        Message::Unknown { body, .. } => assert_eq!(body.len() + 6, frame.len()),
    }
}

fn read_header(peer: &PerPeerHeader<'_>) {
    assert_eq!(peer.view() == RibView::LocRib, peer.is_loc_rib());
    assert!(!peer.view().name().is_empty());
    let identity = peer.identity();
    assert_eq!(identity.address, peer.address());
    assert_eq!(
        (identity.bgp_id, identity.distinguisher),
        (peer.bgp_id(), peer.distinguisher())
    );
    let _ = (
        peer.asn(),
        peer.timestamp_ns(),
        peer.is_ipv6(),
        peer.is_filtered(),
        peer.is_legacy_as_path(),
    );
    assert_eq!(peer.as_bytes().len(), 42);
}

fn read_peer_up(message: &PeerUp<'_>, frame: &[u8]) {
    let negotiated = message.negotiated();
    let (sent, received) = (message.sent_open(), message.received_open());
    assert_eq!(negotiated, Negotiated::from_opens(&sent, &received));
    // For the other side sent and received are exchanged.
    let other = Negotiated::from_opens(&received, &sent);
    assert_eq!(negotiated.four_octet_as, other.four_octet_as);
    assert_eq!(negotiated.extended_message, other.extended_message);
    if negotiated.add_path_in.iter().count() < 32 && other.add_path_out.iter().count() < 32 {
        for family in negotiated.add_path_in.iter() {
            assert!(other.add_path_out.contains(family), "{family}");
        }
    }
    for view in RibView::ALL {
        assert_eq!(negotiated.context(view).add_path, *negotiated.add_path(view));
    }
    let _ = (
        message.local_address(),
        message.local_port(),
        message.remote_port(),
    );
    let _ = (message.string(), message.table_name(), message.admin_label());
    read_tlvs(message.tlvs(), frame);
    read_open(&sent);
    read_open(&received);
}

fn read_tlvs(tlvs: Tlvs<'_>, frame: &[u8]) {
    for tlv in tlvs {
        match tlv {
            Ok(tlv) => {
                assert_eq!(&frame[tlv.offset + 4..][..tlv.value.len()], tlv.value);
                // Any octets give valid text.
                assert!(tlv.text().to_string().chars().count() <= tlv.value.len());
            }
            Err(error) => assert!(error.offset <= frame.len(), "{error}"),
        }
    }
}

fn read_pdus(bytes: &[u8], offset: usize) {
    for pdu in Pdus::new(bytes, offset) {
        match pdu {
            Ok(pdu) => {
                assert_eq!(
                    &bytes[pdu.offset - offset..][..pdu.as_bytes().len()],
                    pdu.as_bytes()
                );
                let _ = (pdu.kind(), pdu.marker_is_valid());
            }
            Err(error) => assert!(error.offset <= offset + bytes.len(), "{error}"),
        }
    }
}

fn read_notification(notification: &Notification<'_>) {
    assert!(!notification.code_name().is_empty());
    let _ = (
        notification.code(),
        notification.subcode(),
        notification.cease_name(),
    );
    if let Some(text) = notification.shutdown_communication() {
        assert!(text.len() < notification.data().len());
    }
    assert_eq!(notification.as_bytes().len(), 21 + notification.data().len());
}

fn read_open(open: &Open<'_>) {
    let end = open.as_bytes().len();
    let _ = (open.version(), open.hold_time(), open.bgp_id());
    let mut four_octet_as = None;
    for capability in open.capabilities() {
        match capability {
            Ok(Capability::AddPath(families)) => {
                assert!(families.iter().all(|(_, mode)| (1..=3).contains(&mode)));
            }
            Ok(Capability::ExtendedNextHop(families)) => {
                let _ = families.iter().count();
            }
            Ok(Capability::FourOctetAs(asn)) => four_octet_as = four_octet_as.or(Some(asn)),
            Ok(Capability::Fqdn { host, domain }) => assert!(host.len() + domain.len() < end),
            Ok(_) => {}
            Err(error) => assert!(error.offset <= end, "{error}"),
        }
    }
    assert_eq!(open.asn(), four_octet_as.unwrap_or(u32::from(open.my_as())));
}
