//! The directory of snapshots: a file under a temporary name, renamed when it is whole, and a manifest that
//! says which generations count.
//!
//! A crash leaves what was renamed, and of a temporary file any number of its first bytes. The order of the
//! steps is what is tried here: nothing old goes before the new one is whole and named.

use arancini_generate::Random;

/// Generations that are kept.
const KEPT: usize = 2;

/// The directory.
#[derive(Debug, Default)]
pub struct Disk {
    /// The file that is being written.
    temporary: Option<Vec<u8>>,
    /// Whole files, oldest first.
    generations: Vec<(u64, Vec<u8>)>,
    /// Those that count, newest first; replaced in one go.
    manifest: Vec<u64>,
    last_number: u64,
    used: bool,
}

impl Disk {
    /// Writes more of the temporary file.
    pub fn write(&mut self, bytes: &[u8]) {
        self.temporary.get_or_insert_default().extend_from_slice(bytes);
    }

    /// Removes the temporary file.
    pub fn discard(&mut self) {
        self.temporary = None;
    }

    /// The temporary file is whole and gets its name.
    pub fn rename(&mut self) {
        if let Some(bytes) = self.temporary.take() {
            self.last_number += 1;
            self.generations.push((self.last_number, bytes));
        }
    }

    /// The manifest names the newest generations.
    pub fn list(&mut self) {
        let newest = self.generations.iter().rev().take(KEPT);
        self.manifest = newest.map(|(number, _)| *number).collect();
        self.used |= !self.manifest.is_empty();
    }

    /// Removes what the manifest does not name.
    pub fn prune(&mut self) {
        let manifest = &self.manifest;
        self.generations.retain(|(number, _)| manifest.contains(number));
    }

    /// Removes all generations: only a collector without sense does.
    pub fn clear(&mut self) {
        self.generations.clear();
    }

    /// The process dies. Of the temporary file some first bytes are there, of which this returns a copy.
    pub fn crash(&mut self, random: &mut Random) -> Option<Vec<u8>> {
        let mut torn = self.temporary.take()?;
        let length = random.below(torn.len() as u32) as usize;
        torn.truncate(length);
        Some(torn)
    }

    /// A byte of the newest generation goes bad, if there is another one. Returns whether.
    pub fn rot(&mut self, random: &mut Random) -> bool {
        if self.manifest.len() < KEPT {
            return false;
        }
        let newest = self.manifest.first().copied();
        let file = self
            .generations
            .iter_mut()
            .find(|(number, _)| Some(*number) == newest);
        let Some((_, bytes)) = file.filter(|(_, bytes)| !bytes.is_empty()) else {
            return false;
        };
        let at = random.below(bytes.len() as u32) as usize;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
        // What can't be read is set aside at the next start.
        true
    }

    /// Sets a damaged generation aside.
    pub fn set_aside(&mut self, number: u64) {
        self.manifest.retain(|each| *each != number);
        self.prune();
    }

    /// Whether a snapshot ever counted.
    #[must_use]
    pub const fn was_used(&self) -> bool {
        self.used
    }

    /// The generations that count, newest first.
    pub fn current(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let named = self.manifest.iter().copied();
        named.filter_map(|number| {
            let file = self.generations.iter().find(|(each, _)| *each == number);
            file.map(|(_, bytes)| (number, bytes.as_slice()))
        })
    }
}
