//! Which numbers of sets came to mean something else lately.

/// Changes that are remembered. A question keeps its verdicts if no more numbers change between two of its slices.
const REMEMBERED: usize = 4096;

/// The last numbers that came to mean another set, or a set that was known by its fingerprint only.
pub(super) struct Renumbered {
    /// A ring: the change with number `n` is at `n % REMEMBERED`.
    numbers: Box<[u32]>,
    /// Changes so far.
    changes: u64,
}

impl Default for Renumbered {
    fn default() -> Self {
        Self {
            numbers: vec![0; REMEMBERED].into(),
            changes: 0,
        }
    }
}

impl Renumbered {
    /// Notes that a number means something else from now on.
    pub fn note(&mut self, number: u32) {
        self.numbers[self.changes as usize % REMEMBERED] = number;
        self.changes += 1;
    }

    /// Changes so far.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The numbers since there were so many changes; `None` if they are not remembered any more.
    pub fn since(&self, changes: u64) -> Option<impl Iterator<Item = u32> + '_> {
        let new = self.changes.saturating_sub(changes);
        (new <= REMEMBERED as u64)
            .then(|| (changes..self.changes).map(|change| self.numbers[change as usize % REMEMBERED]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_changes_are_remembered_and_older_ones_are_not() {
        let mut renumbered = Renumbered::default();
        let since =
            |renumbered: &Renumbered, changes| renumbered.since(changes).map(Iterator::collect::<Vec<_>>);
        assert_eq!(since(&renumbered, 0), Some(Vec::new()));
        for number in 0..REMEMBERED as u32 {
            renumbered.note(number);
        }
        assert_eq!(since(&renumbered, 0).map(|all| all.len()), Some(REMEMBERED));
        renumbered.note(77);
        assert_eq!(since(&renumbered, 0), None);
        assert_eq!(
            since(&renumbered, REMEMBERED as u64 - 1),
            Some(vec![REMEMBERED as u32 - 1, 77])
        );
    }
}
