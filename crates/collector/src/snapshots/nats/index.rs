//! The index of a collector's snapshots in NATS: which generations are current, and which run of the collector may change
//! the index.
//!
//! The index is a single value in the key-value bucket, and is replaced only at the revision that was read. So a generation
//! becomes current in one step, a number is given out only once, and of two collectors with the same name the later one wins.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::snapshots::store::{KEPT, Manifest};

/// The version of the format. It is raised when an older reader would misread the index.
const VERSION: u32 = 1;

/// The index of the snapshots of one collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    version: u32,
    /// Identifies the run of the collector that may change the index.
    pub life: String,
    /// The highest number of a generation that was given out.
    pub begun: u64,
    /// Complete generations, the newest first.
    pub generations: Vec<Manifest>,
    /// Damaged generations that are out of use and not removed yet.
    #[serde(default)]
    pub set_aside: Vec<SetAside>,
}

/// A damaged generation that is out of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The number of the generation.
    pub generation: u64,
    /// Why the generation was set aside, for people.
    pub why: String,
    /// The manifest of the generation, if it is known.
    pub manifest: Option<Manifest>,
}

impl Index {
    /// Makes the index of a collector that has no snapshots yet.
    #[must_use]
    pub fn new(life: &str, begun: u64) -> Self {
        Self {
            version: VERSION,
            life: life.to_owned(),
            begun,
            generations: Vec::new(),
            set_aside: Vec::new(),
        }
    }

    /// Makes an index that replaces an unreadable one. The stored generations may belong to the unreadable index, so they
    /// are set aside and stay for a while.
    #[must_use]
    pub fn instead(life: &str, stored: &BTreeSet<u64>, why: &str) -> Self {
        let mut index = Self::new(life, stored.last().copied().unwrap_or(0));
        index.set_aside = stored
            .iter()
            .map(|&generation| SetAside {
                generation,
                why: why.to_owned(),
                manifest: None,
            })
            .collect();
        index
    }

    /// Parses a stored index.
    ///
    /// # Errors
    /// Fails if the bytes are not an index, or an index in a later format.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let damaged = |error: serde_json::Error| format!("the index of the snapshots is damaged: {error}");
        let Version { version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if version > VERSION {
            return Err(format!(
                "the index of the snapshots has format {version}, which is later than {VERSION}, the latest format that this version \
                 of arancini knows"
            ));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }

    /// Returns the index in its stored form.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        // Serialization can fail only for keys that are not strings, and the index has none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Gives out the number of a new generation.
    pub fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Makes a generation the current one, and drops generations that are too old.
    pub fn complete(&mut self, manifest: &Manifest) {
        self.generations
            .retain(|known| known.generation < manifest.generation);
        self.generations.insert(0, manifest.clone());
        self.generations.truncate(KEPT);
        if self.generations.len() == KEPT
            && let Some(oldest) = self.generations.last()
        {
            self.set_aside
                .retain(|aside| aside.generation > oldest.generation);
        }
    }

    /// Takes a damaged generation out of use.
    pub fn set_aside(&mut self, generation: u64, why: &str) {
        let place = self
            .generations
            .iter()
            .position(|known| known.generation == generation);
        if let Some(place) = place {
            let manifest = self.generations.remove(place);
            self.set_aside.push(SetAside {
                generation,
                why: why.to_owned(),
                manifest: Some(manifest),
            });
        }
    }

    /// Returns the generations whose objects must not be removed.
    #[must_use]
    pub fn kept(&self) -> BTreeSet<u64> {
        let current = self.generations.iter().map(|manifest| manifest.generation);
        let aside = self.set_aside.iter().map(|aside| aside.generation);
        current.chain(aside).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn manifest(generation: u64) -> Manifest {
        Manifest {
            generation,
            collector: "test".to_owned(),
            completed_unix_ns: 1,
            published_to: None,
            relies_on: None,
            in_spool: Vec::new(),
            files: Vec::new(),
        }
    }

    fn numbers(index: &Index) -> Vec<u64> {
        index
            .generations
            .iter()
            .map(|manifest| manifest.generation)
            .collect()
    }

    #[test]
    fn the_newest_two_generations_stay_and_read_back() {
        let mut index = Index::new("one", 0);
        for number in 1..=4 {
            assert_eq!(index.begin(), number);
            index.complete(&manifest(number));
        }
        assert_eq!(numbers(&index), [4, 3]);
        assert_eq!(index.kept(), BTreeSet::from([3, 4]));
        assert_eq!(Index::read(&index.bytes()).unwrap(), index);
    }

    #[test]
    fn what_is_set_aside_stays_until_two_newer_ones_are_there() {
        let mut index = Index::new("one", 2);
        index.complete(&manifest(1));
        index.complete(&manifest(2));
        index.set_aside(2, "damaged");
        assert_eq!(numbers(&index), [1]);
        index.complete(&manifest(3));
        assert_eq!(index.kept(), BTreeSet::from([1, 2, 3]));
        index.complete(&manifest(4));
        assert_eq!(index.kept(), BTreeSet::from([3, 4]));
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut index = Index::new("one", 7);
        index.version = VERSION + 1;
        let error = Index::read(&index.bytes()).unwrap_err();
        assert!(error.contains("later"), "{error}");
        let error = Index::read(b"{}").unwrap_err();
        assert!(error.contains("damaged"), "{error}");
        let index = Index::instead("two", &BTreeSet::from([7, 9]), &error);
        assert_eq!((index.begun, numbers(&index)), (9, vec![]));
        assert_eq!(index.kept(), BTreeSet::from([7, 9]));
    }
}
