//! BGP4MP and BGP4MP_ET (RFC 6396 §4.4, RFC 8050 §3): messages and changes of state.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::record::{Fields, Record};

/// What a subtype says about its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    is_message: bool,
    four_octet_as: bool,
    /// The collector of the file sent the message.
    is_sent: bool,
    add_path: bool,
}

const fn form(subtype: u16) -> Option<Form> {
    let (is_message, four_octet_as, is_sent, add_path) = match subtype {
        0 => (false, false, false, false),
        1 => (true, false, false, false),
        4 => (true, true, false, false),
        5 => (false, true, false, false),
        6 => (true, false, true, false),
        7 => (true, true, true, false),
        8 => (true, false, false, true),
        9 => (true, true, false, true),
        10 => (true, false, true, true),
        11 => (true, true, true, true),
        _ => return None,
    };
    Some(Form {
        is_message,
        four_octet_as,
        is_sent,
        add_path,
    })
}

/// A record of BGP4MP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bgp4mp<'a> {
    pub(super) peer_asn: u32,
    pub(super) local_asn: u32,
    pub(super) peer: IpAddr,
    pub(super) local: IpAddr,
    pub(super) four_octet_as: bool,
    pub(super) is_sent: bool,
    pub(super) add_path: bool,
    pub(super) content: Content<'a>,
}

/// What happened in a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// A BGP message, header included.
    Message(&'a [u8]),
    /// The session is established now.
    Established,
    /// The session is no longer established.
    Ended,
    /// A change between two states in which the session was not established.
    Other,
}

/// State 6 of RFC 4271 §8.2.2, as MRT numbers them.
const ESTABLISHED: u16 = 6;

/// Octets of a BGP message: its header alone (RFC 4271 §4.1), and the longest extended message (RFC 8654 §3).
const MESSAGE_OCTETS: RangeInclusive<usize> = 19..=65_535;

/// Reads a record; `None` if it is damaged or of an unknown subtype, or if its BGP message has a length that no BGP message has.
pub(super) fn read<'a>(record: &Record<'a>) -> Option<Bgp4mp<'a>> {
    let form = form(record.subtype)?;
    let mut fields = Fields::new(record.body);
    let peer_asn = fields.asn(form.four_octet_as)?;
    let local_asn = fields.asn(form.four_octet_as)?;
    let _interface = fields.u16()?;
    let afi = fields.u16()?;
    let peer = fields.address(afi)?;
    let local = fields.address(afi)?;
    let content = if form.is_message {
        let message = fields.rest();
        // The core would take a longer message for a damaged BMP stream, and leave out everything behind it.
        if !MESSAGE_OCTETS.contains(&message.len()) {
            return None;
        }
        Content::Message(message)
    } else {
        match (fields.u16()?, fields.u16()?) {
            (_, ESTABLISHED) => Content::Established,
            (ESTABLISHED, _) => Content::Ended,
            _ => Content::Other,
        }
    };
    Some(Bgp4mp {
        peer_asn,
        local_asn,
        peer,
        local,
        four_octet_as: form.four_octet_as,
        is_sent: form.is_sent,
        add_path: form.add_path,
        content,
    })
}
