//! Texts of information TLVs (RFC 7854 §4.4).

use arancini_wire::bmp::LossyText;

/// The text of a TLV; bytes that are not UTF-8 are replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    LossyText(bytes).to_string()
}
