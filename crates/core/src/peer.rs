//! A peer of a router, the names of its tables, and what its Peer Up negotiated.

use std::net::IpAddr;
use std::ops::{Index, IndexMut};

use arancini_wire::bgp::{Capability, Negotiated, Open};
use arancini_wire::bmp::{PeerIdentity, PeerUp, PerPeerHeader, RibView};
use arancini_wire::iana::AfiSafi;
use xxhash_rust::xxh3::Xxh3;

use crate::changes::{Changes, PeerChange};
use crate::counters::Quirk;
use crate::dump::Dump;
use crate::last_statistics::LastStatistics;
use crate::opens::Opens;
use crate::route;
use crate::table::{PeerTable, TableIndex};
use crate::table_key::TableKey;

/// The place of a peer among those of its router. It stays valid while the router is known: a place is never
/// removed. A peer of which nothing is left is forgotten, and another peer gets its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIndex(pub(crate) usize);

impl Index<PeerIndex> for Vec<Peer> {
    type Output = Peer;

    #[inline]
    fn index(&self, index: PeerIndex) -> &Peer {
        &self[index.0]
    }
}

impl IndexMut<PeerIndex> for Vec<Peer> {
    #[inline]
    fn index_mut(&mut self, index: PeerIndex) -> &mut Peer {
        &mut self[index.0]
    }
}

/// Whether the peer is up, as far as the router said so in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// The router sent a Peer Down (RFC 7854 §4.9), or nothing about the peer yet.
    Down,
    /// The router sent a Peer Up (RFC 7854 §4.10).
    Up,
    /// The router sent routes but no Peer Up (`docs/adr/0014-provisional-peers.md`).
    Provisional,
}

/// A peer of a router. RFC 7854 §4.2 tells peers apart by type, distinguisher, address and BGP identifier.
pub struct Peer {
    /// What tells it from the router's other peers.
    pub identity: PeerIdentity,
    /// Its AS number.
    pub asn: u32,
    /// Whether it is up. Only its router changes this, because the look-up of peers depends on it.
    pub state: PeerState,
    /// What its OPENs agreed on; `None` for a provisional peer. It is large and rarely read, and so stands beside the peer.
    pub negotiated: Option<Box<Negotiated>>,
    /// VRF / table names from its Peer Ups; see [`Peer::table_name`].
    pub(crate) names: Vec<TableName>,
    /// What its last Peer Up said of the BGP session; `None` if there was none since the start.
    pub opens: Option<Box<Opens>>,
    /// Its tables.
    pub tables: Vec<PeerTable>,
    /// How often the peer showed each quirk.
    pub quirks: [u64; Quirk::COUNT],
    /// Its last Statistics Report; `None` if there was none since the start.
    pub statistics: Option<Box<LastStatistics>>,
    /// When its last message came, in Unix nanoseconds; 0 if none has come since the start.
    pub(crate) last_message_unix_ns: u64,
    /// The families that its BGP session carries: both OPENs of its last Peer Up list them.
    pub(crate) agreed_families: Vec<AfiSafi>,
    /// The dump that began when it last came up.
    pub dump: Dump,
    /// The last changes of its state.
    pub changes: Changes<PeerChange>,
    /// Other identities that lead to the peer: earlier ones, and those in the keys of its tables.
    pub(crate) other_identities: Vec<PeerIdentity>,
    /// The peer is in its router's list of peers that may be gone.
    pub(crate) listed_as_gone: bool,
    /// AS number and BGP identifier of its present messages; see [`Peer::hear`].
    message_asn: u32,
    message_bgp_id: u32,
    /// AS numbers besides its own that tables were made for since its last Peer Up or lost session.
    pub(crate) other_asns: Vec<u32>,
    /// Hash of ports and OPENs of its last Peer Up. Another BGP session has another one; see [`session_of`].
    session: Option<u128>,
}

/// Most names of a peer: one for each family of a Loc-RIB that a router may show.
const MOST_NAMES: usize = 16;

/// Most families that are kept of an OPEN. It is several times the number of families that have a name; an OPEN with extended
/// parameters (RFC 9072) could list ten thousand.
const MOST_FAMILIES: usize = 256;

/// A VRF / table name of a peer, and the families that the Peer Up of this name lists.
pub(crate) struct TableName {
    name: String,
    families: Vec<AfiSafi>,
}

