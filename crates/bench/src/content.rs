//! The content of a stream after the scenario `sustained`, and the check of it.
//!
//! The stream must hold exactly the sent updates. The sequences of each router must have no gaps and no duplicates, and must
//! rise within each subject. The last update of each route must be the one that its router sent last.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use arancini_client::headers::{HEADER_FIRST_SEQUENCE, HEADER_LAST_SEQUENCE};
use arancini_client::tail::PublishedMessage;
use arancini_generate::Scenario;
use arancini_schema::decode::Messages;

use crate::error::BenchError;
use crate::rounds::version;

/// What the stream must hold of one router.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WantedOfRouter {
    /// The number of updates.
    pub(crate) updates: u64,
    /// The number of rounds that the router has sent after its dump.
    pub(crate) rounds: u32,
}

/// The content of a stream.
#[derive(Default)]
pub(crate) struct Content {
    hasher: RandomState,
    updates: u64,
    /// The sequences of each router.
    sequences: HashMap<Vec<u8>, Sequences>,
    /// The last sequence of each subject of updates.
    last_of_subject: HashMap<String, u64>,
    /// For each router, and for each route by the hash of its peer and prefix: the AS that identifies the round of the last
    /// update; 0 if the route was withdrawn.
    last_round_as: HashMap<Vec<u8>, HashMap<u64, u32>>,
}

/// The sequence numbers of a router.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sequences {
    updates: u64,
    count: u64,
    first: u64,
    last: u64,
    /// Sum and sum of squares, wrapping. For numbers without gaps or duplicates, both follow from the first and the last.
    sum: u64,
    squares: u64,
}

impl Sequences {
    fn add(&mut self, sequence: u64) {
        if self.count == 0 || sequence < self.first {
            self.first = sequence;
        }
        self.last = self.last.max(sequence);
        self.count += 1;
        self.sum = self.sum.wrapping_add(sequence);
        self.squares = self.squares.wrapping_add(sequence.wrapping_mul(sequence));
    }

    /// Returns whether each number from the first to the last occurs exactly once.
    fn is_whole(&self) -> bool {
        if self.count == 0 || self.last - self.first + 1 != self.count {
            return self.count == 0;
        }
        let mut every = Self::default();
        (self.first..=self.last).for_each(|sequence| every.add(sequence));
        (every.sum, every.squares) == (self.sum, self.squares)
    }
}

impl Content {
    /// Returns the number of updates.
    pub(crate) const fn updates(&self) -> u64 {
        self.updates
    }

    /// Returns the number of subjects of updates.
    pub(crate) fn subjects(&self) -> usize {
        self.last_of_subject.len()
    }

    /// Adds a message of the stream.
    pub(crate) fn add(&mut self, published: &PublishedMessage) -> Result<(), BenchError> {
        let wrong = |error: &dyn std::fmt::Display| BenchError::Stream(error.to_string());
        let subject = published.subject.as_str();
        let mut tokens = subject.split('.').skip(1);
        let (kind, router) = (
            tokens.next().unwrap_or_default(),
            tokens.next().unwrap_or_default(),
        );
        let of_router = self.sequences.entry(router.as_bytes().to_vec()).or_default();
        if kind != "updates" {
            // A message with an event names its sequences in the headers.
            let header = |name| published.headers.get(name)?.as_str().parse::<u64>().ok();
            let range = header(HEADER_FIRST_SEQUENCE).zip(header(HEADER_LAST_SEQUENCE));
            let (first, last) = range.ok_or_else(|| wrong(&"a message has no sequences in its headers"))?;
            (first..=last).for_each(|sequence| of_router.add(sequence));
            return Ok(());
        }
        let routes = self.last_round_as.entry(router.as_bytes().to_vec()).or_default();
        let mut last = self.last_of_subject.get(subject).copied().unwrap_or(0);
        for message in Messages::new(&published.payload) {
            let message = message.map_err(|error| wrong(&error))?;
            let update = message.update().map_err(|error| wrong(&error))?;
            let sequence = update.get_sequence();
            if sequence <= last {
                return Err(wrong(&format_args!(
                    "{subject}: the sequence {sequence} follows {last}"
                )));
            }
            last = sequence;
            of_router.add(sequence);
            of_router.updates += 1;
            self.updates += 1;
            let unreadable = |error| wrong(&error);
            let route = (
                update.get_peer_addr().map_err(unreadable)?,
                update.get_prefix_addr().map_err(unreadable)?,
                update.get_prefix_len(),
            );
            let path = update.get_as_path().map_err(unreadable)?;
            let round_as = if update.get_announced() {
                path.iter().nth(1)
            } else {
                None
            };
            routes.insert(self.hasher.hash_one(route), round_as.unwrap_or(0));
        }
        match self.last_of_subject.get_mut(subject) {
            Some(known) => *known = last,
            None => drop(self.last_of_subject.insert(subject.to_owned(), last)),
        }
        Ok(())
    }

    /// Checks the content against what the routers have sent. The order of the subjects is not the order of the routers, so
    /// each router of the stream is matched by its number of updates.
    pub(crate) fn check(&self, wanted: &[WantedOfRouter], routes: u64) -> Result<(), BenchError> {
        let wrong = |what: String| Err(BenchError::Stream(what));
        for (router, sequences) in &self.sequences {
            let router = String::from_utf8_lossy(router);
            if !sequences.is_whole() {
                return wrong(format!(
                    "{router}: the sequences have gaps or duplicates: {sequences:?}"
                ));
            }
        }
        let mut updates: Vec<u64> = self
            .sequences
            .values()
            .map(|of_router| of_router.updates)
            .collect();
        let mut must: Vec<u64> = wanted.iter().map(|router| router.updates).collect();
        updates.sort_unstable();
        must.sort_unstable();
        if updates != must {
            return wrong(format!(
                "the routers have {updates:?} updates instead of {must:?}"
            ));
        }
        let held: usize = self.last_round_as.values().map(HashMap::len).sum();
        if held as u64 != routes {
            return wrong(format!("{held} routes instead of {routes}"));
        }
        for (router, of_router) in &self.last_round_as {
            let updates = self
                .sequences
                .get(router)
                .map_or(0, |sequences| sequences.updates);
            let sent = wanted
                .iter()
                .find(|router| router.updates == updates)
                .map_or(0, |router| router.rounds);
            let Some(round) = sent.checked_sub(1) else {
                continue;
            };
            let must = Scenario::VERSION_AS + version(round);
            if let Some(other) = of_router.values().find(|round_as| **round_as != must) {
                let router = String::from_utf8_lossy(router);
                return wrong(format!(
                    "{router}: a route has AS {other} in its path instead of AS {must}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_and_a_double_are_found_even_where_the_count_is_right() {
        let of = |numbers: &[u64]| {
            let mut sequences = Sequences::default();
            numbers.iter().for_each(|number| sequences.add(*number));
            sequences.is_whole()
        };
        assert!(of(&[]) && of(&[7]) && of(&[5, 3, 4]) && of(&[u64::MAX - 1, u64::MAX]));
        assert!(!of(&[3, 5]) && !of(&[3, 4, 4]) && !of(&[3, 3, 5]));
        // Count, first, last and sum are right.
        assert!(!of(&[1, 2, 2, 5, 5, 6]) && !of(&[1, 3, 3, 4, 4, 6]));
    }
}
