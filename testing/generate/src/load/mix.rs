//! The attributes of a load, as often as real tables have them.

use std::net::Ipv4Addr;

use super::session::{EXTERNAL_AS, OWN_AS, Session};
use super::weighted::{per_mille, weighted};
use crate::random::Random;

/// Attribute flags (RFC 4271 §4.3).
const WELL_KNOWN: u8 = 0x40;
const OPTIONAL: u8 = 0x80;
const OPTIONAL_TRANSITIVE: u8 = 0xc0;
/// AS_PATH has the extended-length flag even where it is short: FRR, BIRD and the full table of 2015 write it so.
const AS_PATH_FLAGS: u8 = 0x50;

/// ORIGIN in a full table of 2015, per mille.
const ORIGINS_INTERNAL: [(u8, u32); 3] = [(0, 929), (2, 69), (1, 2)];
/// ORIGIN in the recordings, per mille.
const ORIGINS_EXTERNAL: [(u8, u32); 2] = [(0, 855), (2, 145)];
/// Length of the AS path in a full table of 2015, per mille. The longest had 44 numbers.
const PATH_LENGTHS_INTERNAL: [(u32, u32); 15] = [
    (1, 68),
    (2, 364),
    (3, 339),
    (4, 127),
    (5, 47),
    (6, 22),
    (7, 13),
    (8, 7),
    (9, 4),
    (10, 3),
    (12, 2),
    (14, 1),
    (16, 1),
    (20, 1),
    (33, 1),
];
/// Length of the AS path in the recordings, per mille.
const PATH_LENGTHS_EXTERNAL: [(u32, u32); 8] = [
    (2, 2),
    (3, 209),
    (4, 320),
    (5, 235),
    (6, 125),
    (7, 71),
    (8, 29),
    (9, 9),
];
/// Number of communities of a route in the recordings, where it has any, per mille.
const COMMUNITIES_EXTERNAL: [(u32, u32); 10] = [
    (1, 213),
    (2, 117),
    (3, 120),
    (4, 120),
    (5, 132),
    (6, 45),
    (8, 85),
    (9, 45),
    (12, 83),
    (13, 40),
];
/// Number of extended communities in a full table of 2015, where a route has any, per mille.
const EXTENDED_COMMUNITIES_INTERNAL: [(u32, u32); 4] = [(1, 840), (2, 60), (3, 85), (5, 15)];

/// The attributes of all routes of a session. Routes with the same number of a set share their attributes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mix {
    /// The seed of the load.
    pub(super) seed: u64,
    /// The kind of the session.
    pub(super) session: Session,
    /// Whether each route has one or two route targets, as VPN routes do (RFC 4364 §4.3.1).
    pub(super) route_targets: bool,
}

