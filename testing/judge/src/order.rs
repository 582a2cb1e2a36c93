//! The order of the stream: sequences rise within a subject, and events are barriers of their router.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::finding::Finding;
use crate::message::Subject;

/// Where a message, or a batch of messages of one subject, stands among its router's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The subject.
    pub subject: Subject,
    /// Sequence of the first message.
    pub first: u64,
    /// Sequence of the last message.
    pub last: u64,
}

/// The order so far.
#[derive(Debug, Default)]
pub struct Order {
    /// The last sequence of each subject.
    subjects: HashMap<Subject, u64>,
    routers: HashMap<IpAddr, Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// The highest sequence of all.
    highest: u64,
    /// The sequence of the last barrier.
    barrier: u64,
}

impl Order {
    /// Checks that sequences rise within the subject.
    ///
    /// # Errors
    /// The sequence is not above the subject's last one.
    pub fn rises(&mut self, place: &Place) -> Result<(), Box<Finding>> {
        let last = self.subjects.entry(place.subject).or_default();
        let before = *last;
        *last = place.last.max(before);
        if place.first > before {
            return Ok(());
        }
        Err(Box::new(Finding::OutOfOrder {
            subject: place.subject,
            sequence: place.first,
            after: before,
        }))
    }

    /// Checks that an event stands behind all that its router said before, and that nothing stands behind an event that
    /// the router said before it.
    ///
    /// # Errors
    /// A barrier is broken.
    pub fn keeps_barriers(&mut self, place: &Place) -> Result<(), Box<Finding>> {
        let heard = self.routers.entry(place.subject.router).or_default();
        let is_barrier = place.subject.kind.is_barrier();
        let bound = if is_barrier { heard.highest } else { heard.barrier };
        if is_barrier {
            heard.barrier = heard.barrier.max(place.last);
        }
        heard.highest = heard.highest.max(place.last);
        if place.first > bound {
            return Ok(());
        }
        Err(Box::new(Finding::BarrierBroken {
            subject: place.subject,
            sequence: place.first,
            after: bound,
        }))
    }
}
