//! The progress of a message that is too much work for one turn of its worker.
//!
//! A message of a few bytes can carry tens of thousands of routes with large attributes, and become gigabytes of updates. So
//! the work on a Route Monitoring message can stop between two UPDATEs and between two routes, and goes on in the next turn
//! of the session. The bytes of the message stay where they are; this is all that is remembered besides.

use std::collections::HashSet;

use arancini_rib::RouteKey;
use arancini_wire::bgp::attribute::Handling;
use arancini_wire::iana::AfiSafi;

use crate::table::TableIndex;

/// How much of a message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it.
    Whole,
    /// A part: the message has to come again.
    Part,
}

/// Progress with one Route Monitoring message.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What is done with the UPDATEs of a message that carries several.
    pub several: Option<SeveralUpdates>,
    /// The UPDATE at hand, if it is taken in part.
    pub update: Option<PartOfUpdate>,
}

impl Progress {
    /// Nothing is done yet with a message of several UPDATEs.
    pub const fn of_several() -> Self {
        Self {
            several: Some(SeveralUpdates {
                phase: Phase::Checking,
                done: 0,
                framed: 0,
                updates: 0,
                new_families: Vec::new(),
            }),
            update: None,
        }
    }
}

/// Progress with the UPDATEs of one message, which are all checked before the first is taken.
#[derive(Debug)]
pub(crate) struct SeveralUpdates {
    pub phase: Phase,
    /// Bytes of the BGP messages that are done with in this phase.
    pub done: usize,
    /// Bytes of all BGP messages that can be framed.
    pub framed: usize,
    /// UPDATEs among them.
    pub updates: u32,
    /// Families that need a new table, each once.
    pub new_families: Vec<AfiSafi>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Checking,
    Taking,
}

/// Progress with the routes of one UPDATE.
#[derive(Debug, Default)]
pub(crate) struct PartOfUpdate {
    /// What RFC 7606 made of the attributes.
    pub handling: Option<Handling>,
    /// The fields of routes, in the order in which they take effect.
    pub fields: [Option<PartOfField>; 4],
    /// The routes that overrule withdraws of the UPDATE, once they are known.
    pub announced: Option<Box<AnnouncedRoutes>>,
}

/// The routes of one table that an UPDATE announces while it withdraws routes of the same table.
#[derive(Debug)]
pub(crate) struct AnnouncedRoutes {
    pub table: TableIndex,
    pub keys: HashSet<RouteKey<'static>>,
}

/// Progress with one field of routes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartOfField {
    pub table: TableIndex,
    pub add_path: bool,
    /// Bytes of the field whose routes are taken.
    pub taken_bytes: usize,
    /// Routes that are left.
    pub routes: usize,
}
