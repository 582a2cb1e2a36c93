//! Information TLVs (RFC 7854 §4.4), as events carry them.

use arancini_schema::events::InformationTlv;
use arancini_wire::bmp::{LossyText, Tlvs};

/// All TLVs up to the first one that cannot be read.
pub(crate) fn information(tlvs: Tlvs<'_>) -> Vec<InformationTlv<'_>> {
    tlvs.map_while(Result::ok)
        .map(|tlv| (tlv.tlv_type, tlv.value))
        .collect()
}

/// The text of a TLV; bytes that are not UTF-8 are replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    LossyText(bytes).to_string()
}
