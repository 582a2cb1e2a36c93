//! The last changes of state of a router or a peer, for people who ask what happened.

use std::collections::VecDeque;
use std::sync::Arc;

/// Most changes that are remembered of one router or one peer: some 2 KiB for a peer that changes so often.
const MOST_CHANGES: usize = 128;
/// Changes that are not remembered are counted by the hour in which they happened, in Unix time.
const HOUR_NS: u64 = 3600 * 1_000_000_000;
/// Hours in which changes are counted: a day, with the hour in which it begins.
const MOST_HOURS: usize = 25;

/// The last changes of state, with their times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes<T> {
    /// The oldest first.
    last: Vec<Change<T>>,
    /// All changes since the start of the process, those included that are not remembered any more.
    count: u64,
    /// The hours of the changes that are not remembered any more, and how many there were, the oldest hour first. Hours
    /// without changes are not there.
    forgotten: VecDeque<(u64, u64)>,
}

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<T> {
    /// When the collector noticed it, in Unix nanoseconds.
    pub unix_ns: u64,
    /// The new state.
    pub what: T,
}

/// A change of a peer's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerChange {
    /// The router sent a Peer Up.
    Up,
    /// The router sent routes of the peer without a Peer Up.
    Provisional,
    /// The router sent a Peer Down with this reason code (RFC 7854 §4.9).
    Down(u8),
    /// The BMP session of the router ended.
    SessionLost,
}

/// A change of a router's BMP session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouterChange {
    /// The router connected.
    Connected,
    /// The session ended, for this reason.
    Lost(Arc<str>),
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self {
            last: Vec::new(),
            count: 0,
            forgotten: VecDeque::new(),
        }
    }
}

impl<T> Changes<T> {
    /// Remembers a change, and only counts the oldest one from now on if there are too many.
    pub(crate) fn push(&mut self, unix_ns: u64, what: T) {
        if self.last.len() == MOST_CHANGES {
            let oldest = self.last.remove(0);
            self.forget(oldest.unix_ns / HOUR_NS);
        }
        self.last.push(Change { unix_ns, what });
        self.count += 1;
    }

    fn forget(&mut self, hour: u64) {
        match self.forgotten.back_mut() {
            Some((last, changes)) if *last == hour => *changes += 1,
            _ => self.forgotten.push_back((hour, 1)),
        }
        if self.forgotten.len() > MOST_HOURS {
            self.forgotten.pop_front();
        }
    }

    /// The remembered changes, the oldest first.
    #[must_use]
    pub fn last(&self) -> &[Change<T>] {
        &self.last
    }

    /// Number of changes since the start of the process.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Number of changes since a time of the last 24 hours. If some of them are not remembered any more, those of the whole hour
    /// count, so the number can contain changes of up to an hour before.
    #[must_use]
    pub fn count_since(&self, unix_ns: u64) -> u64 {
        let remembered = self.last.iter().filter(|change| change.unix_ns >= unix_ns);
        let remembered = remembered.count() as u64;
        // Those that are not remembered any more are older than all that are.
        if self.last.first().is_none_or(|oldest| oldest.unix_ns < unix_ns) {
            return remembered;
        }
        let hours = self.forgotten.iter();
        let forgotten = hours.filter(|(hour, _)| *hour >= unix_ns / HOUR_NS);
        remembered + forgotten.map(|(_, changes)| changes).sum::<u64>()
    }

    /// When the present state began, in Unix nanoseconds; `None` if nothing changed since the start of the process.
    #[must_use]
    pub fn since_unix_ns(&self) -> Option<u64> {
        self.last.last().map(|change| change.unix_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_changes_are_remembered_and_all_are_counted() {
        let mut changes = Changes::default();
        for number in 0..1000 {
            changes.push(number, PeerChange::Down(number as u8));
        }
        assert_eq!((changes.last().len(), changes.count()), (MOST_CHANGES, 1000));
        assert_eq!(changes.last()[0].unix_ns, 1000 - MOST_CHANGES as u64);
        assert_eq!(changes.since_unix_ns(), Some(999));
    }

    /// Only the last changes were known, so a peer that flapped all day looked like one that flapped a few times.
    #[test]
    fn the_changes_of_a_day_are_counted_though_most_are_forgotten() {
        const MINUTE_NS: u64 = HOUR_NS / 60;
        let mut changes = Changes::default();
        let end = 100 * HOUR_NS + 30 * MINUTE_NS;
        for minutes_ago in (0..4 * 24 * 60).rev() {
            changes.push(end - minutes_ago * MINUTE_NS, PeerChange::Up);
        }
        assert_eq!(changes.count(), 4 * 24 * 60);
        assert_eq!(
            changes.count_since(end - 100 * MINUTE_NS),
            101,
            "all are remembered"
        );
        let of_a_day = changes.count_since(end - 24 * HOUR_NS);
        assert_eq!(
            of_a_day,
            24 * 60 + 1 + 30,
            "the hour in which the day begins counts whole"
        );
        assert!(changes.forgotten.len() <= MOST_HOURS);
    }

    #[test]
    fn a_clock_that_jumps_leaves_few_hours() {
        let mut changes = Changes::default();
        for number in 0..10_000 {
            changes.push((number % 7) * HOUR_NS, PeerChange::Up);
        }
        assert_eq!(changes.forgotten.len(), MOST_HOURS);
    }
}
