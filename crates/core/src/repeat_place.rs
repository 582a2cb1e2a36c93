//! How far the tables of a router have been published again ([`crate::repeat`]).

use crate::peer::PeerIndex;
use crate::repeat_part::Part;
use crate::table::TableIndex;

/// The part of a router's tables that is published again next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeat {
    /// What is published again.
    pub part: Part,
    pub peer: PeerIndex,
    pub table: TableIndex,
    /// Whether it is among the routes with path identifiers.
    pub path_ids: bool,
    /// The part of the table, as [`arancini_rib::CuratedTable::publish_in_round`] counts.
    pub cursor: usize,
}

impl Repeat {
    /// The first route of the first table.
    pub const fn start(part: Part) -> Self {
        Self::table(part, PeerIndex(0), TableIndex(0))
    }

    /// The first route of a table.
    const fn table(part: Part, peer: PeerIndex, table: TableIndex) -> Self {
        Self {
            part,
            peer,
            table,
            path_ids: false,
            cursor: 0,
        }
    }

    /// What follows behind the routes with path identifiers, or behind those without.
    pub const fn behind(self) -> Self {
        if self.path_ids {
            return self.next_table();
        }
        Self {
            path_ids: true,
            cursor: 0,
            ..self
        }
    }

    /// The next table of the peer.
    pub const fn next_table(self) -> Self {
        Self::table(self.part, self.peer, TableIndex(self.table.0 + 1))
    }

    /// The first table of the next peer.
    pub const fn next_peer(self) -> Self {
        Self::table(self.part, PeerIndex(self.peer.0 + 1), TableIndex(0))
    }
}
