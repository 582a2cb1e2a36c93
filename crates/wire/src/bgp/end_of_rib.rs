//! The End-of-RIB marker (RFC 4724 §2): an empty UPDATE that ends the dump of a table.

use super::attribute::{MP_HEADER_OCTETS, raw_attributes};
use super::update::Update;
use crate::iana::{AfiSafi, attribute_type};

impl Update<'_> {
    /// The family whose dump this UPDATE ends; `None` if the UPDATE is no End-of-RIB marker.
    ///
    /// RFC 4724 §2: an empty UPDATE ends IPv4 unicast. An UPDATE that holds only an MP_UNREACH_NLRI without routes ends the
    /// family of that attribute.
    #[inline]
    #[must_use]
    pub fn end_of_rib(&self) -> Option<AfiSafi> {
        if !self.withdrawn().is_empty() || !self.nlri().is_empty() {
            return None;
        }
        if self.attributes().is_empty() {
            return Some(AfiSafi::IPV4_UNICAST);
        }
        // The marker has a value of three octets behind a header of three or four. A longer field is no marker.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn end_of_rib_is_an_update_that_says_nothing() {
        let of = |body: &[u8]| Update::new_checked(body).unwrap().end_of_rib();
        assert_eq!(of(&[0, 0, 0, 0]), Some(AfiSafi::IPV4_UNICAST));
        let marker = [0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1];
        assert_eq!(of(&marker), Some(AfiSafi::IPV6_UNICAST));
        let extended = [0, 0, 0, 7, 0x90, 15, 0, 3, 0x40, 4, 71];
        assert_eq!(of(&extended), Some(AfiSafi::BGP_LS));
        for more in [
            &[0, 3, 16, 10, 1, 0, 4, 0x40, 1, 1, 0, 24, 192, 0, 2, 8, 11][..],
            &[0, 1, 0, 0, 0],
            &[0, 0, 0, 0, 0],
            &[0, 0, 0, 7, 0x80, 15, 4, 0, 2, 1, 0],
            &[0, 0, 0, 6, 0x80, 14, 3, 0, 2, 1],
            &[0, 0, 0, 10, 0x80, 15, 3, 0, 2, 1, 0x40, 1, 1, 0],
            &[0, 0, 0, 6, 0x80, 15, 2, 0, 2, 1],
        ] {
            assert_eq!(of(more), None, "{more:?}");
        }
    }
}
