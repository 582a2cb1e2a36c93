//! The settings of a named load, and what one router sends for it.

use super::counts::Counts;
use super::name::LoadName;
use super::piece::Piece;
use super::writer::Writer;
use crate::bmp::Peer;
use crate::scenario::Scenario;

/// The settings of a named load for one router. The same settings give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLoad {
    /// The load.
    pub name: LoadName,
    /// The router's sysName.
    pub sys_name: String,
    /// About how many elements are measured. The load rounds this number to whole tables.
    pub elements: u64,
    /// The number of prefixes in each UPDATE, instead of the sizes that belong to the load.
    pub prefixes_per_update: Option<u32>,
    /// The seed of the details.
    pub seed: u64,
}

/// What one router sends, and what a collector must count for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterLoad {
    /// The pieces that are sent before the measurement starts.
    pub before: Vec<Piece>,
    /// The measured pieces.
    pub measured: Vec<Piece>,
    /// Whether the router closes its connection after `before` and sends `measured` on a new one.
    pub reconnects: bool,
    /// What the pieces before the measurement contain.
    pub counts_before: Counts,
    /// What the measured pieces contain.
    pub counts: Counts,
    /// The number of routes that the router holds at the end.
    pub routes: u64,
}

impl RouterLoad {
    /// Returns a load in which each peer sends one of the templates, in turns. All of it is measured, and every announced route
    /// is held at the end.
    pub(super) fn of_templates(opening: Writer, peers: &[Peer], templates: &[(Piece, Counts)]) -> Self {
        let (opening, mut counts) = opening.finish();
        let mut measured = vec![opening];
        for (peer, (piece, of_piece)) in peers.iter().zip(templates.iter().cycle()) {
            measured.push(piece.from_peer(peer));
            counts += *of_piece;
        }
        Self {
            before: Vec::new(),
            measured,
            reconnects: false,
            counts_before: Counts::default(),
            counts,
            routes: counts.announced,
        }
    }
}

impl NamedLoad {
    /// Returns how many of the elements each of this many peers announces.
    pub(super) fn prefixes_of_a_peer(&self, peers: u16) -> u32 {
        let share = self.elements / u64::from(peers.max(1));
        // More prefixes would not fit into the address space used here.
        share.min(u64::from(Scenario::MOST_PREFIXES)) as u32
    }
}
