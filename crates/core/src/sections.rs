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

/// The fields of this UPDATE that are not empty. Withdrawn ones come first, so that a prefix in both ends announced (RFC
/// 4271 §4.3).
#[inline]
pub(crate) fn sections<'a>(update: &Update<'a>, attributes: &PathAttributes<'a>) -> [Option<Section<'a>>; 4] {
    let of = |family, field: &'a [u8], offset, carrier, announces| {
        (!field.is_empty()).then_some(Section {
            family,
            field,
            offset,
            carrier,
            announces,
            table: 0,
            add_path: false,
            routes: 0,
        })
    };
    let plain = |field, offset, announces| {
        of(
            AfiSafi::IPV4_UNICAST,
            field,
            offset,
            Carrier::UpdateField,
            announces,
        )
    };
    let multi_protocol = |family, field, offset, announces| {
        let offset = update.attributes_offset() + offset;
        of(family, field, offset, Carrier::MultiProtocol, announces)
    };
    let unreach = attributes.mp_unreach.as_ref();
    let reach = attributes.mp_reach.as_ref();
    [
        plain(update.withdrawn(), update.withdrawn_offset(), false),
        unreach.and_then(|mp| multi_protocol(mp.family, mp.nlri, mp.offset, false)),
        plain(update.nlri(), update.nlri_offset(), true),
        reach.and_then(|mp| multi_protocol(mp.family, mp.nlri, mp.offset, true)),
    ]
}
