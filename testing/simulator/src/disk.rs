//! The directory of snapshots: a file with a temporary name, which is renamed when it is whole, and a manifest that names
//! the current generations.
//!
//! A crash leaves the renamed files and any number of first bytes of the temporary file. This tests the order of the steps:
//! an old generation is removed only when the new one is whole and in the manifest.

use arancini_generate::Random;

/// Number of generations that are kept.
const KEPT: usize = 2;

/// A whole snapshot.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    /// The content of its file.
    pub bytes: Vec<u8>,
    /// The last sequence of the stream when everything in the snapshot was acknowledged. A stream that ends before has lost
    /// messages on which the snapshot relies.
    pub relies_on: u64,
}

/// The directory.
#[derive(Debug, Default)]
pub struct Disk {
    /// The file that is being written.
    temporary: Option<Vec<u8>>,
    /// Whole files, oldest first.
    generations: Vec<Generation>,
    /// The current generations, newest first. The manifest is replaced as a whole.
    manifest: Vec<u64>,
    last_number: u64,
    used: bool,
    void: bool,
}

impl Disk {
    /// Appends to the temporary file.
    pub fn write(&mut self, bytes: &[u8]) {
        self.temporary.get_or_insert_default().extend_from_slice(bytes);
    }

    /// Removes the temporary file.
    pub fn discard(&mut self) {
        self.temporary = None;
    }

    /// Gives the temporary file its final name.
    pub fn rename(&mut self, relies_on: u64) {
        if let Some(bytes) = self.temporary.take() {
            self.last_number += 1;
            self.generations.push(Generation {
                number: self.last_number,
                bytes,
                relies_on,
            });
        }
    }

    /// Writes the newest generation into the manifest, before those that it named so far. A generation of an earlier life that
    /// was renamed and never listed stays out.
    pub fn list(&mut self) {
        let newest = self.generations.last().map(|each| each.number);
        self.manifest.retain(|number| Some(*number) != newest);
        self.manifest.splice(0..0, newest);
        self.manifest.truncate(KEPT);
        self.used |= !self.manifest.is_empty();
        self.void = false;
    }

    /// Gives up all generations, because the stream lost messages on which they rely. Until there is another one, a start knows
    /// that the stream is not whole.
    pub fn void(&mut self) {
        *self = Self {
            last_number: self.last_number,
            void: self.used || self.void,
            ..Self::default()
        };
    }

    /// Whether the generations were given up and there is no other one yet.
    #[must_use]
    pub const fn is_void(&self) -> bool {
        self.void
    }

    /// Removes the files that the manifest does not name.
    pub fn prune(&mut self) {
        let manifest = &self.manifest;
        self.generations.retain(|each| manifest.contains(&each.number));
    }

    /// Removes all generations, which only a collector without this safeguard does.
    pub fn clear(&mut self) {
        self.generations.clear();
    }

    /// The process dies. Some first bytes of the temporary file stay; returns a copy of them.
    pub fn crash(&mut self, random: &mut Random) -> Option<Vec<u8>> {
        let mut torn = self.temporary.take()?;
        let length = random.below(torn.len() as u32) as usize;
        torn.truncate(length);
        Some(torn)
    }

    /// Damages a byte of the newest generation, if there is another generation. Returns whether it did.
    pub fn rot(&mut self, random: &mut Random) -> bool {
        if self.manifest.len() < KEPT {
            return false;
        }
        let newest = self.manifest.first().copied();
        let file = self
            .generations
            .iter_mut()
            .find(|each| Some(each.number) == newest);
        let Some(file) = file.filter(|file| !file.bytes.is_empty()) else {
            return false;
        };
        let at = random.below(file.bytes.len() as u32) as usize;
        if let Some(byte) = file.bytes.get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
        // The next start sets the damaged file aside.
        true
    }

    /// Sets a damaged generation aside.
    pub fn set_aside(&mut self, number: u64) {
        self.manifest.retain(|each| *each != number);
        self.prune();
    }

    /// Whether a snapshot was ever current.
    #[must_use]
    pub const fn was_used(&self) -> bool {
        self.used
    }

    /// The current generations, newest first.
    pub fn current(&self) -> impl Iterator<Item = (u64, &Generation)> {
        let named = self.manifest.iter().copied();
        named.filter_map(|number| {
            let file = self.generations.iter().find(|each| each.number == number);
            file.map(|file| (number, file))
        })
    }
}
