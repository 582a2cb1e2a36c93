//! The last changes of state of a router or a peer, for people who ask what happened.

/// Most changes that are remembered of one router or one peer.
const MOST_CHANGES: usize = 16;

/// The last changes of state, with their times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes<T> {
    /// The oldest first.
    last: Vec<Change<T>>,
    /// All changes since the start of the process, those included that are not remembered any more.
    count: u64,
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
    Lost(String),
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self {
            last: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Changes<T> {
    /// Remembers a change, and forgets the oldest one if there are too many.
    pub(crate) fn push(&mut self, unix_ns: u64, what: T) {
        if self.last.len() == MOST_CHANGES {
            self.last.remove(0);
        }
        self.last.push(Change { unix_ns, what });
        self.count += 1;
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
        for number in 0..100 {
            changes.push(number, PeerChange::Down(number as u8));
        }
        assert_eq!((changes.last().len(), changes.count()), (MOST_CHANGES, 100));
        assert_eq!(changes.last()[0].unix_ns, 84);
        assert_eq!(changes.since_unix_ns(), Some(99));
    }
}
