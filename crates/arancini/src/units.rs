//! Numbers with their nouns and units, for people.

/// Returns a count with its noun, like "1 router" or "2 routers".
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Returns a size like "512 bytes" or "10.0 GiB".
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return counted(bytes, "byte");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    // 1023.95 would be written as 1024.0.
    while size >= 1023.95
        && let Some(next) = units.next()
    {
        size /= 1024.0;
        unit = Some(next);
    }
    format!("{size:.1} {}", unit.unwrap_or(&""))
}

/// Returns a duration in its largest whole unit, like "2 minutes" or "7 days".
pub(crate) fn duration(seconds: u64) -> String {
    for (unit, noun) in [(86_400, "day"), (3600, "hour"), (60, "minute")] {
        if seconds >= unit && seconds.is_multiple_of(unit) {
            return counted(seconds / unit, noun);
        }
    }
    counted(seconds, "second")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [0, 1, 2].map(|count| counted(count, "route")),
            ["0 routes", "1 route", "2 routes"]
        );
    }

    #[test]
    fn sizes_and_durations_are_short() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (72_224, "70.5 KiB"),
            (10 << 30, "10.0 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (90, "90 seconds"),
            (120, "2 minutes"),
            (604_800, "7 days"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
