//! Where the routes of an UPDATE stand: up to four fields (RFC 4271 §4.3, RFC 4760 §3, §4).

use arancini_schema::encode::Carrier;
use arancini_wire::bgp::Update;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::iana::AfiSafi;

/// Routes of one field.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    pub family: AfiSafi,
    pub field: &'a [u8],
    /// Where the field starts in the UPDATE's body.
    pub offset: usize,
    pub carrier: Carrier,
    pub announces: bool,
    /// Which of the peer's tables they are of; known once the section is located.
    pub table: usize,
    /// Whether path identifiers stand before the routes; known once the section is located.
    pub add_path: bool,
    /// How many routes there are; known once the section is located.
    pub routes: usize,
}

/// The fields that hold routes. Withdrawn ones come first, so that a prefix in both ends announced (RFC 4271 §4.3).
pub(crate) struct Sections<'a> {
    places: [Section<'a>; 4],
    count: usize,
}

impl<'a> Sections<'a> {
    /// The fields of this UPDATE that are not empty.
    #[inline]
    pub fn of(update: &Update<'a>, attributes: &PathAttributes<'a>) -> Self {
        const NOTHING: Section<'_> = Section {
            family: AfiSafi::IPV4_UNICAST,
            field: &[],
            offset: 0,
            carrier: Carrier::UpdateField,
            announces: false,
            table: 0,
            add_path: false,
            routes: 0,
        };
        let mut sections = Self {
            places: [NOTHING; 4],
            count: 0,
        };
        let (field, offset) = (update.withdrawn(), update.withdrawn_offset());
        sections.push(Section {
            field,
            offset,
            ..NOTHING
        });
        let attributes_offset = update.attributes_offset();
        let multi_protocol = Section {
            carrier: Carrier::MultiProtocol,
            ..NOTHING
        };
        if let Some(mp) = &attributes.mp_unreach {
            let (family, field, offset) = (mp.family, mp.nlri, attributes_offset + mp.offset);
            sections.push(Section {
                family,
                field,
                offset,
                ..multi_protocol
            });
        }
        let (field, offset) = (update.nlri(), update.nlri_offset());
        sections.push(Section {
            field,
            offset,
            announces: true,
            ..NOTHING
        });
        if let Some(mp) = &attributes.mp_reach {
            let (family, field, offset) = (mp.family, mp.nlri, attributes_offset + mp.offset);
            sections.push(Section {
                family,
                field,
                offset,
                announces: true,
                ..multi_protocol
            });
        }
        sections
    }

    #[inline]
    fn push(&mut self, section: Section<'a>) {
        if !section.field.is_empty()
            && let Some(place) = self.places.get_mut(self.count)
        {
            *place = section;
            self.count += 1;
        }
    }

    /// The fields, to be located.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Section<'a>] {
        &mut self.places[..self.count]
    }
}
