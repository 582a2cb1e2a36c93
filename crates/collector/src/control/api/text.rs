//! Values as text, in the form in which the stream has them.

use arancini_schema::json::{Distinguisher, UnixTime};
use arancini_wire::iana::AfiSafi;

/// A time as RFC 3339, in UTC.
pub(super) fn time(unix_ns: u64) -> String {
    UnixTime(unix_ns).to_string()
}

/// The name of a family, else its numbers.
pub(super) fn family(family: AfiSafi) -> String {
    family.name().map_or_else(|| family.to_string(), str::to_owned)
}

/// A distinguisher; `None` if it is zero.
pub(super) fn distinguisher(bytes: [u8; 8]) -> Option<String> {
    let number = u64::from_be_bytes(bytes);
    (number != 0).then(|| Distinguisher(number).to_string())
}

/// A text; `None` if it is empty.
pub(super) fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
