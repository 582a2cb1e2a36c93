//! Texts of information TLVs (RFC 7854 §4.4).

use arancini_wire::bmp::LossyText;

/// Most bytes of a text that is kept and repeated: a table name with every route, sysName and sysDescr with every event of the
/// router. RFC 9069 §5.2 and §5.3 allow table names of 1 to 255 bytes, and RFC 3418 says so of sysName and sysDescr.
const MOST_TEXT_BYTES: usize = 255;
/// Most bytes of a character in UTF-8.
const MOST_CHARACTER_BYTES: usize = 4;

/// The text of a TLV; bytes that are not UTF-8 are replaced, and a text that is too long is cut.
pub(crate) fn text(bytes: &[u8]) -> String {
    // A few more bytes are read than are kept, so that a character that is cut here in two is not kept as a damaged one.
    let read = bytes.len().min(MOST_TEXT_BYTES + MOST_CHARACTER_BYTES);
    shortened(LossyText(&bytes[..read]).to_string())
}

/// Cuts a text that is too long, between two characters.
pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > MOST_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MOST_TEXT_BYTES));
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters() {
        assert_eq!(text(&[b'x'; 255]), "x".repeat(255));
        assert_eq!(text(&[b'x'; 65_000]), "x".repeat(255));
        assert_eq!(text("é".repeat(300).as_bytes()), "é".repeat(127));
        for shift in 0..4 {
            let long = "x".repeat(shift) + &"🦀".repeat(100);
            let cut = text(long.as_bytes());
            assert!(long.starts_with(&cut) && cut.len() > 251, "{cut}");
        }
        // A replacement is longer than the byte that it replaces.
        assert_eq!(text(&[0xff; 1000]), "\u{fffd}".repeat(85));
    }
}
