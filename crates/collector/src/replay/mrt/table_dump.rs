//! TABLE_DUMP_V2 (RFC 6396 §4.3, RFC 8050 §4): the table of peers, and the routes of a prefix.

use std::net::IpAddr;

use arancini_wire::bgp::nlri;
use arancini_wire::iana::AfiSafi;

use super::record::{Fields, Record};

pub(super) const PEER_INDEX_TABLE: u16 = 1;

/// A peer of the table of peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TablePeer {
    pub(super) address: IpAddr,
    pub(super) asn: u32,
    pub(super) bgp_id: u32,
}

/// Reads the table of peers; `None` if it is damaged.
pub(super) fn read_peers(record: &Record<'_>) -> Option<Vec<TablePeer>> {
    let mut fields = Fields::new(record.body);
    let _collector = fields.u32()?;
    let name = fields.u16()?;
    fields.take(name.into())?;
    let count = fields.u16()?;
    let mut peers = Vec::new();
    for _ in 0..count {
        let kind = fields.u8()?;
        let bgp_id = fields.u32()?;
        let address = fields.address(if kind & 1 == 0 { 1 } else { 2 })?;
        let asn = fields.asn(kind & 2 != 0)?;
        peers.push(TablePeer { address, asn, bgp_id });
    }
    Some(peers)
}

/// The routes of one NLRI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rib<'a> {
    pub(super) family: AfiSafi,
    pub(super) add_path: bool,
    /// The NLRI without a path identifier.
    pub(super) nlri: &'a [u8],
    /// How many entries the record says it has.
    count: u16,
    entries: Fields<'a>,
}

/// A route of one peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Its place in the table of peers.
    pub(super) peer: u16,
    /// When the route came, in Unix seconds.
    pub(super) seconds: u32,
    pub(super) path_id: Option<u32>,
    pub(super) attributes: &'a [u8],
}

/// Reads a RIB record; `None` if it is damaged, or of a family whose NLRI have no length of their own.
pub(super) fn read_rib<'a>(record: &Record<'a>) -> Option<Rib<'a>> {
    let mut fields = Fields::new(record.body);
    let _sequence = fields.u32()?;
    let (family, add_path) = match record.subtype {
        2 => (AfiSafi::new(1, 1), false),
        3 => (AfiSafi::new(1, 2), false),
        4 => (AfiSafi::new(2, 1), false),
        5 => (AfiSafi::new(2, 2), false),
        6 => (AfiSafi::new(fields.u16()?, fields.u8()?), false),
        8 => (AfiSafi::new(1, 1), true),
        9 => (AfiSafi::new(1, 2), true),
        10 => (AfiSafi::new(2, 1), true),
        11 => (AfiSafi::new(2, 2), true),
        12 => (AfiSafi::new(fields.u16()?, fields.u8()?), true),
        _ => return None,
    };
    let nlri = fields.take(nlri_length(family, fields.rest())?)?;
    Some(Rib {
        family,
        add_path,
        nlri,
        count: fields.u16()?,
        entries: fields,
    })
}

/// The length of the NLRI at the start of some bytes; `None` if it is damaged. An NLRI of a family whose NLRI have no length
/// takes all bytes.
fn nlri_length(family: AfiSafi, bytes: &[u8]) -> Option<usize> {
    let mut nlri = nlri::iter(family, bytes, false);
    nlri.next()?.ok()?;
    Some(nlri.offset())
}

impl<'a> Rib<'a> {
    /// Returns how many octets the NLRI takes if each entry has a copy of it.
    pub(super) fn nlri_octets(&self) -> usize {
        self.nlri.len() * usize::from(self.count)
    }

    /// Returns the entries; the last one is `None` if the record is damaged there.
    pub(super) fn entries(&self) -> impl Iterator<Item = Option<Entry<'a>>> + use<'a> {
        let (mut fields, add_path, mut left) = (self.entries, self.add_path, self.count);
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            left -= 1;
            let entry = read_entry(&mut fields, add_path);
            if entry.is_none() {
                left = 0;
            }
            Some(entry)
        })
    }
}

fn read_entry<'a>(fields: &mut Fields<'a>, add_path: bool) -> Option<Entry<'a>> {
    let (peer, seconds) = (fields.u16()?, fields.u32()?);
    let path_id = if add_path { Some(fields.u32()?) } else { None };
    let length = fields.u16()?;
    Some(Entry {
        peer,
        seconds,
        path_id,
        attributes: fields.take(length.into())?,
    })
}
