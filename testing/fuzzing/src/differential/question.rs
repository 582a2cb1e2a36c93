//! The question to both readers: an UPDATE, and how to read it.

use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::{AsWidth, Update, nlri};
use arancini_wire::iana::AfiSafi;

use super::reading::{Reading, read_attributes};
use crate::input::Input;
use crate::update::TWO_OCTET_AS;

/// An UPDATE and how to read it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The body, without the BGP header.
    pub body: &'a [u8],
    /// Width of AS numbers.
    pub as_width: AsWidth,
    /// Whether all fields have path identifiers; else none has.
    pub add_path: bool,
}

impl<'a> Question<'a> {
    pub(super) fn of(input: &'a [u8]) -> Self {
        let mut input = Input::new(input);
        let as_width = if input.byte() & TWO_OCTET_AS != 0 {
            AsWidth::Two
        } else {
            AsWidth::Four
        };
        let add_path = input.byte() & 1 != 0;
        Self {
            body: input.rest(),
            as_width,
            add_path,
        }
    }

    /// The whole message.
    #[must_use]
    pub fn pdu(&self) -> Vec<u8> {
        let length = u16::try_from(self.body.len() + 19).unwrap_or(u16::MAX);
        [&[0xff; 16][..], &length.to_be_bytes(), &[2], self.body].concat()
    }

    /// Our reading; `None` if we do not accept the whole UPDATE as it is.
    #[must_use]
    pub fn ours(&self) -> Option<(PathAttributes<'a>, Reading)> {
        let update = Update::new_checked(self.body).ok()?;
        let attributes = PathAttributes::parse(update.attributes(), self.as_width).ok()?;
        let absent_next_hop = attributes.absent_next_hop().is_some();
        if !attributes.faults.is_empty() || attributes.quirk_as_width || absent_next_hop {
            return None;
        }
        let mut reading = read_attributes(&attributes);
        for (family, field, announced) in fields(&update, &attributes) {
            nlri::count(family, field, self.add_path).ok()?;
            reading.add(family, field, self.add_path, announced);
        }
        Some((attributes, reading))
    }
}

/// The NLRI fields of an UPDATE, each with its family and whether it announces.
pub(super) fn fields<'a>(
    update: &Update<'a>,
    attributes: &PathAttributes<'a>,
) -> Vec<(AfiSafi, &'a [u8], bool)> {
    let ipv4 = AfiSafi::IPV4_UNICAST;
    let mut fields = vec![(ipv4, update.withdrawn(), false), (ipv4, update.nlri(), true)];
    fields.extend(attributes.mp_unreach.map(|mp| (mp.family, mp.nlri, false)));
    fields.extend(attributes.mp_reach.map(|mp| (mp.family, mp.nlri, true)));
    fields
}
