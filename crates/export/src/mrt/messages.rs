//! Updates as BGP4MP_ET records with one BGP UPDATE each (RFC 6396 §3, §4.4; RFC 8050 §3).

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use arancini_schema::update_capnp::{PeerEventKind, RibView, peer_event, update};
use arancini_wire::bgp::Open;

use super::attributes::{AttributeWriter, ReachForm, is_in_update_field};
use super::nlri::{PathId, push_nlri};
use super::record::{Precision, RecordHeader, address, afi_of, push_address};
use super::registry::{bgp4mp, mrt_type};
use super::wanted::{MrtPeer, RouterPeer, Wanted};
use crate::writer::{Finished, MessageWriter, WriteError};

const MARKER: [u8; 16] = [0xff; 16];
const BGP_UPDATE: u8 = 2;

/// Peers whose own end is remembered. A directory of events may name more, over years; those get zeros.
const MOST_LOCAL_ENDS: usize = 100_000;

/// The router's end of a session.
#[derive(Debug, Clone, Copy)]
struct LocalEnd {
    address: IpAddr,
    asn: u32,
}

/// Writes updates of one view as BGP UPDATE messages.
pub struct MrtMessages<W: Write> {
    out: W,
    view: RibView,
    wanted: Wanted,
    local_ends: HashMap<RouterPeer, LocalEnd>,
    attributes: AttributeWriter,
    body: Vec<u8>,
    field: Vec<u8>,
    messages: u64,
}

impl<W: Write> MrtMessages<W> {
    /// Writes the updates of this view.
    pub fn new(out: W, view: RibView) -> Self {
        Self {
            out,
            view,
            wanted: Wanted::new(view),
            local_ends: HashMap::new(),
            attributes: AttributeWriter::default(),
            body: Vec::new(),
            field: Vec::new(),
            messages: 0,
        }
    }

    /// Remembers the router's end of a session from its Peer Up.
    fn note_peer_up(&mut self, event: peer_event::Reader<'_>) -> capnp::Result<()> {
        if event.get_kind() != Ok(PeerEventKind::Up) || self.local_ends.len() >= MOST_LOCAL_ENDS {
            return Ok(());
        }
        let octets = |octets: &[u8]| octets.try_into().ok().map(address);
        let peer = event.get_peer()?;
        let (Some(router), Some(remote)) = (octets(event.get_router_addr()?), octets(peer.get_address()?))
        else {
            return Ok(());
        };
        let of_router = RouterPeer {
            router,
            distinguisher: peer.get_distinguisher(),
            peer: MrtPeer {
                address: remote,
                asn: peer.get_asn(),
            },
        };
        let local = LocalEnd {
            address: octets(event.get_local_addr()?).unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            asn: Open::new_checked(event.get_sent_open()?).map_or(0, |open| open.asn()),
        };
        self.local_ends.insert(of_router, local);
        Ok(())
    }

    fn write_update(&mut self, update: update::Reader<'_>, peer: RouterPeer) -> Result<(), WriteError> {
        let damaged = WriteError::Message;
        self.field.clear();
        let is_field = is_in_update_field(update);
        let (mut withdrawn, mut announced) = (0, 0);
        if is_field {
            push_nlri(update, PathId::Written, &mut self.field).map_err(damaged)?;
            match update.get_announced() {
                true => announced = self.field.len(),
                false => withdrawn = self.field.len(),
            }
        }
        let begin_of_attributes = self.field.len();
        if update.get_announced() {
            self.attributes
                .push_announce(update, ReachForm::Whole, &mut self.field)
                .map_err(damaged)?;
        } else if !is_field {
            self.attributes
                .push_withdraw(update, &mut self.field)
                .map_err(damaged)?;
        }
        let (nlri, attributes) = self.field.split_at(begin_of_attributes);
        let length = 19 + 2 + withdrawn + 2 + attributes.len() + announced;
        let length = u16::try_from(length)
            .map_err(|_| WriteError::Message("as an UPDATE it is longer than 65535 octets".to_owned()))?;

        let local = self.local_ends.get(&peer);
        let remote = peer.peer.address;
        let local_address = local
            .map(|local| local.address)
            .filter(|local| afi_of(*local) == afi_of(remote));
        let body = &mut self.body;
        body.clear();
        body.extend(peer.peer.asn.to_be_bytes());
        body.extend(local.map_or(0, |local| local.asn).to_be_bytes());
        body.extend([0, 0]);
        body.extend(afi_of(remote).to_be_bytes());
        push_address(remote, body);
        let unknown: IpAddr = match remote {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        push_address(local_address.unwrap_or(unknown), body);
        body.extend(MARKER);
        body.extend(length.to_be_bytes());
        body.push(BGP_UPDATE);
        body.extend((withdrawn as u16).to_be_bytes());
        body.extend_from_slice(if withdrawn > 0 { nlri } else { &[] });
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend_from_slice(attributes);
        body.extend_from_slice(if announced > 0 { nlri } else { &[] });

        let is_sent = matches!(self.view, RibView::AdjRibOutPre | RibView::AdjRibOutPost);
        let subtype = match (is_sent, update.get_has_path_id()) {
            (false, false) => bgp4mp::MESSAGE_AS4,
            (false, true) => bgp4mp::MESSAGE_AS4_ADDPATH,
            (true, false) => bgp4mp::MESSAGE_AS4_LOCAL,
            (true, true) => bgp4mp::MESSAGE_AS4_LOCAL_ADDPATH,
        };
        let header = RecordHeader {
            unix_ns: match update.get_time_bmp_header_ns() {
                0 => update.get_time_received_ns(),
                of_router => of_router,
            },
            kind: mrt_type::BGP4MP_ET,
            subtype,
            precision: Precision::Microseconds,
        };
        header.write(body, &mut self.out)?;
        self.messages += 1;
        Ok(())
    }
}

impl<W: Write> MessageWriter for MrtMessages<W> {
    fn write(&mut self, kind: MessageKind, message: &Message<'_>) -> Result<(), WriteError> {
        let unreadable = |error: &dyn std::fmt::Display| WriteError::Message(error.to_string());
        match kind {
            MessageKind::Updates => {
                let update = message.update().map_err(|error| unreadable(&error))?;
                match self.wanted.peer_of(update)? {
                    Some(peer) => self.write_update(update, peer),
                    None => Ok(()),
                }
            }
            MessageKind::Peers => {
                let event = message.peer_event().map_err(|error| unreadable(&error))?;
                self.note_peer_up(event).map_err(|error| unreadable(&error))
            }
            MessageKind::Routers | MessageKind::Statistics | MessageKind::Malformed => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<Finished> {
        self.out.flush()?;
        Ok(Finished {
            messages: self.messages,
            left_out: self.wanted.left_out(),
        })
    }
}