/// The name of a table; empty where it has none.
#[inline]
pub(crate) fn name_of<'n>(names: &'n [TableName], table: &PeerTable) -> &'n str {
    names.get(table.name).map_or("", |named| &named.name)
}

impl Peer {
    pub(crate) fn new(identity: PeerIdentity, asn: u32) -> Self {
        Self {
            identity,
            asn,
            state: PeerState::Down,
            negotiated: None,
            names: Vec::new(),
            opens: None,
            tables: Vec::new(),
            quirks: [0; Quirk::COUNT],
            statistics: None,
            last_message_unix_ns: 0,
            agreed_families: Vec::new(),
            dump: Dump::default(),
            changes: Changes::default(),
            other_identities: Vec::new(),
            listed_as_gone: false,
            message_asn: asn,
            message_bgp_id: identity.bgp_id,
            other_asns: Vec::new(),
            session: None,
        }
    }

    /// The peer's address; IPv4-mapped addresses are IPv4.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        IpAddr::from(self.identity.address).to_canonical()
    }

    /// When the last message of the peer came, in Unix nanoseconds; `None` if none has come since the start.
    #[must_use]
    pub fn last_message_unix_ns(&self) -> Option<u64> {
        (self.last_message_unix_ns > 0).then_some(self.last_message_unix_ns)
    }

    /// Whether nothing is left of the peer: it is down, and its routes are swept.
    pub(crate) fn is_gone(&self) -> bool {
        self.state == PeerState::Down && self.tables.iter().all(PeerTable::is_unused)
    }

    /// Routes held of all its tables.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.tables.iter().map(PeerTable::routes).sum()
    }

    /// The VRF / table name of a family; empty if there is none. It is that of the Peer Up that lists the family, else that of
    /// the last Peer Up. Junos names the Loc-RIB of each family in a Peer Up of its own.
    #[must_use]
    pub fn table_name(&self, family: AfiSafi) -> &str {
        self.names
            .get(self.name_index(family))
            .map_or("", |named| &named.name)
    }

    /// The name in its last Peer Up; empty if there was none.
    pub(crate) fn last_name(&self) -> &str {
        self.names.last().map_or("", |named| &named.name)
    }

    /// All names, each with the families it is for.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &[AfiSafi])> {
        self.names.iter().map(|named| (&*named.name, &*named.families))
    }

    /// Restores the names of a peer.
    pub(crate) fn set_names(&mut self, names: impl Iterator<Item = (String, Vec<AfiSafi>)>) {
        let names = names.take(MOST_NAMES);
        self.names = names
            .map(|(name, families)| TableName {
                name,
                families: sorted(families),
            })
            .collect();
        self.name_tables();
    }

    /// Restores the name of a family: its routes were last published under this name.
    pub(crate) fn name_family(&mut self, family: AfiSafi, name: &str) {
        if self.table_name(family) == name || self.names.len() >= MOST_NAMES {
            return;
        }
        self.names.push(TableName {
            name: name.to_owned(),
            families: vec![family],
        });
        self.name_tables();
    }

    fn name_tables(&mut self) {
        for index in 0..self.tables.len() {
            self.tables[index].name = self.name_index(self.tables[index].key.family);
        }
    }

    fn name_index(&self, family: AfiSafi) -> usize {
        let lists = |named: &TableName| named.families.contains(&family);
        let listed = self.names.iter().rposition(lists);
        listed.unwrap_or(self.names.len().saturating_sub(1))
    }

    /// Takes the name that a Peer Up gives to its families. A new BGP session voids the names of the one before.
    pub(crate) fn set_table_name(&mut self, name: String, message: &PeerUp<'_>) {
        if self.state != PeerState::Up || !self.is_repeated(message) || self.names.len() >= MOST_NAMES {
            self.names.clear();
        }
        let families = families_of(message);
        self.names.retain(|named| named.families != families);
        self.names.push(TableName { name, families });
        self.name_tables();
    }

    /// Whether this Peer Up is about the BGP session that is up already. Some routers send a Peer Up for each view or family
    /// (Huawei, Junos): the routes announced before stay true. A Loc-RIB has no BGP sessions (RFC 9069 §5.2).
    pub(crate) fn is_repeated(&self, message: &PeerUp<'_>) -> bool {
        message.peer().is_loc_rib() || self.session == Some(session_of(message))
    }

    /// Remembers what tells this BGP session from the peer's next one.
    pub(crate) fn remember_session(&mut self, message: &PeerUp<'_>) {
        self.session = Some(session_of(message));
    }

    /// Takes the families that the two OPENs of a Peer Up agree on. OPENs without any family agree on IPv4 unicast (RFC 4760 §8). A
    /// Loc-RIB may have a Peer Up for each family.
    pub(crate) fn agree_on_families(&mut self, message: &PeerUp<'_>) {
        let [sent, received] = [message.sent_open(), message.received_open()].map(|open| {
            let listed = listed_in(&open);
            if listed.is_empty() {
                vec![AfiSafi::IPV4_UNICAST]
            } else {
                listed
            }
        });
        if self.state != PeerState::Up || !message.peer().is_loc_rib() {
            self.agreed_families.clear();
        }
        self.agreed_families
            .extend(sent.into_iter().filter(|family| received.contains(family)));
        self.agreed_families = sorted(std::mem::take(&mut self.agreed_families));
    }

    /// What holds for the peer after a Peer Up whose OPENs agree on `negotiated`. A Peer Up speaks for all views of the peer
    /// (RFC 8671 §8) and replaces what held before. But a Loc-RIB that is up already may have a Peer Up for each family: then
    /// what held for families that the new Peer Up does not list still holds.
    pub(crate) fn agreed_after(&self, message: &PeerUp<'_>, mut negotiated: Negotiated) -> Negotiated {
        if self.state == PeerState::Up
            && let Some(before) = &self.negotiated
            && !before.add_path_loc_rib.is_empty()
        {
            let listed = families_of(message);
            if listed.is_empty() {
                return negotiated;
            }
            let others = before.add_path_loc_rib.iter();
            for family in others.filter(|family| listed.binary_search(family).is_err()) {
                negotiated.add_path_loc_rib.insert(family);
            }
        }
        negotiated
    }

    /// Sets what its OPENs agreed on, for all its tables. If path identifiers appear or disappear while the peer is up, the
    /// table becomes stale: its routes have other keys from now on.
    pub(crate) fn set_negotiated(&mut self, negotiated: Option<Negotiated>, now_ns: u64) {
        self.negotiated = negotiated.map(Box::new);
        for index in 0..self.tables.len() {
            let TableKey { view, family, .. } = self.tables[index].key;
            let add_path = self.negotiated_add_path(view, family);
            let table = &mut self.tables[index];
            if self.state == PeerState::Up && table.add_path != add_path {
                table.mark_stale(now_ns);
            }
            table.add_path = add_path;
            table.path_ids_absent = false;
        }
    }

    /// Whether its OPENs agreed on path identifiers for this table.
    pub(crate) fn negotiated_add_path(&self, view: RibView, family: AfiSafi) -> bool {
        self.negotiated
            .as_ref()
            .is_some_and(|n| n.add_path(view).contains(family))
    }

    /// Takes AS number and BGP identifier from the header of a message. The message is right where it contradicts the Peer Up
    /// (RFC 9069 §5.1). Zeros say nothing: the Peer Up's values hold then.
    pub(crate) fn hear(&mut self, header: &PerPeerHeader<'_>) {
        let or = |said: u32, known: u32| if said == 0 { known } else { said };
        self.message_asn = or(header.asn(), self.asn);
        self.message_bgp_id = or(header.bgp_id(), self.identity.bgp_id);
    }

    /// The AS number that the peer's present message names.
    pub(crate) const fn message_asn(&self) -> u32 {
        self.message_asn
    }

    /// Whether the key of a table has another AS number or BGP identifier than the peer's present message.
    pub(crate) const fn is_former_name(&self, key: &TableKey) -> bool {
        key.peer_asn != self.message_asn || key.peer.bgp_id != self.message_bgp_id
    }

    /// Whether the key of one of its tables has this identity.
    pub(crate) fn has_tables_of(&self, identity: &PeerIdentity) -> bool {
        self.tables.iter().any(|table| table.key.peer == *identity)
    }

    /// Whether the key of a table contradicts the last Peer Up.
    pub(crate) fn contradicts(&self, key: &TableKey) -> bool {
        let differs = key.peer_asn != self.asn || key.peer.bgp_id != self.identity.bgp_id;
        differs && self.state == PeerState::Up
    }

    /// The key of the table for this view and family, by the BGP identifier and AS number of the peer's present messages.
    #[inline]
    pub(crate) const fn table_key(&self, view: RibView, family: AfiSafi) -> TableKey {
        let identity = PeerIdentity {
            bgp_id: self.message_bgp_id,
            ..self.identity
        };
        TableKey::new(identity, self.message_asn, view, family)
    }

    /// Finds the table with this key, which is a key of this peer.
    #[inline]
    pub(crate) fn find_table(&self, key: &TableKey) -> Option<TableIndex> {
        let same = |table: &PeerTable| table.key.is_same_within_peer(key);
        self.tables.iter().position(same).map(TableIndex)
    }

    /// Adds a table.
    pub(crate) fn add_table(&mut self, mut table: PeerTable) -> TableIndex {
        table.name = self.name_index(table.key.family);
        self.tables.push(table);
        TableIndex(self.tables.len() - 1)
    }

    /// Gives the place of a table to another one.
    pub(crate) fn replace_table(&mut self, place: TableIndex, mut table: PeerTable) -> TableIndex {
        table.name = self.name_index(table.key.family);
        self.tables[place] = table;
        place
    }

    /// Prefetches the memory that a look-up of the field's first route reads. It arrives while the rest of the message is read.
    /// Returns the table of the field, if the field has routes and the table is known.
    #[inline]
    pub(crate) fn prefetch(&self, view: RibView, family: AfiSafi, field: &[u8]) -> Option<TableIndex> {
        if field.is_empty() {
            return None;
        }
        let index = self.find_table(&self.table_key(view, family))?;
        let table = &self.tables[index];
        let add_path = table.add_path && !table.path_ids_absent;
        route::prefetch(table.with_path_ids(add_path), family, field, add_path);
        Some(index)
    }
}

