//! Formats numbers for the report.

/// Formats a number with this many decimals and with commas between thousands.
pub(crate) fn digits(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (sign, text) = text.split_at(usize::from(text.starts_with('-')));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = sign.to_owned();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(digits(0.0, 0), "0");
        assert_eq!(digits(999.4, 0), "999");
        assert_eq!(digits(1000.0, 0), "1,000");
        assert_eq!(digits(-123.25, 1), "-123.2");
        assert_eq!(digits(-1234.0, 0), "-1,234");
        assert_eq!(digits(1_234_567.25, 2), "1,234,567.25");
        assert_eq!(digits(0.1875, 3), "0.188");
    }
}
