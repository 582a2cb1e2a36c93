//! The rule of a time zone in the form of POSIX (`CET-1CEST,M3.5.0,M10.5.0/3`), as `TZ` and the end of a zone file have it.

const DAY: i64 = 86_400;

/// The offsets of a zone, and when summer time begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PosixRule {
    /// Seconds east of UTC outside summer time.
    standard: i32,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summer {
    /// Seconds east of UTC in summer time.
    offset: i32,
    begins: Day,
    ends: Day,
}

/// The day and time of a change in each year: weekday `weekday` (0: Sunday) of the `week`th week of a month; week 5 is the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    month: u8,
    week: u8,
    weekday: u8,
    /// Seconds after midnight, in the time before the change.
    seconds: i32,
}

impl PosixRule {
    /// Reads a rule; `None` if it is none, or has days in another form than `Mm.w.d`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (names_and_offsets, days) = match text.split_once(',') {
            Some((head, days)) => (head, Some(days)),
            None => (text, None),
        };
        let (standard, rest) = offset(behind_name(names_and_offsets)?)?;
        let standard = -standard;
        let Some(days) = days else {
            return rest.is_empty().then_some(Self {
                standard,
                summer: None,
            });
        };
        let rest = behind_name(rest)?;
        let summer = match rest {
            "" => standard + 3600,
            rest => -offset(rest)?.0,
        };
        let (begins, ends) = days.split_once(',')?;
        let summer = Summer {
            offset: summer,
            begins: Day::parse(begins)?,
            ends: Day::parse(ends)?,
        };
        Some(Self {
            standard,
            summer: Some(summer),
        })
    }

    /// Seconds east of UTC at a time.
    pub(super) fn offset_at(&self, unix_s: i64) -> i32 {
        let Some(summer) = self.summer else {
            return self.standard;
        };
        let year = year_of(unix_s + i64::from(self.standard));
        let begins = summer.begins.at(year) - i64::from(self.standard);
        let ends = summer.ends.at(year) - i64::from(summer.offset);
        let is_summer = if begins < ends {
            (begins..ends).contains(&unix_s)
        } else {
            !(ends..begins).contains(&unix_s)
        };
        if is_summer { summer.offset } else { self.standard }
    }
}

impl Day {
    fn parse(text: &str) -> Option<Self> {
        let (day, seconds) = match text.split_once('/') {
            Some((day, time)) => (day, offset(time)?.0),
            None => (text, 7200),
        };
        let mut numbers = day
            .strip_prefix('M')?
            .split('.')
            .map(|number| number.parse().ok());
        let found = Self {
            month: numbers.next()??,
            week: numbers.next()??,
            weekday: numbers.next()??,
            seconds,
        };
        let is_valid = (1..=12).contains(&found.month) && (1..=5).contains(&found.week) && found.weekday <= 6;
        (is_valid && numbers.next().is_none()).then_some(found)
    }

    /// The time of the change in a year, in seconds of the zone's own clock.
    fn at(&self, year: i64) -> i64 {
        let first = day_number(year, i64::from(self.month), 1);
        // 1 January 1970 was a Thursday.
        let weekday_of_first = (first + 4).rem_euclid(7);
        let mut day = first
            + (i64::from(self.weekday) - weekday_of_first).rem_euclid(7)
            + 7 * (i64::from(self.week) - 1);
        let next_month = day_number(
            year + i64::from(self.month / 12),
            i64::from(self.month % 12 + 1),
            1,
        );
        if day >= next_month {
            day -= 7;
        }
        day * DAY + i64::from(self.seconds)
    }
}

/// What stands behind the name of a zone: letters, or any text in `<>`.
fn behind_name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return Some(quoted.split_once('>')?.1);
    }
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    (rest.len() + 3 <= text.len()).then_some(rest)
}

/// Reads an offset or a time of day in seconds, like `-1`, `3:30` or `02:00:00`; returns the rest too.
fn offset(text: &str) -> Option<(i32, &str)> {
    let is_part = |letter: char| letter.is_ascii_digit() || letter == ':';
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|letter| !is_part(letter)).unwrap_or(digits.len());
    let (number, rest) = digits.split_at(end);
    let mut seconds = 0;
    for (part, unit) in number.split(':').zip([3600, 60, 1]) {
        let part: i32 = part.parse().ok().filter(|part| *part <= 167)?;
        seconds += part * unit;
    }
    Some((sign * seconds, rest))
}

/// Days since the Unix epoch.
const fn day_number(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last day of a year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The year of a time.
const fn year_of(unix_s: i64) -> i64 {
    let days = unix_s.div_euclid(DAY);
    // A guess that is at most one year too late or too early.
    let mut year = 1970 + days / 366;
    while day_number(year + 1, 1, 1) <= days {
        year += 1;
    }
    while day_number(year, 1, 1) > days {
        year -= 1;
    }
    year
}
