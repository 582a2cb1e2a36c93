//! How far the tables of a router have been published again ([`crate::repeat`]).

use crate::peer::PeerIndex;
use crate::table::TableIndex;

/// The part of a router's tables that is published again next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeat {
    pub peer: PeerIndex,
    pub table: TableIndex,
    /// Whether it is among the routes with path identifiers.
    pub path_ids: bool,
    /// The part of the table, as [`arancini_rib::CuratedTable::publish_in_round`] counts.
    pub cursor: usize,
}

impl Repeat {
    /// The first route of the first table.
    pub const START: Self = Self::table(PeerIndex(0), TableIndex(0));

    /// The first route of a table.
    const fn table(peer: PeerIndex, table: TableIndex) -> Self {
        Self {
            peer,
            table,
            path_ids: false,
            cursor: 0,
        }
    }

    /// What follows behind the routes with path identifiers, or behind those without.
    pub const fn behind(self) -> Self {
        if self.path_ids {
            return Self::table(self.peer, TableIndex(self.table.0 + 1));
        }
        Self {
            path_ids: true,
            cursor: 0,
            ..self
        }
    }

    /// The first table of the next peer.
    pub const fn next_peer(self) -> Self {
        Self::table(PeerIndex(self.peer.0 + 1), TableIndex(0))
    }
}
