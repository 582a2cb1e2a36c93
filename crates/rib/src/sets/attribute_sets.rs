//! The store of attribute sets.

use super::pieces::{NONE, Pieces};
use super::renumbered::Renumbered;
use super::set_id::SetId;
use super::set_index::SetIndex;
use crate::entry::DOUBT;
use crate::processor::prefetch;
use crate::remains::CHUNKS_PER_STEP;
use crate::slab::Slab;

/// Segments of the index that are freed in one step.
const SEGMENTS_PER_STEP: usize = 16;

/// The octets of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'c> {
    /// The path attributes.
    pub attributes: &'c [u8],
    /// Octets of the NLRI that belong to the value of the route: its labels.
    pub labels: &'c [u8],
    /// Whether AS numbers in the path attributes have two octets. The octets themselves do not say so.
    pub two_octet_asns: bool,
}

/// What a store of sets holds at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetFigures {
    /// Number of sets.
    pub sets: u64,
    /// Bytes of memory that the octets of the sets take. They are bounded.
    pub octet_bytes: u64,
    /// Sets of which only the fingerprint is known.
    pub unknown_sets: u64,
    /// Routes of these sets.
    pub unknown_routes: u64,
    /// How often the octets of a set found no room, since the store was made.
    pub without_room: u64,
}

/// What is known of a set. The record of a free number has no routes, and names the next free number in `first`.
#[derive(Clone, Copy)]
struct Record {
    fingerprint: u64,
    routes: u32,
    /// The first piece of the octets; [`NONE`] if they are unknown.
    first: u32,
    attribute_octets: u32,
    label_octets: u16,
    two_octet_asns: bool,
}

impl Record {
    /// Number of octets of attributes and labels.
    const fn octets(&self) -> usize {
        self.attribute_octets as usize + self.label_octets as usize
    }
}

/// The attribute sets of a worker, found by their fingerprints.
///
/// Every change of a table that names these sets has to be told to them: tables do so if they get the store as [`Keep`](crate::Keep), or in
/// a [`Retained`](crate::Retained) announce.
pub struct AttributeSets {
    records: Slab<Record>,
    /// The first number that no set has, or [`NONE`].
    free: u32,
    /// The number of each set, by its fingerprint.
    index: SetIndex,
    pieces: Pieces,
    /// Most bytes that the octets of all sets may take.
    most_bytes: usize,
    /// The set that was last found, and its fingerprint: many UPDATEs repeat the attributes of the one before.
    last: SetId,
    last_fingerprint: u64,
    figures: SetFigures,
    renumbered: Renumbered,
    /// Memory that is still to be freed since the last set was forgotten.
    remains: Option<Remains>,
    /// Room to join attributes and labels.
    joined: Vec<u8>,
    leaving: Leaving,
}

/// Routes that have left their sets and are not counted off yet. Meanwhile the memory that this takes is fetched: a route's
/// former set mostly is not in the cache.
struct Leaving {
    /// The sets, as a ring. [`SetId::DOUBT`] where there is none.
    sets: [SetId; LEAVING],
    /// Where the next set goes, in place of the oldest one.
    next: usize,
}

/// How many routes leave their sets at the same time.
const LEAVING: usize = 16;

