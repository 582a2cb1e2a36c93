//! How many tables a peer may have, and under how many AS numbers. The limits keep a sender that makes families or AS numbers
//! up from using up memory here, and subjects in the broker.

use arancini_wire::WireError;
use arancini_wire::iana::AfiSafi;

use crate::peer::Peer;
use crate::table::{PeerTable, TableIndex};

/// Most tables of a peer: five views of some fifty families.
pub(crate) const MAX_TABLES_PER_PEER: usize = 256;

/// Most AS numbers that the messages of a peer may name besides the one of its Peer Up, until the next Peer Up or session. Real
/// routers name one: some send the Peer Up of a Loc-RIB with AS number 0. Each AS number has subjects of its own.
const MOST_OTHER_ASNS: usize = 8;

/// Checks that a peer may have tables of these families besides the tables that it has, for messages like its present one.
///
/// # Errors
/// The peer has as many tables as it may have, or its messages have named as many AS numbers as they may.
pub(crate) fn check_new_tables(peer: &Peer, families: &[AfiSafi]) -> Result<(), WireError> {
    let asn = peer.message_asn();
    let other_asns = &peer.other_asns;
    if asn != peer.asn && !other_asns.contains(&asn) && other_asns.len() >= MOST_OTHER_ASNS {
        const FIELD: &str = "AS number of the per-peer header, of one more than a peer may have,";
        return Err(WireError::invalid(0, FIELD, u64::from(asn)));
    }
    let room = MAX_TABLES_PER_PEER.saturating_sub(peer.tables.len()) + places_to_reuse(peer).count();
    if let Some(family) = families.get(room) {
        const FIELD: &str = "AFI and SAFI, of one table more than a peer may have,";
        let family = u64::from(family.afi) << 8 | u64::from(family.safi);
        return Err(WireError::invalid(0, FIELD, family));
    }
    Ok(())
}

/// Adds a table that [`check_new_tables`] allows. If the peer has as many tables as it may have, the new one gets the place of an
/// unused one.
pub(crate) fn add_table(peer: &mut Peer, table: PeerTable) -> TableIndex {
    let asn = table.key.peer_asn;
    if asn != peer.asn && !peer.other_asns.contains(&asn) {
        peer.other_asns.push(asn);
    }
    let place = if is_full(peer) {
        places_to_reuse(peer).next()
    } else {
        None
    };
    match place {
        Some(place) => peer.replace_table(place, table),
        None => peer.add_table(table),
    }
}

/// Makes room for the tables of a peer that comes up. If nothing is left of a peer that has as many tables as it may have, its
/// tables are forgotten: it may come up with other families.
pub(crate) fn make_room(peer: &mut Peer) {
    if is_full(peer) && peer.is_gone() {
        peer.tables.clear();
    }
}

/// Whether the peer has as many tables as it may have.
const fn is_full(peer: &Peer) -> bool {
    peer.tables.len() >= MAX_TABLES_PER_PEER
}

/// The places of unused tables under an AS number or a BGP identifier that the peer's present message does not have. No field of
/// that message belongs to such a table.
fn places_to_reuse(peer: &Peer) -> impl Iterator<Item = TableIndex> {
    let tables = peer.tables.iter().enumerate();
    let former = tables.filter(|(_, table)| peer.is_former_name(&table.key) && table.is_unused());
    former.map(|(place, _)| TableIndex(place))
}
