//! Numbers in requests.

use std::str::FromStr;

/// Reads a number as it is usually written: digits only, and no zero before others.
pub(super) fn number<N: FromStr>(text: &str) -> Option<N> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten()
}
