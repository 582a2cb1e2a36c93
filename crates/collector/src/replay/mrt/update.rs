//! UPDATE messages: the families in one, and one made from a RIB entry.

use arancini_wire::iana::AfiSafi;
use arancini_wire::iana::attribute_type::{MP_REACH_NLRI, MP_UNREACH_NLRI};

use super::record::Fields;
use super::table_dump::Entry;

const HEADER: usize = 19;
const TYPE_AT: usize = 18;
const UPDATE: u8 = 2;
const EXTENDED_LENGTH: u8 = 0x10;
const OPTIONAL: u8 = 0x80;

/// Whether a BGP message is an UPDATE.
pub(super) fn is_update(message: &[u8]) -> bool {
    message.get(TYPE_AT) == Some(&UPDATE)
}

/// Calls `take` with each family of which an UPDATE has routes. What is damaged is left to the core.
pub(super) fn families(message: &[u8], mut take: impl FnMut(AfiSafi)) {
    let mut fields = Fields::new(message.get(HEADER..).unwrap_or_default());
    let Some(withdrawn) = fields.u16().and_then(|length| fields.take(length.into())) else {
        return;
    };
    let Some(attributes) = fields.u16().and_then(|length| fields.take(length.into())) else {
        return;
    };
    if !withdrawn.is_empty() || !fields.rest().is_empty() {
        take(AfiSafi::IPV4_UNICAST);
    }
    for attribute in Attributes(Fields::new(attributes)) {
        if !matches!(attribute.code, MP_REACH_NLRI | MP_UNREACH_NLRI) {
            continue;
        }
        let mut value = Fields::new(attribute.value);
        if let (Some(afi), Some(safi)) = (value.u16(), value.u8()) {
            take(AfiSafi::new(afi, safi));
        }
    }
}

/// A path attribute.
struct Attribute<'a> {
    code: u8,
    value: &'a [u8],
    /// With flags, type and length.
    whole: &'a [u8],
}

/// The attributes of a field, as far as they can be read.
struct Attributes<'a>(Fields<'a>);

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let before = self.0.rest();
        let (flags, code) = (self.0.u8()?, self.0.u8()?);
        let length = if flags & EXTENDED_LENGTH == 0 {
            usize::from(self.0.u8()?)
        } else {
            usize::from(self.0.u16()?)
        };
        let value = self.0.take(length)?;
        let whole = before.get(..before.len() - self.0.rest().len())?;
        Some(Attribute { code, value, whole })
    }
}

/// Appends the UPDATE that announces the route of a RIB entry; returns whether its length fits into a BGP message.
///
/// A RIB entry has only the next hop of MP_REACH_NLRI (RFC 6396 §4.3.4). Some writers leave the whole attribute in it.
pub(super) fn push_update(family: AfiSafi, nlri: &[u8], entry: &Entry<'_>, out: &mut Vec<u8>) -> bool {
    let mut route = entry
        .path_id
        .map_or_else(Vec::new, |id| id.to_be_bytes().to_vec());
    route.extend_from_slice(nlri);
    let mut attributes = Vec::with_capacity(entry.attributes.len() + route.len() + 8);
    let mut is_reached = false;
    for attribute in Attributes(Fields::new(entry.attributes)) {
        if attribute.code == MP_REACH_NLRI {
            if !is_reached {
                push_reach(family, next_hop(attribute.value), &route, &mut attributes);
            }
            is_reached = true;
        } else {
            attributes.extend_from_slice(attribute.whole);
        }
    }
    if !is_reached && family != AfiSafi::IPV4_UNICAST {
        push_reach(family, &[], &route, &mut attributes);
        is_reached = true;
    }
    if is_reached {
        route.clear();
    }
    let length = HEADER + 4 + attributes.len() + route.len();
    let (Ok(length), Ok(of_attributes)) = (u16::try_from(length), u16::try_from(attributes.len())) else {
        return false;
    };
    out.extend([0xff; 16]);
    out.extend(length.to_be_bytes());
    out.extend([UPDATE, 0, 0]);
    out.extend(of_attributes.to_be_bytes());
    out.extend(attributes);
    out.extend(route);
    true
}

/// The next hop of an MP_REACH_NLRI in a RIB entry, behind its length, or of a whole attribute.
fn next_hop(value: &[u8]) -> &[u8] {
    let behind = |at: usize| {
        let length = usize::from(*value.get(at)?);
        value.get(at + 1..)?.get(..length)
    };
    match value.first() {
        Some(length) if usize::from(*length) + 1 == value.len() => behind(0),
        _ => behind(3).or_else(|| behind(0)),
    }
    .unwrap_or_default()
}

fn push_reach(family: AfiSafi, next_hop: &[u8], route: &[u8], out: &mut Vec<u8>) {
    // The length of a next hop was one octet, and a NLRI is shorter than a record.
    let length = 5 + next_hop.len() + route.len();
    out.extend([OPTIONAL | EXTENDED_LENGTH, MP_REACH_NLRI]);
    out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(family.afi.to_be_bytes());
    out.extend([family.safi, next_hop.len() as u8]);
    out.extend_from_slice(next_hop);
    out.push(0);
    out.extend_from_slice(route);
}