/// The families that the sent OPEN of a Peer Up lists, sorted; the first ones if they are too many.
fn families_of(message: &PeerUp<'_>) -> Vec<AfiSafi> {
    listed_in(&message.sent_open())
}

/// The families that an OPEN lists, sorted; the first ones if they are too many.
fn listed_in(open: &Open<'_>) -> Vec<AfiSafi> {
    let capabilities = open.capabilities().flatten();
    let families = capabilities.filter_map(|capability| match capability {
        Capability::MultiProtocol(family) => Some(family),
        _ => None,
    });
    sorted(families.collect())
}

/// Sorts families. Each is kept once, and no more than a peer may have.
fn sorted(mut families: Vec<AfiSafi>) -> Vec<AfiSafi> {
    families.sort_unstable();
    families.dedup();
    families.truncate(MOST_FAMILIES);
    families.shrink_to_fit();
    families
}

/// Hash of the ports and OPENs of a Peer Up, which tell one BGP session from another.
///
/// Two sessions with equal hashes would count as one, so that routes of the first could stay until End-of-RIB or the quiet period.
/// By chance this never happens with 128 bits. A router that chooses its OPENs gains nothing by it: it could as well repeat the
/// Peer Up as it was.
fn session_of(message: &PeerUp<'_>) -> u128 {
    let mut hash = Xxh3::new();
    for port in [message.local_port(), message.remote_port()] {
        hash.update(&port.to_be_bytes());
    }
    // An OPEN begins with its length.
    for open in [message.sent_open(), message.received_open()] {
        hash.update(open.as_bytes());
    }
    hash.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An OPEN with extended parameters can list ten thousand families, and a Loc-RIB has up to 16 such lists.
    #[test]
    fn the_families_of_an_open_are_bounded() {
        let identity = PeerIdentity {
            peer_type: 3,
            distinguisher: [0; 8],
            address: [0; 16],
            bgp_id: 1,
        };
        let mut peer = Peer::new(identity, 1);
        let families = (0..10_000).rev().map(|afi| AfiSafi::new(afi, 1));
        let families: Vec<AfiSafi> = families.chain([AfiSafi::new(7, 1)]).collect();
        peer.set_names([("global".to_owned(), families)].into_iter());
        let kept: Vec<&[AfiSafi]> = peer.names().map(|(_, families)| families).collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].len(), MOST_FAMILIES);
        assert!(kept[0].is_sorted());
    }
}
