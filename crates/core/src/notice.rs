//! Notices: what an operator should read. The shell turns them into log lines, rate-limited per router.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::counters::Quirk;

/// Most notices kept between two visits of the shell. Further ones are only counted.
const CAPACITY: usize = 256;

/// Something that is worth a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The router that the notice is about.
    pub router: IpAddr,
    /// The peer that the notice is about, if any.
    pub peer: Option<IpAddr>,
    /// What happened.
    pub what: NoticeKind,
}

/// The kinds of [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeKind {
    /// A message could not be read, for this reason. It was skipped and published as it came.
    Malformed(String),
    /// A peer shows this quirk for the first time.
    Quirk(Quirk),
    /// The router has as many peers as it may have. Messages of further peers are skipped.
    PeerLimit,
    /// The octets of the attribute sets of this worker take as much memory as they may. Of further sets, only the fingerprint is
    /// kept. The router is the first one with such a set.
    NoRoomForAttributes,
    /// The session ended, for this reason.
    SessionEnded(String),
    /// The router came back within its hold time and dumps its tables again.
    Back,
    /// The router came back, and its dump is a resync: it is not known what consumers hold.
    BackForResync,
    /// Consumers lost messages of the router. Its routes are published again from the retained attributes.
    ResyncFromAttributes,
    /// The router did not come back in time. Its routes are withdrawn.
    HoldExpired,
    /// A peer came up.
    PeerUp,
    /// A peer went down, with the RFC's reason code.
    PeerDown(u8),
    /// The router reported a peer as down, with the RFC's reason code, that was not up.
    PeerDownWithoutUp(u8),
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

    /// Takes the next notice.
    pub fn pop(&mut self) -> Option<Notice> {
        self.queue.pop_front()
    }

    /// How many notices were dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}
