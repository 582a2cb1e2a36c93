//! A router: its peers, its sequence numbers, and the subjects of its messages.

use std::net::IpAddr;
use std::sync::Arc;

use arancini_rib::AttributeSets;
use arancini_wire::bmp::{PER_PEER_HEADER_LEN, PeerIdentity, PerPeerHeader};

use crate::batcher::{Batcher, SubjectId};
use crate::changes::{Changes, PeerChange, RouterChange};
use crate::coverage::Coverage;
use crate::identities::Identities;
use crate::names::Naming;
use crate::peer::{Peer, PeerIndex, PeerState};
use crate::repeat_place::Repeat;
use crate::route_attributes::RouteAttributes;
use crate::session::SessionId;
use crate::shown_tables::ShownTables;
use crate::subjects::{SubjectKey, Subjects};
use crate::table::{PeerTable, TableIndex};
use crate::table_key::TableKey;
use crate::table_limits::{MAX_TABLES_PER_PEER, make_room};
use crate::time::Now;

/// Most identities of a peer besides its present one: one for each of its tables, and some earlier ones.
const MOST_OTHER_IDENTITIES: usize = MAX_TABLES_PER_PEER + 16;

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
    /// The sysName that identified it when it opened its session; `None` if its address did.
    pub(crate) identified_by: Option<Box<str>>,
    /// What the settings say about it.
    pub naming: Arc<Naming>,
    /// The port that it last connected from.
    pub port: u16,
    /// Its peers. No place is removed while the router is known, so a [`PeerIndex`] stays valid. A peer that is gone may
    /// give its place to another.
    pub peers: Vec<Peer>,
    /// BMP messages received from the router.
    pub messages: u64,
    /// When its last message came, in Unix nanoseconds; `None` if none has come since the start.
    pub last_message_unix_ns: Option<u64>,
    /// Messages of the router that could not be read.
    pub malformed: u64,
    /// The last changes of its session.
    pub changes: Changes<RouterChange>,
    /// The address in 16 bytes, IPv4 mapped.
    pub(crate) address: [u8; 16],
    /// Last sequence number given out. It begins at the wall clock in nanoseconds, so that a restarted collector goes on above
    /// it without having to remember anything (`docs/adr/0009-sequence-from-the-wall-clock.md`).
    pub(crate) sequence: u64,
    /// Peers of which nothing was left when they were listed. They may have come back since.
    gone: Vec<PeerIndex>,
    /// The identities that lead to the peers.
    identities: Identities,
    /// The last per-peer header, and its peer below.
    last_header: [u8; PER_PEER_HEADER_LEN],
    last_peer: Option<PeerIndex>,
    /// The subjects of its messages.
    subjects: Subjects,
    /// Rises with each change of its peers, of the identities that lead to them, and of their tables.
    revision: u64,
    /// The views and families that it monitors, as far as its peers have shown them.
    pub(crate) shown: ShownTables,
    /// Set while it is not known what consumers hold of the router. Its dump is published between resync-begin and resync-end.
    pub(crate) resync: Option<Resync>,
    /// Whether its tables hold all that consumers may hold of it.
    pub(crate) coverage: Coverage,
    /// Updates of the router were thrown away since it last lost a session: their routes are in doubt, and have no attributes to be
    /// published again ([`crate::dropped`]).
    pub(crate) in_doubt: bool,
    /// How far its tables have been published again, while they are.
    pub(crate) repeat: Option<Repeat>,
    /// The attribute sets of the snapshots that the router was restored from, until a shard adopts it.
    pub(crate) restored_sets: Option<Arc<AttributeSets>>,
    /// How many stale routes the router had announced again at the last check.
    repeated: u64,
    /// When something of a dump last came, in monotonic nanoseconds: a stale route again, or more routes of a table than it held
    /// before, or a Peer Up. The precision is that of the checks.
    dumped_ns: u64,
    /// Calls of [`Router::is_empty`].
    #[cfg(test)]
    pub(crate) emptiness_looks: std::cell::Cell<usize>,
}

/// The place of a table within its router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TablePlace {
    pub peer: PeerIndex,
    pub table: TableIndex,
}

/// Sums over the tables of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Measured {
    /// Routes held.
    pub routes: usize,
    /// Stale routes that the router has ever announced again.
    pub repeated: u64,
}

/// Quiet periods after which a resync ends although dumps of single peers go on. What they announce is published in any case.
const MOST_QUIET_PERIODS: u64 = 10;

