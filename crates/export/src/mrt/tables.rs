//! The routes of a table as TABLE_DUMP_V2 (RFC 6396 §4.3; RFC 8050 §4).
//!
//! The records of a table are in the order of their prefixes, with the routes of all peers together, and the table of peers
//! comes first. So the routes are collected, each set of attributes once, and written at the end.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::net::IpAddr;

use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use arancini_schema::json::Named;
use arancini_schema::update_capnp::{RibView, update};
use arancini_wire::bgp::nlri::NlriShape;

use super::attributes::{AttributeWriter, ReachForm};
use super::nlri::{PathId, push_nlri, shape_of};
use super::record::{Precision, RecordHeader, push_address};
use super::registry::{AFI_IPV4, AFI_IPV6, SAFI_MULTICAST, SAFI_UNICAST, mrt_type, table_dump};
use super::wanted::{RouterPeer, Wanted};
use crate::writer::{Finished, MessageWriter, WriteError};

/// Peer type: the AS number has four octets.
const ASN_OF_FOUR_OCTETS: u8 = 2;
/// Peer type: the address is IPv6.
const ADDRESS_IS_IPV6: u8 = 1;
/// Most entries of a record, and most peers of a file: their counts have two octets.
const MOST_ENTRIES: usize = u16::MAX as usize;
const MOST_PEERS: usize = u16::MAX as usize;

/// A family, and whether its routes have path identifiers: such routes have records of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TableKind {
    afi: u16,
    safi: u8,
    has_path_ids: bool,
}

/// One route of one peer.
#[derive(Debug, Clone, Copy)]
struct Entry {
    peer: u16,
    path_id: u32,
    /// Place of its attributes in `sets`.
    attributes: u32,
    /// When the route came, in Unix seconds; 0 if it is not known.
    seconds: u32,
}

/// Writes the routes of one view as a table.
pub struct MrtTables<W: Write> {
    out: W,
    unix_ns: u64,
    wanted: Wanted,
    view_name: String,
    peers: HashMap<RouterPeer, u16>,
    /// The peers by their number, each with its BGP identifier.
    by_number: Vec<(RouterPeer, u32)>,
    tables: BTreeMap<TableKind, BTreeMap<Box<[u8]>, Vec<Entry>>>,
    sets: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
    writer: AttributeWriter,
    nlri: Vec<u8>,
    attributes: Vec<u8>,
    withdraws: u64,
    unframed: u64,
    beyond: u64,
}

impl<W: Write> MrtTables<W> {
    /// Writes the routes of this view as they were at this time.
    pub fn new(out: W, view: RibView, unix_ns: u64) -> Self {
        Self {
            out,
            unix_ns,
            wanted: Wanted::new(view),
            view_name: view.name().to_owned(),
            peers: HashMap::new(),
            by_number: Vec::new(),
            tables: BTreeMap::new(),
            sets: Vec::new(),
            numbers: HashMap::new(),
            writer: AttributeWriter::default(),
            nlri: Vec::new(),
            attributes: Vec::new(),
            withdraws: 0,
            unframed: 0,
            beyond: 0,
        }
    }

    /// Returns the number of a peer; `None` if there are too many peers.
    fn number_of(&mut self, peer: RouterPeer, bgp_id: u32) -> Option<u16> {
        if let Some(number) = self.peers.get(&peer) {
            return Some(*number);
        }
        let number = u16::try_from(self.by_number.len()).ok()?;
        if self.by_number.len() >= MOST_PEERS {
            return None;
        }
        self.by_number.push((peer, bgp_id));
        self.peers.insert(peer, number);
        Some(number)
    }

