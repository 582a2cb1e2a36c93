//! A time in the past, as a request names it.

use std::time::UNIX_EPOCH;

use super::problem::Problem;

const NANOSECONDS: u64 = 1_000_000_000;

/// The time now, in Unix nanoseconds.
pub(super) fn now_ns() -> u64 {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    u64::try_from(now).unwrap_or(u64::MAX)
}

/// Reads the parameter `since`: a time like `2026-11-30T10:48:08Z`, or how long ago, like `90s`, `5m`, `2h` or `1d`. Returns
/// Unix nanoseconds.
pub(super) fn read_since(text: &str) -> Result<u64, Problem> {
    let ago = seconds_ago(text).map(|seconds| now_ns().saturating_sub(seconds.saturating_mul(NANOSECONDS)));
    ago.or_else(|| read_time(text)).ok_or_else(|| {
        Problem::invalid(
            "since",
            format!("{text:?} is no time"),
            "write a time in UTC, like 2026-11-30T10:48:08Z, or how long ago, like 90s, 5m, 2h or 1d",
        )
    })
}

fn seconds_ago(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    whole(number)?.checked_mul(unit)
}

/// Reads RFC 3339 in UTC, with a fraction of at most nine digits or without.
fn read_time(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = three(date, '-', [4, 2, 2])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = three(time, ':', [2, 2, 2])?;
    let in_range = (1970..=2500).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range || fraction.len() > 9 {
        return None;
    }
    let fraction_ns = whole(fraction)? * 10_u64.pow(9 - fraction.len() as u32);
    let days = (1970..year).map(days_of_year).sum::<u64>()
        + (1..month).map(|month| days_of(year, month)).sum::<u64>()
        + day
        - 1;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * NANOSECONDS + fraction_ns)
}

/// Three numbers of so many digits each.
fn three(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let parts: Vec<_> = text.split(separator).collect();
    let [one, two, three] = parts.as_slice() else {
        return None;
    };
    let number = |text: &str, digits: usize| whole(text).filter(|_| text.len() == digits);
    Some([
        number(one, digits[0])?,
        number(two, digits[1])?,
        number(three, digits[2])?,
    ])
}

/// A number that consists of digits only.
fn whole(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

const fn days_of_year(year: u64) -> u64 {
    if days_of(year, 2) == 29 { 366 } else { 365 }
}

const fn days_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arancini_schema::json::UnixTime;

    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2025-12-31T23:59:59.000Z", 1_767_225_599),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(read_time(text), Some(seconds * NANOSECONDS), "{text}");
        }
        for milliseconds in [1, 86_399_999, 1_796_035_688_729, 5_000_000_000_123] {
            let time = milliseconds * 1_000_000;
            assert_eq!(read_time(&UnixTime(time).to_string()), Some(time));
        }
    }

    #[test]
    fn how_long_ago_counts_from_now() {
        let now = || u64::try_from(UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap();
        let before = now();
        let read = read_since("2h").unwrap() + 7200 * NANOSECONDS;
        assert!((before..=now()).contains(&read));
        assert_eq!(read_since("99999999d").unwrap(), 0);
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_forms() {
        for text in [
            "",
            "m",
            "5",
            "-5m",
            "+5m",
            "5 m",
            "yesterday",
            "2026-02-30T00:00:00Z",
            "2026-11-30",
            "2026-11-30T10:48:08",
            "2026-11-30T10:48:08+01:00",
            "2026-11-30T24:00:00Z",
            "2026-11-30T10:48:08.Z",
            "2026-11-30T10:48:08.1234567890Z",
            "99999999999999999999d",
        ] {
            let problem = format!("{:?}", read_since(text).unwrap_err());
            assert!(problem.contains("how long ago"), "{text}: {problem}");
        }
    }
}
