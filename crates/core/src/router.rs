//! A router: its peers, its sequence numbers, and the subjects of its messages.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use arancini_schema::subject;
use arancini_wire::bmp::{PER_PEER_HEADER_LEN, PeerIdentity, PerPeerHeader};
use arancini_wire::iana::AfiSafi;

use crate::batch::BatchKind;
use crate::batcher::{Batcher, RouterBatches, SubjectId};
use crate::peer::{Peer, PeerIndex, PeerState};
use crate::session::SessionId;
use crate::table::{PeerTable, TableIndex};
use crate::table_key::TableKey;

/// Most identities of a peer besides its present one: one for each of its tables, and some earlier ones.
const MOST_OTHER_IDENTITIES: usize = 272;

/// Where a router is in the life of its session. The module `life` has the transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouterLife {
    /// A session is open.
    Up {
        /// The session.
        session: SessionId,
    },
    /// The session ended. The routes are kept until the hold time is over.
    Lost {
        /// When the session ended, in monotonic nanoseconds.
        since_ns: u64,
    },
    /// The router did not come back. Its routes are being withdrawn.
    Leaving,
}

/// A router and everything that is known of it. One worker owns it.
pub struct Router {
    /// Its address, which identifies it.
    pub id: IpAddr,
    /// Whether it has a session.
    pub life: RouterLife,
    /// Its sysName (RFC 7854 §4.4); empty while unknown.
    pub sys_name: String,
    /// Its sysDescr (RFC 7854 §4.4); empty while unknown.
    pub sys_descr: String,
    /// The port that it last connected from.
    pub port: u16,
    /// Its peers. No place is removed while the router is known, so a [`PeerIndex`] stays valid. A peer that is gone may
    /// give its place to another.
    pub peers: Vec<Peer>,
    /// BMP messages received from the router.
    pub messages: u64,
    /// Messages of the router that could not be read.
    pub malformed: u64,
    /// The address in 16 bytes, IPv4 mapped.
    pub(crate) address: [u8; 16],
    /// Last sequence number given out. It begins at the wall clock in nanoseconds, so that a restarted collector goes on above
    /// it without having to remember anything (`docs/adr/0009-sequence-from-the-wall-clock.md`).
    pub(crate) sequence: u64,
    /// Peers of which nothing was left when they were listed. They may have come back since.
    gone: Vec<PeerIndex>,
    /// The identities of the peers: present ones, some earlier ones, and those in the keys of tables.
    lookup: HashMap<PeerIdentity, PeerIndex>,
    /// The last per-peer header, and its peer below.
    last_header: [u8; PER_PEER_HEADER_LEN],
    last_peer: Option<PeerIndex>,
    subjects: BTreeMap<SubjectKey, SubjectId>,
    /// Its open batches; set as soon as it has subjects.
    batches: Option<RouterBatches>,
    /// Set while it is not known what consumers hold of the router. Its dump is published between resync-begin and resync-end.
    pub(crate) resync: Option<Resync>,
    /// How many stale routes the router had announced again at the last check.
    repeated: u64,
    /// When something of a dump last came; see [`Router::last_dumped_ns`].
    dumped_ns: u64,
}

/// The place of a table within its router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TablePlace {
    pub peer: PeerIndex,
    pub table: TableIndex,
}

/// A resync that is due or under way (`docs/operating.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Resync {
    /// Most routes that the router held since the resync began, and since when it did not hold more. The dump is over when that
    /// was long enough ago.
    most_routes: usize,
    most_since_ns: u64,
}

/// What tells a subject from the others of its router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubjectKey {
    Updates(u32, AfiSafi),
    Peers(u32),
    Statistics(u32),
    Routers,
    Malformed,
}

impl SubjectKey {
    const fn kind(self) -> BatchKind {
        match self {
            Self::Updates(..) => BatchKind::Updates,
            Self::Peers(_) => BatchKind::Peers,
            Self::Statistics(_) => BatchKind::Statistics,
            Self::Routers => BatchKind::Routers,
            Self::Malformed => BatchKind::Malformed,
        }
    }

    fn name(self, base: &str, router: IpAddr) -> String {
        match self {
            Self::Updates(asn, family) => subject::updates_subject(base, router, asn, family),
            Self::Peers(asn) => subject::peers_subject(base, router, asn),
            Self::Statistics(asn) => subject::statistics_subject(base, router, asn),
            Self::Routers => subject::routers_subject(base, router),
            Self::Malformed => subject::malformed_subject(base, router),
        }
    }
}

