//! Parsing and tables without the rest of the core. The core can't be stopped half-way, so this module calls both as the core
//! does.

use std::hint::black_box;

use arancini_core::{Framer, Next};
use arancini_rib::{CuratedTable, CurationMode, Fingerprints, KeyShape, RouteKey};
use arancini_schema::encode::Carrier;
use arancini_schema::fingerprint::{self, Scratch};
use arancini_wire::WireError;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bgp::nlri::{Ipv4Prefixes, Ipv6Prefixes, decide_add_path};
use arancini_wire::bgp::{AsWidth, MessageType, Update};
use arancini_wire::bmp::{Message, PeerIdentity};
use arancini_wire::iana::AfiSafi;

use crate::cpu::cpu_ns;
use crate::load::Load;
use crate::slots::slots;

/// The tables of a walk. As in the core, most messages belong to the same table as the message before.
#[derive(Default)]
pub(crate) struct Tables {
    all: Vec<(PeerIdentity, AfiSafi, CuratedTable)>,
    last: usize,
}

impl Tables {
    fn of(&mut self, peer: PeerIdentity, family: AfiSafi) -> &mut CuratedTable {
        let is = |(known, of, _): &(PeerIdentity, AfiSafi, CuratedTable)| (*known, *of) == (peer, family);
        if !self.all.get(self.last).is_some_and(is) {
            let place = self.all.iter().position(is);
            self.last = place.unwrap_or(self.all.len());
        }
        if self.last == self.all.len() {
            let shape = if family == AfiSafi::IPV4_UNICAST {
                KeyShape::Ipv4
            } else {
                KeyShape::Ipv6
            };
            let table = CuratedTable::new(shape, CurationMode::Attributes);
            self.all.push((peer, family, table));
        }
        &mut self.all[self.last].2
    }
}

/// Frames and parses the load, and curates it if there are tables. Returns the CPU time in nanoseconds.
pub(crate) fn walk(load: &Load, mut tables: Option<Tables>) -> f64 {
    let mut scratch = Scratch::new();
    let mut framer = Framer::new(usize::MAX);
    let mut routes = 0_u64;
    let took = cpu_ns(|| {
        for slot in slots(load) {
            if slot.is_first
                && let Some(tables) = &mut tables
            {
                // The routers have the same peers, so each router needs tables of its own.
                *tables = Tables::default();
            }
            let _ = framer.feed(slot.bytes, |frame, _| {
                routes += message(frame, tables.as_mut(), &mut scratch).unwrap_or(0);
                Next::Message
            });
        }
    });
    black_box(routes);
    took
}

/// Parses one message and applies it to the tables. Returns the number of its routes.
pub(crate) fn message(
    frame: &[u8],
    mut tables: Option<&mut Tables>,
    scratch: &mut Scratch,
) -> Result<u64, WireError> {
    let Message::RouteMonitoring(message) = Message::new_checked(frame)? else {
        return Ok(0);
    };
    let header = message.peer();
    let mut routes = 0;
    for pdu in message.pdus() {
        let pdu = pdu?;
        if pdu.kind() != MessageType::Update {
            continue;
        }
        let update = Update::new_checked(pdu.body)?;
        debug_assert_eq!(pdu.body.len() + HEADER_LEN, message.update_pdu().len());
        if update.end_of_rib().is_some() {
            continue;
        }
        let mut attributes = PathAttributes::unread(update.attributes(), AsWidth::Four);
        attributes.read();
        let reach = attributes.mp_reach.map(|mp| (mp.family, mp.nlri));
        let unreach = attributes.mp_unreach.map(|mp| (mp.family, mp.nlri));
        let fields = [
            (
                Some((AfiSafi::IPV4_UNICAST, update.withdrawn())),
                false,
                Carrier::UpdateField,
            ),
            (unreach, false, Carrier::MultiProtocol),
            (
                Some((AfiSafi::IPV4_UNICAST, update.nlri())),
                true,
                Carrier::UpdateField,
            ),
            (reach, true, Carrier::MultiProtocol),
        ];
        for (field, announces, carrier) in fields {
            let Some((family, field)) = field.filter(|(_, field)| !field.is_empty()) else {
                continue;
            };
            routes += decide_add_path(family, field, false, false)?.routes as u64;
            let Some(tables) = tables.as_deref_mut() else {
                each_key(family, field, |key| {
                    black_box(key);
                });
                continue;
            };
            let table = tables.of(header.identity(), family);
            if announces {
                let fingerprint = fingerprint::of_parsed(&attributes, carrier, scratch);
                each_key(family, field, |key| {
                    black_box(table.announce(&key, fingerprint));
                });
            } else {
                each_key(family, field, |key| {
                    black_box(table.withdraw(&key, &mut Fingerprints));
                });
            }
        }
    }
    Ok(routes)
}

/// Calls `each` for every route of a field. Supports the two families of a scenario without VPNs.
fn each_key(family: AfiSafi, field: &[u8], mut each: impl FnMut(RouteKey<'_>)) {
    if family == AfiSafi::IPV4_UNICAST {
        for (_, length, address) in Ipv4Prefixes::new(field, false) {
            each(RouteKey::Ipv4 {
                address,
                length,
                path_id: None,
            });
        }
    } else {
        for (_, length, address) in Ipv6Prefixes::new(field, false) {
            each(RouteKey::Ipv6 {
                address,
                length,
                path_id: None,
            });
        }
    }
}