impl AttributeSets {
    /// Makes an empty store. The octets of all sets take at most `most_bytes`; of further sets, only the fingerprint is kept.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self {
            records: Slab::new(),
            free: NONE,
            index: SetIndex::new(),
            pieces: Pieces::new(),
            most_bytes,
            last: SetId::DOUBT,
            last_fingerprint: DOUBT,
            figures: SetFigures::default(),
            renumbered: Renumbered::default(),
            remains: None,
            joined: Vec::new(),
            leaving: Leaving {
                sets: [SetId::DOUBT; LEAVING],
                next: 0,
            },
        }
    }

    /// Finds the set with this fingerprint, or adds it. `content` gives its octets, if they are known; it is called only if the
    /// store does not have them.
    ///
    /// A new set has no routes. Call [`Self::forget_if_unused`] when the announce is over: perhaps no route has taken the set.
    #[inline]
    pub fn find_or_add<'c>(
        &mut self,
        fingerprint: u64,
        content: impl FnOnce() -> Option<Content<'c>>,
    ) -> SetId {
        if fingerprint == self.last_fingerprint {
            return self.last;
        }
        self.find_other(fingerprint, content)
    }

    /// Finds or adds a set that is not the last one.
    #[inline(never)]
    fn find_other<'c>(&mut self, fingerprint: u64, content: impl FnOnce() -> Option<Content<'c>>) -> SetId {
        if fingerprint == DOUBT {
            return SetId::DOUBT;
        }
        let set = match self.find(fingerprint) {
            Some(set) => {
                if self.records[set.0].first == NONE && self.learn(set, content()) {
                    self.renumbered.note(set.0);
                }
                set
            }
            None => match self.add(fingerprint) {
                Some(set) => {
                    self.learn(set, content());
                    set
                }
                None => return SetId::DOUBT,
            },
        };
        if self.records[set.0].first != NONE {
            self.last = set;
            self.last_fingerprint = fingerprint;
        }
        set
    }

    /// Adds a set whose octets are unknown. `None` if all numbers are taken or the index has no room: then its routes are in
    /// doubt.
    fn add(&mut self, fingerprint: u64) -> Option<SetId> {
        let record = Record {
            fingerprint,
            routes: 0,
            first: NONE,
            attribute_octets: 0,
            label_octets: 0,
            two_octet_asns: false,
        };
        let (reused, hash) = (self.free, self.index.hash(fingerprint));
        let next = if reused == NONE {
            self.records.len()
        } else {
            reused as usize
        };
        if next >= SetId::DOUBT.0 as usize || !self.index.insert(hash, next as u32) {
            return None;
        }
        let number = if reused == NONE {
            self.records.push(record)
        } else {
            self.free = self.records[reused].first;
            self.records[reused] = record;
            self.renumbered.note(reused);
            reused
        };
        self.figures.sets += 1;
        self.figures.unknown_sets += 1;
        Some(SetId(number))
    }

    /// Stores the octets of a set, if they are known and there is room. Returns whether the store has them now.
    fn learn(&mut self, set: SetId, content: Option<Content<'_>>) -> bool {
        let Some(Content {
            attributes,
            labels,
            two_octet_asns,
        }) = content
        else {
            return false;
        };
        let octets = attributes.len() + labels.len();
        let (Ok(attribute_octets), Ok(label_octets)) =
            (u32::try_from(attributes.len()), u16::try_from(labels.len()))
        else {
            return false;
        };
        if self.pieces.used_bytes() + Pieces::bytes_for(octets) > self.most_bytes {
            self.figures.without_room += 1;
            return false;
        }
        let first = if labels.is_empty() {
            self.pieces.store(attributes)
        } else {
            self.joined.clear();
            self.joined.extend_from_slice(attributes);
            self.joined.extend_from_slice(labels);
            self.pieces.store(&self.joined)
        };
        let record = &mut self.records[set.0];
        record.first = first;
        record.attribute_octets = attribute_octets;
        record.label_octets = label_octets;
        record.two_octet_asns = two_octet_asns;
        self.figures.unknown_sets -= 1;
        self.figures.unknown_routes -= u64::from(record.routes);
        true
    }

    /// Counts routes that take a set.
    #[inline]
    pub(crate) fn gained(&mut self, set: SetId, routes: u32) {
        if let Some(record) = self.records.get_mut(set.0) {
            record.routes += routes;
            if record.first == NONE {
                self.figures.unknown_routes += u64::from(routes);
            }
        }
    }

    /// Counts a route that leaves a set, now or until the next [`Self::settle`]. The set goes with its last route.
    #[inline]
    pub(crate) fn leave(&mut self, set: SetId) {
        if let Some(record) = self.records.get(set.0) {
            prefetch(record);
        }
        let Leaving { sets, next } = &mut self.leaving;
        let oldest = std::mem::replace(&mut sets[*next], set);
        *next = (*next + 1) % LEAVING;
        let halfway = sets[(*next + LEAVING / 2) % LEAVING];
        self.prefetch_last_route(halfway);
        self.leave_now(oldest);
    }

    /// Fetches what [`Self::forget`] needs, if the set has its last route.
    #[inline]
    fn prefetch_last_route(&self, set: SetId) {
        if let Some(record) = self.records.get(set.0)
            && record.routes == 1
        {
            self.index.prefetch(self.index.hash(record.fingerprint));
            self.pieces.prefetch(record.first);
        }
    }

    /// Counts off the routes that have left their sets. After that, all counts are exact.
    pub fn settle(&mut self) {
        for place in 0..LEAVING {
            let set = std::mem::replace(&mut self.leaving.sets[place], SetId::DOUBT);
            self.leave_now(set);
        }
    }

    #[inline]
    fn leave_now(&mut self, set: SetId) {
        let Some(record) = self.records.get_mut(set.0) else {
            return;
        };
        debug_assert!(
            record.routes > 0,
            "a set has as many routes as entries that name it"
        );
        record.routes = record.routes.saturating_sub(1);
        if record.first == NONE {
            self.figures.unknown_routes = self.figures.unknown_routes.saturating_sub(1);
        }
        if record.routes == 0 {
            self.forget(set);
        }
    }

    /// Forgets a set that no route has taken.
    #[inline]
    pub fn forget_if_unused(&mut self, set: SetId) {
        if self.records.get(set.0).is_some_and(|record| record.routes == 0) {
            self.forget(set);
        }
    }

    fn forget(&mut self, set: SetId) {
        let record = self.records[set.0];
        self.index.remove(self.index.hash(record.fingerprint), set.0);
        if record.first == NONE {
            self.figures.unknown_sets -= 1;
        }
        self.pieces.release(record.first, record.octets());
        self.figures.sets -= 1;
        self.records[set.0].first = self.free;
        self.free = set.0;
        if self.last == set {
            self.last = SetId::DOUBT;
            self.last_fingerprint = DOUBT;
        }
    }

    /// How often the number of a set has come to mean another set, or a set that was known by its fingerprint only.
    #[must_use]
    pub const fn changed_numbers(&self) -> u64 {
        self.renumbered.changes()
    }

    /// The numbers of sets that mean something else since [`Self::changed_numbers`] was this; `None` if it is not known any more.
    /// What was kept of all other sets by their numbers is still valid.
    #[must_use]
    pub fn changed_since(&self, changed_numbers: u64) -> Option<impl Iterator<Item = usize> + '_> {
        let numbers = self.renumbered.since(changed_numbers)?;
        Some(numbers.map(|number| number as usize))
    }

    /// The fingerprint of a set; [`DOUBT`] for [`SetId::DOUBT`].
    #[must_use]
    pub fn fingerprint(&self, set: SetId) -> u64 {
        self.records.get(set.0).map_or(DOUBT, |record| record.fingerprint)
    }

    /// Number of routes that have a set. Exact after [`Self::settle`].
    #[must_use]
    pub fn routes(&self, set: SetId) -> u32 {
        self.records.get(set.0).map_or(0, |record| record.routes)
    }

    /// Writes the octets of a set to `buffer` and returns them; `None` if they are unknown.
    pub fn content<'b>(&self, set: SetId, buffer: &'b mut Vec<u8>) -> Option<Content<'b>> {
        let record = self.records.get(set.0)?;
        if record.first == NONE {
            return None;
        }
        buffer.clear();
        let attributes = record.attribute_octets as usize;
        self.pieces.read(record.first, record.octets(), buffer);
        let (attributes, labels) = buffer.split_at_checked(attributes)?;
        Some(Content {
            attributes,
            labels,
            two_octet_asns: record.two_octet_asns,
        })
    }

    /// Finds the set with this fingerprint.
    #[inline]
    #[must_use]
    pub fn find(&self, fingerprint: u64) -> Option<SetId> {
        let is_set = |number| self.records[number].fingerprint == fingerprint;
        self.index.find(self.index.hash(fingerprint), is_set).map(SetId)
    }

    /// Passes the set with this number to `visit`, with its fingerprint, if routes have it and its octets are known. Returns the next number, `None`
    /// behind the last one. A walk starts at 0, and misses no set that was there from its beginning to its end.
    pub fn visit(
        &self,
        number: usize,
        buffer: &mut Vec<u8>,
        visit: impl FnOnce(u64, Content<'_>),
    ) -> Option<usize> {
        if number >= self.records.len() {
            return None;
        }
        let set = SetId(number as u32);
        // A number that no set has is no set's record: it names the next free number in place of a piece.
        if let Some(record) = self.records.get(set.0).filter(|record| record.routes > 0)
            && let Some(content) = self.content(set, buffer)
        {
            visit(record.fingerprint, content);
        }
        (number + 1 < self.records.len()).then_some(number + 1)
    }

    /// What the store holds at present. Exact after [`Self::settle`].
    #[must_use]
    pub const fn figures(&self) -> SetFigures {
        SetFigures {
            octet_bytes: self.pieces.used_bytes() as u64,
            ..self.figures
        }
    }

    /// Number of bytes allocated for the sets.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.records.allocated_bytes()
            + self.pieces.allocated_bytes()
            + self.index.allocated_bytes()
            + self.remains.as_ref().map_or(0, Remains::allocated_bytes)
    }

    /// Whether [`Self::free_slice`] has something to do.
    #[must_use]
    pub const fn needs_free(&self) -> bool {
        self.remains.is_some() || (self.figures.sets == 0 && self.records.len() > 0)
    }

    /// Frees some of the memory of a store that lost its last set.
    pub fn free_slice(&mut self) {
        if let Some(remains) = &mut self.remains {
            if !remains.give_up() {
                self.remains = None;
            }
        } else if self.needs_free() {
            self.free = NONE;
            self.remains = Some(Remains {
                records: std::mem::replace(&mut self.records, Slab::new()),
                pieces: std::mem::replace(&mut self.pieces, Pieces::new()),
                index: std::mem::replace(&mut self.index, SetIndex::new()),
            });
        }
    }
}

/// The memory of a store that lost its last set.
struct Remains {
    records: Slab<Record>,
    pieces: Pieces,
    index: SetIndex,
}

impl Remains {
    const fn allocated_bytes(&self) -> usize {
        self.records.allocated_bytes() + self.pieces.allocated_bytes() + self.index.allocated_bytes()
    }

    /// Frees some of the memory. Returns whether there is more.
    fn give_up(&mut self) -> bool {
        self.pieces.give_up(CHUNKS_PER_STEP)
            || self.records.give_up(CHUNKS_PER_STEP)
            || self.index.give_up(SEGMENTS_PER_STEP)
    }
}

#[cfg(test)]
mod tests;
