//! How far a question has come.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::answer::RouteName;
use crate::peer::PeerIndex;
use crate::router::{Router, TablePlace};
use crate::table::{PeerTable, TableIndex};

/// Where a question goes on. It is valid in the process that made it, and only for a question about the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub(super) Place);

impl Position {
    /// The position before the first router.
    pub const START: Self = Self(Place::RouterBehind(None));
}

/// What a question looks at next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// The router behind this one; the first router if there is none.
    RouterBehind(Option<IpAddr>),
    /// A peer of a router.
    Peer(PeerAt),
    /// The routes of one table from a step on, those with path identifiers or those without. If there is a name, only routes
    /// behind it: the others of this step were answered.
    Routes {
        table: TableAt,
        path_ids: bool,
        step: u32,
        behind: Option<RouteName>,
    },
    Over,
}

/// The place of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PeerAt {
    pub router: IpAddr,
    pub peer: u32,
}

/// The place of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableAt {
    pub peer: PeerAt,
    pub table: u32,
}

impl PeerAt {
    /// The first peer of a router.
    pub const fn first(router: IpAddr) -> Self {
        Self { router, peer: 0 }
    }

    /// The next peer of the router. A position comes from outside, so no number in it can be relied on.
    pub const fn next(self) -> Self {
        Self {
            router: self.router,
            peer: self.peer.saturating_add(1),
        }
    }

    pub const fn index(self) -> PeerIndex {
        PeerIndex(self.peer as usize)
    }
}

impl TableAt {
    /// The table at this place, if there is one.
    pub fn of(self, router: &Router) -> Option<&PeerTable> {
        let place = TablePlace {
            peer: self.peer.index(),
            table: TableIndex(self.table as usize),
        };
        router.has_table(place).then(|| router.table(place))
    }

    /// The routes of this table from the first one on.
    pub const fn start(self) -> Place {
        Place::Routes {
            table: self,
            path_ids: false,
            step: 0,
            behind: None,
        }
    }

    /// The peer's next table.
    pub const fn next(self) -> Self {
        Self {
            peer: self.peer,
            table: self.table.saturating_add(1),
        }
    }
}