/// A resync that is due or under way (`docs/operating.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Resync {
    /// Whether its dump has begun. Until then it waits for the router to connect again.
    has_begun: bool,
    /// Most routes that the router held since the resync began, and since when it did not hold more. The dump is over when that
    /// was long enough ago.
    most_routes: usize,
    most_since_ns: u64,
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
            identified_by: None,
            naming: Arc::default(),
            port: 0,
            peers: Vec::new(),
            messages: 0,
            last_message_unix_ns: None,
            malformed: 0,
            changes: Changes::default(),
            address,
            sequence,
            gone: Vec::new(),
            identities: Identities::default(),
            last_header: [0; PER_PEER_HEADER_LEN],
            last_peer: None,
            subjects: Subjects::new(),
            revision: 0,
            shown: ShownTables::default(),
            resync: None,
            coverage: Coverage::Whole,
            in_doubt: false,
            repeat: None,
            restored_sets: None,
            repeated: 0,
            dumped_ns: 0,
            #[cfg(test)]
            emptiness_looks: std::cell::Cell::new(0),
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

    /// Whether any of its peers holds a route.
    pub(crate) fn has_routes(&self) -> bool {
        self.peers.iter().any(|peer| peer.routes() > 0)
    }

    /// Whether its tables hold no routes and no memory of former routes that the sweep has to free.
    pub(crate) fn is_empty(&self) -> bool {
        #[cfg(test)]
        self.emptiness_looks.set(self.emptiness_looks.get() + 1);
        let mut tables = self.peers.iter().flat_map(|peer| &peer.tables);
        tables.all(PeerTable::is_unused)
    }

    /// The last sequence number that the router was given.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// A number that rises with each change of its peers, of the identities that lead to them, and of their tables. What was
    /// looked up at a revision holds as long as the revision is the same.
    #[inline]
    pub(crate) const fn revision(&self) -> u64 {
        self.revision
    }

    /// Notes that a table was added to a peer, maybe in the place of another one.
    pub(crate) fn note_new_table(&mut self, key: &TableKey) {
        self.revision += 1;
        self.shown.note(key.view, key.family);
    }

    /// Adds up what the tables of a peer hold. Notes it if something of their dumps came since the last call.
    pub(crate) fn measure(&mut self, peer: PeerIndex, measured: &mut Measured, now_ns: u64) {
        for table in &mut self.peers[peer].tables {
            measured.routes += table.routes();
            measured.repeated += table.refreshed();
            if table.grew() {
                self.dumped_ns = now_ns;
            }
        }
    }

    /// Takes the sums over all peers; returns when something of a dump last came, in monotonic nanoseconds.
    pub(crate) const fn last_dumped_ns(&mut self, measured: &Measured, now_ns: u64) -> u64 {
        if self.repeated != measured.repeated {
            self.repeated = measured.repeated;
            self.dumped_ns = now_ns;
        }
        self.dumped_ns
    }

    /// The attributes of a route whose fingerprint this is, if a snapshot told them. Only for a router that no shard has adopted.
    #[must_use]
    pub fn restored_attributes(&self, fingerprint: u64) -> Option<RouteAttributes> {
        let sets = self.restored_sets.as_deref()?;
        RouteAttributes::of_set(sets, sets.find(fingerprint)?)
    }

    /// Notes that a dump begins: the quiet period of the router's tables starts anew.
    pub(crate) const fn begin_dump(&mut self, now_ns: u64) {
        self.dumped_ns = now_ns;
    }

    /// Whether it is not known what consumers hold of the router: a resync is due or under way.
    #[must_use]
    pub const fn needs_resync(&self) -> bool {
        self.resync.is_some()
    }

    /// Notes that consumers may hold routes of the router that its tables do not hold: its next dump is a resync. The routes that it
    /// held stay in its tables: consumers may hold them too, so the resync has to withdraw those that the dump does not have.
    pub(crate) fn need_resync(&mut self) {
        self.coverage = Coverage::Partial;
        self.need_dump();
    }

    /// Notes that it is not known which routes of its tables consumers hold: its next dump is a resync.
    pub(crate) fn need_dump(&mut self) {
        self.resync = Some(Resync::default());
        self.in_doubt = false;
        // The dump publishes all routes.
        self.repeat = None;
    }

    /// Whether consumers that apply updates alone hold what the tables hold, once the resync is over: the tables hold every route that
    /// consumers may hold, and no update of the resync was thrown away.
    pub(crate) const fn withdraws_all(&self) -> bool {
        self.coverage.is_whole() && !self.in_doubt
    }

    /// Notes that a resync of all its tables is over: consumers hold what the tables hold.
    pub(crate) const fn end_resync(&mut self) {
        self.resync = None;
        self.coverage = Coverage::Whole;
    }

    /// The tables of all peers.
    pub(crate) fn tables_mut(&mut self) -> impl Iterator<Item = &mut PeerTable> {
        self.peers.iter_mut().flat_map(|peer| &mut peer.tables)
    }

    /// Begins the dump of a resync: all routes are in doubt.
    pub(crate) fn begin_resync(&mut self, now_ns: u64) {
        self.need_dump();
        for table in self.tables_mut() {
            table.doubt_routes(now_ns);
        }
        self.resync = Some(Resync {
            has_begun: true,
            most_routes: 0,
            most_since_ns: now_ns,
        });
    }

    /// Whether the dump of a resync is over: nothing of a dump has come for `quiet_ns`, during which the router was not paused, and
    /// the router has not come to hold more than these routes. Something of a dump last came at `heard_ns`, and the last pause was
    /// at `paused_ns`. Peers that flap without end do not hold it up for ever ([`MOST_QUIET_PERIODS`]).
    pub(crate) fn resync_is_over(
        &mut self,
        routes: usize,
        now_ns: u64,
        quiet_ns: u64,
        heard_ns: u64,
        paused_ns: u64,
    ) -> bool {
        let Some(mut resync) = self.resync else {
            return false;
        };
        if routes > resync.most_routes {
            resync.most_routes = routes;
            resync.most_since_ns = now_ns;
            self.resync = Some(resync);
        }
        if !resync.has_begun {
            return false;
        }
        let passed = |since_ns: u64| now_ns.saturating_sub(resync.most_since_ns.max(since_ns));
        passed(heard_ns) >= quiet_ns || passed(paused_ns) >= MOST_QUIET_PERIODS.saturating_mul(quiet_ns)
    }

    #[inline]
    pub(crate) const fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The subject of this key, registered with the batcher at its first use.
    pub(crate) fn subject(&mut self, key: SubjectKey, base: &str, batcher: &mut Batcher) -> SubjectId {
        if self.subjects.is_one_too_many(key) {
            self.subjects.release_unneeded(&self.peers, batcher);
        }
        self.subjects.get(key, self.id, base, batcher)
    }

    /// Closes all open batches of the router, so that the next message comes after them.
    pub(crate) fn close_batches(&self, batcher: &mut Batcher) {
        self.subjects.close_batches(batcher);
    }

    /// Gives all subjects back to the batcher.
    pub(crate) fn release_subjects(&mut self, batcher: &mut Batcher) {
        self.subjects.release_all(batcher);
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
        let found = self.identities.find(&header.identity());
        if let Some(peer) = found {
            self.last_header = *header.as_bytes();
            self.last_peer = found;
            self.peers[peer].hear(header);
        }
        found
    }

    /// Notes whether a peer is up. The look-up by identity depends on the states of the peers, so only this function and
    /// [`Self::take_peers_down`] change them.
    pub(crate) fn set_state(&mut self, index: PeerIndex, state: PeerState) {
        self.revision += 1;
        let peer = &mut self.peers[index];
        self.identities
            .change_state(index, &peer.identity, peer.state, state);
        peer.state = state;
    }

    /// Notes that all peers are down and all routes stale, because the session was lost. Lists the peers of which nothing is
    /// left. Looks at each peer once, because a router can have ten thousand.
    pub(crate) fn take_peers_down(&mut self, now: Now) {
        self.revision += 1;
        // The next dump has all routes, and publishes those in doubt.
        self.in_doubt = false;
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            if peer.state != PeerState::Down {
                peer.changes.push(now.unix_ns, PeerChange::SessionLost);
            }
            peer.state = PeerState::Down;
            peer.other_asns.clear();
            for table in &mut peer.tables {
                table.mark_stale(now.monotonic_ns);
            }
            self.note_gone(PeerIndex(index));
        }
        self.identities.all_down();
    }

    /// Notes that a peer comes up.
    pub(crate) fn bring_up(&mut self, index: PeerIndex, state: PeerState) {
        self.revision += 1;
        make_room(&mut self.peers[index]);
        self.set_state(index, state);
    }

    /// The table at this place.
    pub(crate) fn table(&self, place: TablePlace) -> &PeerTable {
        &self.peers[place.peer].tables[place.table]
    }

    /// Finds the table with this key. Every identity that a peer ever had leads to the peer.
    pub(crate) fn find_table(&self, key: &TableKey) -> Option<TablePlace> {
        let peer = self.identities.find_exact(&key.peer)?;
        let table = self.peers[peer].find_table(key)?;
        Some(TablePlace { peer, table })
    }

    /// Remembers that an identity leads to a peer besides its present one. Beyond a limit, the oldest one that is in the key of
    /// no table is forgotten.
    fn keep_identity(&mut self, index: PeerIndex, identity: PeerIdentity) {
        self.revision += 1;
        let peer = &mut self.peers[index];
        if peer.identity == identity || peer.other_identities.contains(&identity) {
            return;
        }
        peer.other_identities.push(identity);
        if peer.other_identities.len() > MOST_OTHER_IDENTITIES
            && let Some(forgotten) = peer
                .other_identities
                .iter()
                .position(|other| !peer.has_tables_of(other))
        {
            let forgotten = peer.other_identities.remove(forgotten);
            if forgotten != peer.identity {
                self.identities.forget(index, &forgotten);
            }
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

    /// Forgets a peer that is gone, and gives its place to a new peer. `None` if no peer is gone.
    pub(crate) fn replace_gone_peer(&mut self, identity: PeerIdentity, asn: u32) -> Option<PeerIndex> {
        while let Some(index) = self.gone.pop() {
            self.peers[index].listed_as_gone = false;
            if !self.peers[index].is_gone() {
                continue;
            }
            let gone = std::mem::replace(&mut self.peers[index], Peer::new(identity, asn));
            self.identities.remove(index, &gone.identity, gone.state);
            for known in gone.other_identities.iter().chain([&gone.identity]) {
                self.identities.forget(index, known);
            }
            self.identities.add(index, &identity, PeerState::Down);
            self.last_peer = None;
            self.revision += 1;
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
        self.revision += 1;
        self.peers.push(Peer::new(identity, asn));
        let index = PeerIndex(self.peers.len() - 1);
        self.identities.add(index, &identity, PeerState::Down);
        self.last_peer = None;
        index
    }

    /// The peer that this identity leads to, added if it is not there. The Peer Up of a peer may have a BGP identifier of zero,
    /// while the tables have the true one.
    pub(crate) fn peer_of_identity(&mut self, identity: PeerIdentity, asn: u32) -> PeerIndex {
        match self.identities.find(&identity) {
            Some(index) => {
                self.note_identity(index, identity);
                index
            }
            None => self.add_peer(identity, asn),
        }
    }

    /// The peer of exactly this identity, added if it is not there.
    pub(crate) fn known_peer(&mut self, identity: PeerIdentity, asn: u32) -> PeerIndex {
        match self.identities.find_exact(&identity) {
            Some(index) => index,
            None => self.add_peer(identity, asn),
        }
    }

    /// Registers the subject of every table with the batcher of a new shard.
    pub(crate) fn register_tables(&mut self, base: &str, batcher: &mut Batcher) {
        for peer in 0..self.peers.len() {
            for table in 0..self.peers[peer].tables.len() {
                let key = self.peers[peer].tables[table].key;
                self.shown.note(key.view, key.family);
                let subject = self.subject(SubjectKey::Updates(key.peer_asn, key.family), base, batcher);
                self.peers[peer].tables[table].subject = subject;
            }
        }
    }

    /// Notes that a table of the peer has this identity in its key, so that the table is found by its key.
    pub(crate) fn note_identity(&mut self, index: PeerIndex, identity: PeerIdentity) {
        self.revision += 1;
        if self.identities.note(index, &identity) {
            self.keep_identity(index, identity);
        }
    }

    /// Gives a peer this identity. The peer is still found by its earlier ones.
    pub(crate) fn identify_peer(&mut self, index: PeerIndex, identity: PeerIdentity) {
        self.revision += 1;
        let peer = &mut self.peers[index];
        let before = std::mem::replace(&mut peer.identity, identity);
        self.identities.remove(index, &before, peer.state);
        self.identities.add(index, &identity, peer.state);
        self.keep_identity(index, before);
        self.last_peer = None;
    }
}

#[cfg(test)]
mod tests;