/// Whether two per-peer headers name the same peer and view: whether their 34 bytes before the timestamp are equal.
///
/// They are compared in words, the last two of which overlap. A comparison of slices would be a call for each message.
#[inline]
fn name_the_same(one: &[u8; PER_PEER_HEADER_LEN], other: &[u8; PER_PEER_HEADER_LEN]) -> bool {
    let word = |bytes: &[u8; PER_PEER_HEADER_LEN], at: usize| {
        bytes[at..]
            .first_chunk()
            .map_or(0, |word| u64::from_ne_bytes(*word))
    };
    let difference = |at| word(one, at) ^ word(other, at);
    difference(0) | difference(8) | difference(16) | difference(24) | difference(26) == 0
}

impl Router {
    /// A router without a session.
    pub(crate) fn new(id: IpAddr, sequence: u64) -> Self {
        let address = match id {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        Self {
            id,
            life: RouterLife::Lost { since_ns: 0 },
            sys_name: String::new(),
            sys_descr: String::new(),
            port: 0,
            peers: Vec::new(),
            messages: 0,
            malformed: 0,
            address,
            sequence,
            gone: Vec::new(),
            lookup: HashMap::new(),
            last_header: [0; PER_PEER_HEADER_LEN],
            last_peer: None,
            subjects: BTreeMap::new(),
            batches: None,
            resync: None,
            repeated: 0,
            dumped_ns: 0,
        }
    }

    /// Its open session, if there is one.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self.life {
            RouterLife::Up { session } => Some(session),
            RouterLife::Lost { .. } | RouterLife::Leaving => None,
        }
    }

    /// Routes held of all its peers.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.peers.iter().map(Peer::routes).sum()
    }

    /// The last sequence number that the router was given.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When something of a dump last came, in monotonic nanoseconds: a stale route again, or more routes of a table than it
    /// held before, or a Peer Up. The precision is that of the calls.
    pub(crate) fn last_dumped_ns(&mut self, now_ns: u64) -> u64 {
        let mut repeated = 0;
        let mut grew = false;
        for table in self.peers.iter_mut().flat_map(|peer| &mut peer.tables) {
            repeated += table.refreshed();
            grew |= table.grew();
        }
        if self.repeated != repeated || grew {
            self.repeated = repeated;
            self.dumped_ns = now_ns;
        }
        self.dumped_ns
    }

    /// Notes that a dump begins: the quiet period of the router's tables starts anew.
    pub(crate) const fn begin_dump(&mut self, now_ns: u64) {
        self.dumped_ns = now_ns;
    }

    /// Notes that it is not known what consumers hold of the router: its next dump is a resync.
    pub(crate) fn need_resync(&mut self) {
        self.resync = Some(Resync::default());
    }

    /// Forgets all routes without publishing withdraws; the next dump is a resync.
    pub(crate) fn forget_routes(&mut self) {
        let tables = self.peers.iter_mut().flat_map(|peer| &mut peer.tables);
        tables.for_each(PeerTable::forget_routes);
        self.need_resync();
    }

    /// Begins the dump of a resync.
    pub(crate) fn begin_resync(&mut self, now_ns: u64) {
        self.resync = Some(Resync {
            most_routes: 0,
            most_since_ns: now_ns,
        });
    }

    /// Whether a resync is over: the router was received from for `quiet_ns`, and has not come to hold more routes since.
    pub(crate) fn resync_is_over(&mut self, now_ns: u64, quiet_ns: u64, paused_ns: u64) -> bool {
        let routes = self.routes();
        let Some(resync) = &mut self.resync else {
            return false;
        };
        if routes > resync.most_routes {
            *resync = Resync {
                most_routes: routes,
                most_since_ns: now_ns,
            };
        }
        now_ns.saturating_sub(resync.most_since_ns.max(paused_ns)) >= quiet_ns
    }

    #[inline]
    pub(crate) const fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The subject of this key, registered with the batcher at its first use.
    pub(crate) fn subject(&mut self, key: SubjectKey, base: &str, batcher: &mut Batcher) -> SubjectId {
        let id = self.id;
        let batches = *self.batches.get_or_insert_with(|| batcher.register_router());
        *self
            .subjects
            .entry(key)
            .or_insert_with(|| batcher.register(key.kind(), key.name(base, id).into(), id, batches))
    }

    /// Closes all open batches of the router, so that the next message comes after them.
    pub(crate) fn close_batches(&self, batcher: &mut Batcher) {
        if let Some(batches) = self.batches {
            batcher.close_router(batches);
        }
    }

    /// Gives all subjects back to the batcher.
    pub(crate) fn release_subjects(&mut self, batcher: &mut Batcher) {
        for subject in std::mem::take(&mut self.subjects).into_values() {
            batcher.release(subject);
        }
        if let Some(batches) = self.batches.take() {
            batcher.release_router(batches);
        }
    }

    /// The peer that a header names, if it is known. Messages of one peer come in long runs, so the last peer is remembered by
    /// the bytes of its header.
    #[inline]
    pub(crate) fn find_peer(&mut self, header: &PerPeerHeader<'_>) -> Option<PeerIndex> {
        if self.last_peer.is_some() && name_the_same(&self.last_header, header.as_bytes()) {
            return self.last_peer;
        }
        self.find_other_peer(header)
    }

    /// Finds the peer of a header that is not about the peer of the last message.
    #[inline(never)]
    fn find_other_peer(&mut self, header: &PerPeerHeader<'_>) -> Option<PeerIndex> {
        let found = self.lookup_peer(&header.identity());
        if let Some(peer) = found {
            self.last_header = *header.as_bytes();
            self.last_peer = found;
            self.peers[peer].hear(header);
        }
        found
    }

    fn lookup_peer(&self, identity: &PeerIdentity) -> Option<PeerIndex> {
        if let Some(&index) = self.lookup.get(identity) {
            return Some(index);
        }
        // Some messages come with a BGP identifier of zero, before or after messages with the true one. A zero stands for the
        // only peer that agrees in everything else. Peers that are down count only if no other peer agrees: the peer may have
        // been down under an earlier identifier.
        let agrees = |peer: &Peer| {
            let known = &peer.identity;
            (known.bgp_id == 0 || identity.bgp_id == 0)
                && PeerIdentity {
                    bgp_id: identity.bgp_id,
                    ..*known
                } == *identity
        };
        let mut only_down = None;
        let mut only_up = None;
        let (mut down, mut up) = (0, 0);
        for (index, peer) in self.peers.iter().enumerate().filter(|(_, peer)| agrees(peer)) {
            if peer.state == PeerState::Down {
                only_down = Some(PeerIndex(index));
                down += 1;
            } else {
                only_up = Some(PeerIndex(index));
                up += 1;
            }
        }
        match (up, down) {
            (1, _) => only_up,
            (0, 1) => only_down,
            _ => None,
        }
    }

    /// The table at this place.
    pub(crate) fn table(&self, place: TablePlace) -> &PeerTable {
        &self.peers[place.peer].tables[place.table]
    }

    /// Finds the table with this key. Every identity that a peer ever had leads to the peer.
    pub(crate) fn find_table(&self, key: &TableKey) -> Option<TablePlace> {
        let &peer = self.lookup.get(&key.peer)?;
        let table = self.peers[peer].find_table(key)?;
        Some(TablePlace { peer, table })
    }

    /// Remembers that an identity leads to a peer besides its present one. Beyond a limit, the oldest is forgotten.
    fn keep_identity(&mut self, index: PeerIndex, identity: PeerIdentity) {
        let peer = &mut self.peers[index];
        if peer.identity == identity || peer.other_identities.contains(&identity) {
            return;
        }
        peer.other_identities.push(identity);
        if peer.other_identities.len() > MOST_OTHER_IDENTITIES {
            let oldest = peer.other_identities.remove(0);
            if oldest != peer.identity {
                self.forget_identity(index, &oldest);
            }
        }
    }

    fn forget_identity(&mut self, index: PeerIndex, identity: &PeerIdentity) {
        if self.lookup.get(identity) == Some(&index) {
            self.lookup.remove(identity);
        }
    }

    /// Lists a peer of which nothing is left. If the router has as many peers as it may have, another peer gets its place.
    pub(crate) fn note_gone(&mut self, index: PeerIndex) {
        let peer = &mut self.peers[index];
        if !peer.listed_as_gone && peer.is_gone() {
            peer.listed_as_gone = true;
            self.gone.push(index);
        }
    }

    /// Lists every peer of which nothing is left.
    pub(crate) fn note_all_gone(&mut self) {
        for index in 0..self.peers.len() {
            self.note_gone(PeerIndex(index));
        }
    }

    /// Forgets a peer that is gone, and gives its place to a new peer. `None` if no peer is gone.
    pub(crate) fn replace_gone_peer(&mut self, identity: PeerIdentity, asn: u32) -> Option<PeerIndex> {
        while let Some(index) = self.gone.pop() {
            self.peers[index].listed_as_gone = false;
            if !self.peers[index].is_gone() {
                continue;
            }
            let gone = std::mem::replace(&mut self.peers[index], Peer::new(identity, asn));
            for known in gone.other_identities.iter().chain([&gone.identity]) {
                self.forget_identity(index, known);
            }
            self.lookup.insert(identity, index);
            self.last_peer = None;
            return Some(index);
        }
        None
    }

    /// Whether there is a table at this place. Another peer may have got the place.
    pub(crate) fn has_table(&self, place: TablePlace) -> bool {
        let peer = self.peers.get(place.peer.0);
        peer.is_some_and(|peer| place.table.0 < peer.tables.len())
    }

    /// Adds a peer.
    pub(crate) fn add_peer(&mut self, identity: PeerIdentity, asn: u32) -> PeerIndex {
        self.peers.push(Peer::new(identity, asn));
        let index = PeerIndex(self.peers.len() - 1);
        self.lookup.insert(identity, index);
        self.last_peer = None;
        index
    }

    /// The peer that a table with this key belongs to, added if it is not there. The Peer Up of a peer may have a BGP identifier
    /// of zero, while the tables have the true one.
    pub(crate) fn peer_of_table(&mut self, key: &TableKey) -> PeerIndex {
        match self.lookup_peer(&key.peer) {
            Some(index) => {
                self.note_identity(index, key.peer);
                index
            }
            None => self.add_peer(key.peer, key.peer_asn),
        }
    }

    /// The peer of exactly this identity, added if it is not there.
    pub(crate) fn known_peer(&mut self, identity: PeerIdentity, asn: u32) -> PeerIndex {
        match self.lookup.get(&identity) {
            Some(&index) => index,
            None => self.add_peer(identity, asn),
        }
    }

    /// Registers the subject of every table with the batcher of a new shard.
    pub(crate) fn register_tables(&mut self, base: &str, batcher: &mut Batcher) {
        for peer in 0..self.peers.len() {
            for table in 0..self.peers[peer].tables.len() {
                let TableKey { peer_asn, family, .. } = self.peers[peer].tables[table].key;
                let subject = self.subject(SubjectKey::Updates(peer_asn, family), base, batcher);
                self.peers[peer].tables[table].subject = subject;
            }
        }
    }

    /// Notes that a table of the peer has this identity in its key, so that the table is found by its key.
    pub(crate) fn note_identity(&mut self, index: PeerIndex, identity: PeerIdentity) {
        if *self.lookup.entry(identity).or_insert(index) == index {
            self.keep_identity(index, identity);
        }
    }

    /// Gives a peer this identity. The peer is still found by its earlier ones.
    pub(crate) fn identify_peer(&mut self, index: PeerIndex, identity: PeerIdentity) {
        let before = std::mem::replace(&mut self.peers[index].identity, identity);
        self.lookup.insert(identity, index);
        self.keep_identity(index, before);
        self.last_peer = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batcher::BatchSettings;

    #[test]
    fn a_barrier_costs_what_is_open_and_not_what_ever_was() {
        let mut batcher = Batcher::new(0, BatchSettings::default());
        let mut router = Router::new(IpAddr::from([192, 0, 2, 1]), 0);
        let subjects: Vec<SubjectId> = (0..10_000)
            .map(|asn| router.subject(SubjectKey::Peers(asn), "base", &mut batcher))
            .collect();
        for barrier in 0..100 {
            for &subject in &subjects[barrier..barrier + 3] {
                batcher.append(subject, router.next_sequence(), 0, |out| out.push(0));
            }
            router.close_batches(&mut batcher);
        }
        assert_eq!(std::iter::from_fn(|| batcher.pop()).count(), 300);
        assert!(
            batcher.visited <= 300,
            "{} subjects were visited for 300 open batches",
            batcher.visited
        );
        router.release_subjects(&mut batcher);
    }
}
