//! Times in the time zone of this host, for people. Their offset stands behind them, so that no reader has to guess the zone.

mod posix_rule;
mod zone;

use arancini_schema::json::UnixTime;

use zone::Zone;

/// Writes a time in the zone of this host, like `2026-11-30 17:20:05 +01:00`. The variable `TZ` names another zone, as for other
/// programs: with `TZ=UTC` the times are UTC.
pub(crate) fn local_time(unix_ns: u64) -> String {
    let zone = Zone::of_host(std::env::var("TZ").ok().as_deref());
    in_zone(&zone, unix_ns / 1_000_000_000)
}

fn in_zone(zone: &Zone, unix_s: u64) -> String {
    let offset = zone.offset_at(unix_s.cast_signed());
    let shown = unix_s.saturating_add_signed(i64::from(offset));
    let text = UnixTime(shown.saturating_mul(1_000_000_000)).to_string();
    // RFC 3339 without the milliseconds, and with a space between date and time.
    let date_and_time = text.get(..19).unwrap_or(&text).replace('T', " ");
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs() / 60;
    format!("{date_and_time} {sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_offset_of_its_zone_in_summer_and_winter() {
        for (zone, unix_s, expected) in [
            ("UTC0", 1_796_055_605, "2026-11-30 16:20:05 +00:00"),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_796_055_605,
                "2026-11-30 17:20:05 +01:00",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_782_864_000,
                "2026-07-01 02:00:00 +02:00",
            ),
            // The last second of winter, and the first one of summer.
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_774_745_999,
                "2026-03-29 01:59:59 +01:00",
            ),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                1_774_746_000,
                "2026-03-29 03:00:00 +02:00",
            ),
            (
                "AEST-10AEDT,M10.1.0,M4.1.0/3",
                1_796_055_605,
                "2026-12-01 03:20:05 +11:00",
            ),
            (
                "AEST-10AEDT,M10.1.0,M4.1.0/3",
                1_782_864_000,
                "2026-07-01 10:00:00 +10:00",
            ),
            (
                "<-0330>3:30<-0230>,M3.2.0,M11.1.0",
                1_782_864_000,
                "2026-06-30 21:30:00 -02:30",
            ),
        ] {
            let zone = Zone::of_host(Some(zone));
            assert_eq!(in_zone(&zone, unix_s), expected);
        }
    }

    #[test]
    fn a_zone_that_is_not_known_is_utc() {
        for zone in [
            "",
            "No/Such_Zone",
            "../../etc/passwd",
            "CET-1CEST,M13.9.9,J5",
            "🦀",
        ] {
            let zone = Zone::of_host(Some(zone));
            assert_eq!(in_zone(&zone, 0), "1970-01-01 00:00:00 +00:00");
        }
    }
}
