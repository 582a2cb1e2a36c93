//! The End-of-RIB marker (RFC 4724 §2): an UPDATE that says nothing but that a table has been sent whole.

use super::Update;
use super::attribute::{MP_HEADER_OCTETS, raw_attributes};
use crate::iana::{AfiSafi, attribute_type};

impl Update<'_> {
    /// The family whose table this UPDATE ends (RFC 4724 §2): IPv4 unicast when it is empty, else that of an
    /// MP_UNREACH_NLRI which withdraws nothing and stands alone.
    #[inline]
    #[must_use]
    pub fn end_of_rib(&self) -> Option<AfiSafi> {
        if !self.withdrawn().is_empty() || !self.nlri().is_empty() {
            return None;
        }
        if self.attributes().is_empty() {
            return Some(AfiSafi::IPV4_UNICAST);
        }
        // Three octets of value behind three or four of header: no longer field can be one.
        if self.attributes().len() > 4 + MP_HEADER_OCTETS {
            return None;
        }
        let mut attributes = raw_attributes(self.attributes());
        let only = attributes.next()?.ok()?;
        match (only.type_code, only.value, attributes.next()) {
            (attribute_type::MP_UNREACH_NLRI, &[high, low, safi], None) => {
                Some(AfiSafi::new(u16::from_be_bytes([high, low]), safi))
            }
            _ => None,
        }
    }
}
