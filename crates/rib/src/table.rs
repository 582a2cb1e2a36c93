//! A hash table of routes that never stops the worker: linear hashing over small elastic segments.
//!
//! * A route lives in the segment its hash names, found by arithmetic (no directory). When the average segment holds
//!   more than [`TARGET_PER_SEGMENT`] routes, one segment is split in two: growth costs at most one segment's move
//!   per insert, never a rehash of the whole.
//! * Within a segment: open addressing with linear probing and backward-shift removal, so there are no tombstones to
//!   decay. A segment's capacity follows its content in steps of a fifth, which keeps the load between 70 % and 85 %
//!   at every size of the table.
//! * Splitting only moves routes to a segment of a higher number. A sweep that walks the segments in order therefore
//!   sees every route that was there when it began and is still there.
//!
//! An entry is `fingerprint (8) ‖ epoch (3) ‖ key (N)` bytes, unpadded: 16 bytes for an IPv4 route.

/// Average number of routes of a segment above which one segment is split.
const TARGET_PER_SEGMENT: usize = 192;
/// Capacity of the smallest segment that holds anything.
const MINIMUM_CAPACITY: usize = 8;

/// The largest epoch an entry can carry.
pub const MAXIMUM_EPOCH: u32 = (1 << 24) - 1;

/// One route: all bytes, so that nothing is padded. Epoch 0 marks an empty place.
#[derive(Clone, Copy)]
struct Entry<const N: usize> {
    fingerprint: [u8; 8],
    epoch: [u8; 3],
    key: [u8; N],
}

impl<const N: usize> Entry<N> {
    const EMPTY: Self = Self {
        fingerprint: [0; 8],
        epoch: [0; 3],
        key: [0; N],
    };

    #[inline]
    fn new(key: [u8; N], value: Value) -> Self {
        let [a, b, c, _] = value.epoch.to_le_bytes();
        Self {
            fingerprint: value.fingerprint.to_le_bytes(),
            epoch: [a, b, c],
            key,
        }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.epoch == [0; 3]
    }

    #[inline]
    fn value(&self) -> Value {
        let [a, b, c] = self.epoch;
        Value {
            fingerprint: u64::from_le_bytes(self.fingerprint),
            epoch: u32::from_le_bytes([a, b, c, 0]),
        }
    }
}

/// What a table keeps of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// Fingerprint of the route's attributes.
    pub fingerprint: u64,
    /// The epoch in which the route was last announced: 1 to [`MAXIMUM_EPOCH`].
    pub epoch: u32,
}

/// A table of routes with keys of `N` bytes.
pub struct Table<const N: usize> {
    segments: Vec<Segment<N>>,
    length: usize,
}

struct Segment<const N: usize> {
    /// Either empty (no allocation) or at least [`MINIMUM_CAPACITY`] long with at least one place empty.
    places: Box<[Entry<N>]>,
    used: u32,
}

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            length: 0,
        }
    }
}

impl<const N: usize> Table<N> {
    /// How many routes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no route.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes allocated for the routes.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.segments.capacity() * size_of::<Segment<N>>()
            + self
                .segments
                .iter()
                .map(|s| s.places.len() * size_of::<Entry<N>>())
                .sum::<usize>()
    }

    /// What is kept of a route.
    #[must_use]
    pub fn get(&self, key: &[u8; N]) -> Option<Value> {
        let hash = hash(key);
        let segment = self.segments.get(self.segment_of(hash))?;
        let place = segment.find(hash, key).ok()?;
        Some(segment.places[place].value())
    }

    /// Stores a route and returns what was kept of it before.
    #[inline]
    pub fn insert(&mut self, key: &[u8; N], value: Value) -> Option<Value> {
        debug_assert!(
            value.epoch != 0 && value.epoch <= MAXIMUM_EPOCH,
            "epoch 0 marks an empty place"
        );
        if self.segments.is_empty() {
            self.segments.push(Segment::empty());
        }
        let hash = hash(key);
        let index = self.segment_of(hash);
        let segment = &mut self.segments[index];
        match segment.find(hash, key) {
            Ok(place) => {
                let before = segment.places[place].value();
                segment.places[place] = Entry::new(*key, value);
                Some(before)
            }
            Err(place) => {
                segment.add(place, Entry::new(*key, value));
                self.length += 1;
                if self.length > self.segments.len() * TARGET_PER_SEGMENT {
                    self.split_one();
                }
                None
            }
        }
    }

    /// Removes a route and returns what was kept of it.
    #[inline]
    pub fn remove(&mut self, key: &[u8; N]) -> Option<Value> {
        let hash = hash(key);
        let index = self.segment_of(hash);
        let segment = self.segments.get_mut(index)?;
        let place = segment.find(hash, key).ok()?;
        let value = segment.places[place].value();
        segment.remove_at(place);
        self.length -= 1;
        if self.length == 0 {
            self.segments = Vec::new();
        }
        Some(value)
    }

    /// Visits the routes of one segment; returns the cursor of the next one, `None` behind the last.
    ///
    /// A cursor is the number of a segment; a walk starts at 0.
    pub fn visit(&self, cursor: usize, mut visit: impl FnMut(&[u8; N], Value)) -> Option<usize> {
        let segment = self.segments.get(cursor)?;
        for entry in segment.entries() {
            visit(&entry.key, entry.value());
        }
        Some(cursor + 1)
    }

    /// Removes the routes of one segment for which `doomed` says so, and hands each to `gone`; returns the cursor of
    /// the next segment, `None` behind the last.
    pub fn sweep(
        &mut self,
        cursor: usize,
        mut doomed: impl FnMut(Value) -> bool,
        mut gone: impl FnMut(&[u8; N], Value),
    ) -> Option<usize> {
        let segment = self.segments.get_mut(cursor)?;
        let before = segment.used;
        if segment.entries().any(|entry| doomed(entry.value())) {
            let old = std::mem::replace(segment, Segment::empty());
            let survivors = old.entries().filter(|entry| !doomed(entry.value())).count();
            *segment = Segment::with_room_for(survivors);
            for entry in old.entries() {
                if doomed(entry.value()) {
                    gone(&entry.key, entry.value());
                } else {
                    segment.add_new(*entry);
                }
            }
        }
        self.length -= (before - segment.used) as usize;
        if self.length == 0 {
            self.segments = Vec::new();
            return None;
        }
        Some(cursor + 1)
    }

    /// The segment a hash belongs to: linear hashing over however many segments there are.
    #[inline]
    fn segment_of(&self, hash: u64) -> usize {
        let count = self.segments.len();
        if count <= 1 {
            return 0;
        }
        // `round` is the power of two at or above the count; segments not yet split in this round still hold
        // what belongs to their upper twin.
        let round = count.next_power_of_two();
        let index = (hash as usize) & (round - 1);
        if index < count { index } else { index - round / 2 }
    }

    /// Splits the next segment in turn: what belongs to the new last segment moves there.
    fn split_one(&mut self) {
        let new_index = self.segments.len();
        let source_index = new_index - ((new_index + 1).next_power_of_two() / 2);
        self.segments.push(Segment::empty());
        let source = std::mem::replace(&mut self.segments[source_index], Segment::empty());
        let moves = |entry: &Entry<N>| self.segment_of(hash(&entry.key)) == new_index;
        let moving = source.entries().filter(|entry| moves(entry)).count();
        let mut stay = Segment::with_room_for(source.used as usize - moving);
        let mut moved = Segment::with_room_for(moving);
        for entry in source.entries() {
            if moves(entry) {
                moved.add_new(*entry)
            } else {
                stay.add_new(*entry)
            }
        }
        self.segments[source_index] = stay;
        self.segments[new_index] = moved;
    }
}

