//! What the core wants an operator to read. The shell turns notices into log lines, rate-limited per router.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::counters::Quirk;

/// Notices kept between two visits of the shell; more are only counted.
const CAPACITY: usize = 256;

/// Something worth a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The router it is about.
    pub router: IpAddr,
    /// The peer it is about, if any.
    pub peer: Option<IpAddr>,
    /// What happened.
    pub what: NoticeKind,
}

/// The kinds of [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeKind {
    /// A message could not be read; it was skipped and published raw.
    Malformed(String),
    /// A peer does this for the first time.
    Quirk(Quirk),
    /// Messages of further peers are skipped: the router has as many as a router may have.
    PeerLimit,
    /// The router went without a word or with one.
    SessionEnded(String),
    /// The router is back within its hold time and dumps again.
    Back,
    /// The router did not come back in time: its routes are withdrawn.
    HoldExpired,
    /// A peer came up.
    PeerUp,
    /// A peer went down, with the RFC's reason code.
    PeerDown(u8),
}

/// A bounded queue of notices.
#[derive(Debug, Default)]
pub struct Notices {
    queue: VecDeque<Notice>,
    dropped: u64,
}

impl Notices {
    pub(crate) fn push(&mut self, router: IpAddr, peer: Option<IpAddr>, what: NoticeKind) {
        if self.queue.len() < CAPACITY {
            self.queue.push_back(Notice { router, peer, what });
        } else {
            self.dropped += 1;
        }
    }

    /// The next notice.
    pub fn pop(&mut self) -> Option<Notice> {
        self.queue.pop_front()
    }

    /// How many were dropped since this was last asked.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}