impl Mix {
    /// Writes the attributes of a set, in the order of their types. NEXT_HOP is written if there is one.
    pub(super) fn write(&self, set: u64, next_hop: Option<Ipv4Addr>, out: &mut Vec<u8>) {
        let random = &mut Random::of(&[self.seed, self.session as u64, set]);
        let is_internal = self.session == Session::Internal;
        let origins = if is_internal {
            &ORIGINS_INTERNAL[..]
        } else {
            &ORIGINS_EXTERNAL[..]
        };
        attribute(WELL_KNOWN, 1, &[weighted(origins, random).unwrap_or(0)], out);
        self.write_as_path(random, out);
        if let Some(next_hop) = next_hop {
            attribute(WELL_KNOWN, 3, &next_hop.octets(), out);
        }
        if is_internal {
            attribute(OPTIONAL, 4, &[0; 4], out);
            attribute(WELL_KNOWN, 5, &100_u32.to_be_bytes(), out);
        } else if per_mille(160, random) {
            attribute(OPTIONAL, 4, &random.below(275).to_be_bytes(), out);
        }
        let (atomic_aggregate, aggregator) = if is_internal { (84, 135) } else { (45, 65) };
        if per_mille(atomic_aggregate, random) {
            attribute(WELL_KNOWN, 6, &[], out);
        }
        if per_mille(aggregator, random) {
            let value = [
                asn(66, random).to_be_bytes(),
                random.below(u32::MAX).to_be_bytes(),
            ];
            attribute(OPTIONAL_TRANSITIVE, 7, value.as_flattened(), out);
        }
        let communities = match self.session {
            Session::Internal => 1,
            Session::External if per_mille(800, random) => {
                weighted(&COMMUNITIES_EXTERNAL, random).unwrap_or(1)
            }
            Session::External => 0,
        };
        many(OPTIONAL_TRANSITIVE, 8, communities, out, |out| {
            out.extend((1000 + random.below(60_000) as u16).to_be_bytes());
            out.extend((random.below(1000) as u16).to_be_bytes());
        });
        if is_internal {
            // ORIGINATOR_ID and CLUSTER_LIST of a route reflector (RFC 4456 §8).
            attribute(OPTIONAL, 9, &[10, 1, 0, random.below(200) as u8], out);
            attribute(OPTIONAL, 10, &[10, 2, 0, 1], out);
        }
        self.write_extended_communities(random, out);
        if !is_internal && per_mille(140, random) {
            many(OPTIONAL_TRANSITIVE, 32, 1 + random.below(3), out, |out| {
                out.extend(EXTERNAL_AS.to_be_bytes());
                out.extend(random.below(1000).to_be_bytes());
                out.extend(random.below(1000).to_be_bytes());
            });
        }
    }

    /// Writes AS_PATH: one AS_SEQUENCE, and after two of a thousand an AS_SET.
    fn write_as_path(&self, random: &mut Random, out: &mut Vec<u8>) {
        let (lengths, four_octet) = match self.session {
            Session::Internal => (&PATH_LENGTHS_INTERNAL[..], 66),
            Session::External => (&PATH_LENGTHS_EXTERNAL[..], 140),
        };
        let length = weighted(lengths, random).unwrap_or(1);
        let mut path = vec![2, length as u8];
        for place in 0..length {
            let is_peer = place == 0 && self.session == Session::External;
            let asn = if is_peer {
                EXTERNAL_AS
            } else {
                asn(four_octet, random)
            };
            path.extend(asn.to_be_bytes());
        }
        if per_mille(2, random) {
            path.extend([1, 1]);
            path.extend(asn(four_octet, random).to_be_bytes());
        }
        out.extend([AS_PATH_FLAGS, 2]);
        out.extend((path.len() as u16).to_be_bytes());
        out.extend(path);
    }

    /// Writes EXTENDED_COMMUNITIES: route targets of a VPN, or what a full table has.
    fn write_extended_communities(&self, random: &mut Random, out: &mut Vec<u8>) {
        let count = if self.route_targets {
            1 + u32::from(per_mille(300, random))
        } else if self.session == Session::Internal && per_mille(21, random) {
            weighted(&EXTENDED_COMMUNITIES_INTERNAL, random).unwrap_or(1)
        } else {
            0
        };
        many(OPTIONAL_TRANSITIVE, 16, count, out, |out| {
            // A route target with an AS of two octets (RFC 4360 §4).
            out.extend([0, 2]);
            out.extend((OWN_AS as u16).to_be_bytes());
            out.extend(random.below(1000).to_be_bytes());
        });
    }
}

/// Returns an AS number; in this many of a thousand cases one that needs four octets.
fn asn(four_octet: u32, random: &mut Random) -> u32 {
    if per_mille(four_octet, random) {
        196_608 + random.below(20_000)
    } else {
        1000 + random.below(60_000)
    }
}

/// Writes an attribute of this many values, each written by `value`; nothing without values.
fn many(flags: u8, kind: u8, count: u32, out: &mut Vec<u8>, mut value: impl FnMut(&mut Vec<u8>)) {
    if count == 0 {
        return;
    }
    let mut values = Vec::new();
    for _ in 0..count {
        value(&mut values);
    }
    attribute(flags, kind, &values, out);
}

/// Writes an attribute of at most 255 octets.
fn attribute(flags: u8, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend([flags, kind, value.len() as u8]);
    out.extend(value);
}