impl<const N: usize> Segment<N> {
    /// A segment that holds nothing and allocates nothing.
    fn empty() -> Self {
        Self {
            places: Box::default(),
            used: 0,
        }
    }

    /// A segment whose load is 70 % with this many routes: it holds a fifth more before it has to grow again, so
    /// growing costs each route about five moves in all.
    fn with_room_for(routes: usize) -> Self {
        if routes == 0 {
            return Self::empty();
        }
        let capacity = (routes * 10 / 7 + 2).max(MINIMUM_CAPACITY);
        Self {
            places: vec![Entry::EMPTY; capacity].into_boxed_slice(),
            used: 0,
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<N>> {
        self.places.iter().filter(|entry| !entry.is_empty())
    }

    /// The place where probing for a hash starts.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.places.len() as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, place: usize) -> usize {
        if place + 1 == self.places.len() {
            0
        } else {
            place + 1
        }
    }

    /// The place of a key, or the empty place where it would go (0 in a segment without places).
    #[inline]
    fn find(&self, hash: u64, key: &[u8; N]) -> Result<usize, usize> {
        if self.places.is_empty() {
            return Err(0);
        }
        let mut place = self.home(hash);
        loop {
            let entry = &self.places[place];
            if entry.is_empty() {
                return Err(place);
            }
            if entry.key == *key {
                return Ok(place);
            }
            place = self.next(place);
        }
    }

    /// Puts a new entry at the empty `place` that [`Self::find`] gave, growing the segment first if it is full.
    #[inline]
    fn add(&mut self, place: usize, entry: Entry<N>) {
        // 85 %: past that an unsuccessful probe gets long (Knuth 6.4: 23 places at 85 %, 50 at 90 %).
        if (self.used as usize + 1) * 20 > self.places.len() * 17 {
            self.resize(self.used as usize + 1);
            self.add_new(entry);
        } else {
            self.places[place] = entry;
            self.used += 1;
        }
    }

    /// Puts an entry that is known to be absent into a segment that is known to have room: no key is compared.
    #[inline]
    fn add_new(&mut self, entry: Entry<N>) {
        let mut place = self.home(hash(&entry.key));
        while !self.places[place].is_empty() {
            place = self.next(place);
        }
        self.places[place] = entry;
        self.used += 1;
    }

    #[cold]
    fn resize(&mut self, routes: usize) {
        let mut resized = Self::with_room_for(routes);
        for entry in self.entries() {
            resized.add_new(*entry);
        }
        *self = resized;
    }

    /// Empties a place and shifts back what had probed past it.
    fn remove_at(&mut self, place: usize) {
        let capacity = self.places.len();
        let mut hole = place;
        let mut probe = self.next(place);
        while !self.places[probe].is_empty() {
            let home = self.home(hash(&self.places[probe].key));
            // The entry may move into the hole unless its home lies cyclically behind the hole.
            let distance_from_home = (probe + capacity - home) % capacity;
            let distance_from_hole = (probe + capacity - hole) % capacity;
            if distance_from_home >= distance_from_hole {
                self.places[hole] = self.places[probe];
                hole = probe;
            }
            probe = self.next(probe);
        }
        self.places[hole] = Entry::EMPTY;
        self.used -= 1;
        if capacity > MINIMUM_CAPACITY && (self.used as usize) * 2 < capacity {
            self.resize(self.used as usize);
        }
    }
}

/// Mixes all bytes of a key; the low bits choose the segment, the high bits the place in it.
#[inline]
fn hash<const N: usize>(key: &[u8; N]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = N as u64;
    let mut chunks = key.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    fold(state ^ MULTIPLIER, 0xd6e8_feb8_6659_fd93)
}

/// High and low half of the 128-bit product, folded.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}
