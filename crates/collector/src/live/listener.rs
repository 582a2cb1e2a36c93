//! One listener: what it wants, and the events that wait for it.

use std::net::IpAddr;

use arancini_core::BatchKind;
use arancini_schema::decode::Message;

use super::event::SLOW;
use super::queue::Queue;
use crate::message_filter::MessageFilter;

/// The kinds of messages that a listener wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds([bool; BatchKind::ALL.len()]);

impl Kinds {
    /// Adds a kind.
    #[must_use]
    pub const fn with(mut self, kind: BatchKind) -> Self {
        self.0[kind as usize] = true;
        self
    }

    /// Returns whether the kind is among them.
    #[must_use]
    pub const fn contain(self, kind: BatchKind) -> bool {
        self.0[kind as usize]
    }
}

/// What a listener wants to hear.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The kinds of messages.
    pub kinds: Kinds,
    /// The conditions of the messages.
    pub filter: MessageFilter,
}

/// A client of the live stream.
pub(super) struct Listener {
    wanted: Wanted,
    pub(super) queue: Queue,
}

impl Listener {
    /// A listener without events.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            queue: Queue::new(SLOW),
        }
    }

    /// Returns whether messages of this kind and router can be for it.
    pub fn may_want(&self, kind: BatchKind, router: IpAddr) -> bool {
        self.wanted.kinds.contain(kind) && self.wanted.filter.selects_router(router)
    }

    /// Returns whether a message of a kind and router that it wants is for it.
    pub fn wants(&self, kind: BatchKind, message: &Message<'_>) -> bool {
        self.wanted.filter.passes(kind, message)
    }
}
