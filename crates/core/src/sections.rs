//! Where the routes of an UPDATE stand: up to four fields (RFC 4271 §4.3, RFC 4760 §3, §4).

use arancini_schema::encode::Carrier;
use arancini_wire::bgp::Update;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::iana::AfiSafi;

use crate::table::TableIndex;

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
    pub table: TableIndex,
    /// Whether path identifiers stand before the routes; known once the section is located.
    pub add_path: bool,
    /// How many routes there are; known once the section is located.
    pub routes: usize,
}

/// The fields of an UPDATE that are not empty: nearly always one.
#[derive(Default)]
pub(crate) struct Sections<'a> {
    fields: [Option<Section<'a>>; 4],
    count: usize,
}

impl<'a> Sections<'a> {
    /// Takes in those of an UPDATE. Withdrawn ones come first, so that a prefix in both ends announced (RFC 4271 §4.3).
    #[inline]
    pub fn add(&mut self, update: &Update<'a>, attributes: &PathAttributes<'a>) {
        let v4 = AfiSafi::IPV4_UNICAST;
        let plain = Carrier::UpdateField;
        self.push(v4, update.withdrawn(), update.withdrawn_offset(), plain, false);
        if let Some(mp) = &attributes.mp_unreach {
            let offset = update.attributes_offset() + mp.offset;
            self.push(mp.family, mp.nlri, offset, Carrier::MultiProtocol, false);
        }
        self.push(v4, update.nlri(), update.nlri_offset(), plain, true);
        if let Some(mp) = &attributes.mp_reach {
            let offset = update.attributes_offset() + mp.offset;
            self.push(mp.family, mp.nlri, offset, Carrier::MultiProtocol, true);
        }
    }

    #[inline]
    fn push(&mut self, family: AfiSafi, field: &'a [u8], offset: usize, carrier: Carrier, announces: bool) {
        if !field.is_empty()
            && let Some(place) = self.fields.get_mut(self.count)
        {
            *place = Some(Section {
                family,
                field,
                offset,
                carrier,
                announces,
                table: TableIndex(0),
                add_path: false,
                routes: 0,
            });
            self.count += 1;
        }
    }

    /// One after the other.
    #[inline]
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Section<'a>> {
        self.fields.iter_mut().map_while(Option::as_mut)
    }
}
