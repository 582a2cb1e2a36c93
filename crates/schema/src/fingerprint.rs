//! The attribute fingerprint: "same attributes" in 64 bits, stable across versions and machines.
//!
//! XXH3-64 with seed 0 over a canonical form of the path attributes: every attribute in ascending order of its type
//! (attributes of one type in the order they came), each as
//!
//! ```text
//! type (1 octet), flags & 0xE0 (1 octet), length of the value (2 octets, big-endian), value
//! ```
//!
//! A route of the NLRI field has no MP_REACH_NLRI and no MP_UNREACH_NLRI in its form. A route of MP_REACH_NLRI has the
//! next hop of that attribute as value of type 14 and no NEXT_HOP, which RFC 4760 §3 tells to ignore; so what other
//! routes share an UPDATE with it makes no difference. Whatever follows the last whole attribute is appended as it is.
//! Labels are mixed in by [`with_labels`].
//!
//! Chance that a change goes unseen: 2^-64 for each change; among 10^9 changes a day once in 50 million years.

use arancini_wire::iana::attribute_type as type_code;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::encode::Carrier;

const FLAG_EXTENDED_LENGTH: u8 = 0x10;
const FLAGS_THAT_COUNT: u8 = 0xe0;

/// Scratch space of one worker.
#[derive(Debug)]
pub struct Scratch {
    canonical: Vec<u8>,
    /// Only for attributes out of order: type and offset of each.
    order: Vec<(u8, usize)>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// A 65,535-byte UPDATE has at most 21,845 attributes, each of which grows by at most one octet.
    const CAPACITY: usize = 96 * 1024;

    /// Scratch space in which every UPDATE fits.
    #[must_use]
    pub fn new() -> Self {
        Self {
            canonical: Vec::with_capacity(Self::CAPACITY),
            order: Vec::new(),
        }
    }
}

/// Fingerprint of the attributes of the routes that `carrier` brought, `field` being the Path Attributes field.
#[must_use]
pub fn of_attributes(field: &[u8], carrier: Carrier, scratch: &mut Scratch) -> u64 {
    scratch.canonical.clear();
    let mut walk = Walk { field, offset: 0 };
    let mut last_type = 0;
    for attribute in walk.by_ref() {
        if attribute.type_code < last_type {
            return out_of_order(field, carrier, scratch);
        }
        last_type = attribute.type_code;
        attribute.write(carrier, &mut scratch.canonical);
    }
    scratch.canonical.extend_from_slice(walk.rest());
    xxh3_64(&scratch.canonical)
}

/// Fingerprint of a labelled route: that of its attributes with its label stack, as on the wire, mixed in
/// (XXH3-64 over the labels, seeded with `fingerprint`). Without labels it is `fingerprint` itself.
#[must_use]
pub fn with_labels(fingerprint: u64, labels: &[u8]) -> u64 {
    if labels.is_empty() {
        fingerprint
    } else {
        xxh3_64_with_seed(labels, fingerprint)
    }
}

#[cold]
fn out_of_order(field: &[u8], carrier: Carrier, scratch: &mut Scratch) -> u64 {
    scratch.canonical.clear();
    scratch.order.clear();
    let mut walk = Walk { field, offset: 0 };
    loop {
        let offset = walk.offset;
        let Some(attribute) = walk.next() else { break };
        scratch.order.push((attribute.type_code, offset));
    }
    scratch.order.sort_unstable();
    for &(_, offset) in &scratch.order {
        if let Some(attribute) = (Walk { field, offset }).next() {
            attribute.write(carrier, &mut scratch.canonical);
        }
    }
    scratch.canonical.extend_from_slice(walk.rest());
    xxh3_64(&scratch.canonical)
}

struct Attribute<'a> {
    flags: u8,
    type_code: u8,
    value: &'a [u8],
}

impl Attribute<'_> {
    #[inline]
    fn write(&self, carrier: Carrier, canonical: &mut Vec<u8>) {
        let value = match (self.type_code, carrier) {
            (type_code::MP_UNREACH_NLRI, _)
            | (type_code::MP_REACH_NLRI, Carrier::UpdateField)
            | (type_code::NEXT_HOP, Carrier::MultiProtocol) => return,
            (type_code::MP_REACH_NLRI, Carrier::MultiProtocol) => next_hop_of_mp_reach(self.value),
            _ => self.value,
        };
        let [high, low] = (value.len() as u16).to_be_bytes();
        canonical.extend_from_slice(&[self.type_code, self.flags & FLAGS_THAT_COUNT, high, low]);
        canonical.extend_from_slice(value);
    }
}

/// The next hop field, RFC 4760 §3: AFI, SAFI, its length, itself. All of a value too short for that.
fn next_hop_of_mp_reach(value: &[u8]) -> &[u8] {
    value
        .get(3)
        .and_then(|&length| value.get(4..4 + usize::from(length)))
        .unwrap_or(value)
}

/// The whole attributes at the start of a Path Attributes field.
struct Walk<'a> {
    field: &'a [u8],
    offset: usize,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a [u8] {
        self.field.get(self.offset..).unwrap_or_default()
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        let (flags, type_code, length, header) = match *self.rest() {
            [flags, type_code, high, low, ..] if flags & FLAG_EXTENDED_LENGTH != 0 => {
                (flags, type_code, u16::from_be_bytes([high, low]), 4)
            }
            [flags, type_code, length, ..] if flags & FLAG_EXTENDED_LENGTH == 0 => {
                (flags, type_code, u16::from(length), 3)
            }
            _ => return None,
        };
        let start = self.offset + header;
        let end = start + usize::from(length);
        let value = self.field.get(start..end)?;
        self.offset = end;
        Some(Attribute {
            flags,
            type_code,
            value,
        })
    }
}