    fn keep(&mut self, update: update::Reader<'_>, peer: RouterPeer) -> Result<(), WriteError> {
        if shape_of(update) == NlriShape::Unframed {
            self.unframed += 1;
            return Ok(());
        }
        self.nlri.clear();
        push_nlri(update, PathId::LeftOut, &mut self.nlri).map_err(WriteError::Message)?;
        self.attributes.clear();
        self.writer
            .push_announce(update, ReachForm::NextHopOnly, &mut self.attributes)
            .map_err(WriteError::Message)?;
        if u16::try_from(self.attributes.len()).is_err() {
            return Err(WriteError::Message(
                "its attributes are longer than 65535 octets".to_owned(),
            ));
        }
        let Some(number) = self.number_of(peer, update.get_peer_bgp_id()) else {
            self.beyond += 1;
            return Ok(());
        };
        let attributes = match self.numbers.get(&self.attributes[..]) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.sets.len()).map_err(|_| {
                    WriteError::Message("the table has too many sets of attributes".to_owned())
                })?;
                let octets: Box<[u8]> = self.attributes.as_slice().into();
                self.sets.push(octets.clone());
                self.numbers.insert(octets, number);
                number
            }
        };
        let kind = TableKind {
            afi: update.get_afi(),
            safi: update.get_safi(),
            has_path_ids: update.get_has_path_id(),
        };
        let entry = Entry {
            peer: number,
            path_id: update.get_path_id(),
            attributes,
            seconds: (update.get_time_received_ns() / 1_000_000_000) as u32,
        };
        let table = self.tables.entry(kind).or_default();
        match table.get_mut(&self.nlri[..]) {
            Some(entries) => entries.push(entry),
            None => {
                table.insert(self.nlri.as_slice().into(), vec![entry]);
            }
        }
        Ok(())
    }

    fn header(&self, subtype: u16) -> RecordHeader {
        RecordHeader {
            unix_ns: self.unix_ns,
            kind: mrt_type::TABLE_DUMP_V2,
            subtype,
            precision: Precision::Seconds,
        }
    }

    /// Writes the table of peers. The collector's BGP identifier is 0: it speaks no BGP.
    fn write_peers(&mut self) -> io::Result<()> {
        let mut body = vec![0; 4];
        body.extend((self.view_name.len() as u16).to_be_bytes());
        body.extend(self.view_name.as_bytes());
        body.extend((self.by_number.len() as u16).to_be_bytes());
        for (peer, bgp_id) in &self.by_number {
            let address = peer.peer.address;
            body.push(match address {
                IpAddr::V4(_) => ASN_OF_FOUR_OCTETS,
                IpAddr::V6(_) => ASN_OF_FOUR_OCTETS | ADDRESS_IS_IPV6,
            });
            body.extend(bgp_id.to_be_bytes());
            push_address(address, &mut body);
            body.extend(peer.peer.asn.to_be_bytes());
        }
        self.header(table_dump::PEER_INDEX_TABLE)
            .write(&body, &mut self.out)
    }

    fn write_tables(&mut self) -> io::Result<u64> {
        let (mut routes, mut sequence) = (0, 0_u32);
        let mut body = Vec::new();
        for (kind, table) in std::mem::take(&mut self.tables) {
            let subtype = subtype_of(kind);
            for (nlri, entries) in table {
                for entries in entries.chunks(MOST_ENTRIES) {
                    body.clear();
                    body.extend(sequence.to_be_bytes());
                    sequence = sequence.wrapping_add(1);
                    if is_generic(kind) {
                        body.extend(kind.afi.to_be_bytes());
                        body.push(kind.safi);
                    }
                    body.extend_from_slice(&nlri);
                    body.extend((entries.len() as u16).to_be_bytes());
                    for entry in entries {
                        self.push_entry(kind, entry, &mut body);
                    }
                    self.header(subtype).write(&body, &mut self.out)?;
                    routes += entries.len() as u64;
                }
            }
        }
        Ok(routes)
    }

    fn push_entry(&self, kind: TableKind, entry: &Entry, body: &mut Vec<u8>) {
        let attributes = self.sets.get(entry.attributes as usize);
        let attributes = attributes.map_or(&[][..], |octets| octets);
        body.extend(entry.peer.to_be_bytes());
        body.extend(entry.seconds.to_be_bytes());
        if kind.has_path_ids {
            body.extend(entry.path_id.to_be_bytes());
        }
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend_from_slice(attributes);
    }
}

/// Whether a family has no subtype of its own.
fn is_generic(kind: TableKind) -> bool {
    !matches!(kind.afi, AFI_IPV4 | AFI_IPV6) || !matches!(kind.safi, SAFI_UNICAST | SAFI_MULTICAST)
}

fn subtype_of(kind: TableKind) -> u16 {
    let plain = match (kind.afi, kind.safi) {
        (AFI_IPV4, SAFI_UNICAST) => table_dump::RIB_IPV4_UNICAST,
        (AFI_IPV4, SAFI_MULTICAST) => table_dump::RIB_IPV4_MULTICAST,
        (AFI_IPV6, SAFI_UNICAST) => table_dump::RIB_IPV6_UNICAST,
        (AFI_IPV6, SAFI_MULTICAST) => table_dump::RIB_IPV6_MULTICAST,
        _ => table_dump::RIB_GENERIC,
    };
    if kind.has_path_ids {
        plain + table_dump::ADD_PATH
    } else {
        plain
    }
}

impl<W: Write> MessageWriter for MrtTables<W> {
    fn write(&mut self, kind: MessageKind, message: &Message<'_>) -> Result<(), WriteError> {
        if kind != MessageKind::Updates {
            return Ok(());
        }
        let update = message
            .update()
            .map_err(|error| WriteError::Message(error.to_string()))?;
        if !update.get_announced() {
            self.withdraws += 1;
            return Ok(());
        }
        match self.wanted.peer_of(update)? {
            Some(peer) => self.keep(update, peer),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<Finished> {
        self.write_peers()?;
        let messages = self.write_tables()?;
        self.out.flush()?;
        let mut left_out = self.wanted.left_out();
        for (count, what) in [
            (self.withdraws, "withdraws, because a table has none"),
            (
                self.unframed,
                "routes of families whose NLRI have no length, because a reader of a table could not find their ends",
            ),
            (
                self.beyond,
                "routes of further peers, because a table has at most 65535; give --router for another file",
            ),
        ] {
            if count > 0 {
                left_out.push(format!("left out: {count} {what}"));
            }
        }
        Ok(Finished { messages, left_out })
    }
}
