//! Tables whose routes were forgotten all at once, while the sets of the routes still count them.

use crate::curate::CuratedTable;
use crate::curation::Doom;
use crate::sets::AttributeSets;

/// Tables that nobody sees any more. Their routes leave their sets in slices.
#[derive(Default)]
pub struct FormerTables(Vec<CuratedTable>);

impl FormerTables {
    /// Takes a table of sets.
    pub fn push(&mut self, mut table: CuratedTable) {
        table.doom_all(Doom::NotReannounced);
        if table.needs_sweep() {
            self.0.push(table);
        }
    }

    /// Whether no table is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a slice of the routes from their sets, or frees a slice of the memory of their table.
    pub fn release_slice(&mut self, sets: &mut AttributeSets) {
        if let Some(table) = self.0.last_mut()
            && !table.sweep(sets, |_| {})
        {
            self.0.pop();
        }
        sets.settle();
    }
}
