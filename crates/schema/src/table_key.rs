//! What tells one table from all the others of its router: the session, a snapshot, a restart and a reader of the stream
//! all mean the same table by the same [`TableKey`].

use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;

use crate::update_capnp::{self, peer_identity, update};

/// The key of a table within its router, as the messages about its routes carry it.
///
/// A peer may have two tables of one view and family: when a Peer Up changes the BGP identifier or the AS number of a
/// provisional peer, the routes under the earlier key are withdrawn while those under the new key arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableKey {
    /// The peer under which the routes are published, with the BGP identifier of that time.
    pub peer: PeerIdentity,
    /// The peer's AS number under which the routes are published; the subject names it.
    pub peer_asn: u32,
    /// The RIB view.
    pub view: RibView,
    /// The family of the routes.
    pub family: AfiSafi,
}

impl TableKey {
    /// Makes the key of the table that holds a peer's routes of this view and family.
    #[inline]
    #[must_use]
    pub const fn new(peer: PeerIdentity, peer_asn: u32, view: RibView, family: AfiSafi) -> Self {
        Self {
            peer,
            peer_asn,
            view,
            family,
        }
    }

    /// Whether two keys of one peer name the same table. What all tables of a peer have in common is not compared: the peer's
    /// type, distinguisher and address.
    #[inline]
    pub fn is_same_within_peer(&self, other: &Self) -> bool {
        let (mine, others) = (&self.peer, &other.peer);
        debug_assert!(
            mine.address == others.address
                && mine.distinguisher == others.distinguisher
                && mine.peer_type == others.peer_type,
            "keys of two peers"
        );
        self.view == other.view
            && self.family == other.family
            && self.peer_asn == other.peer_asn
            && mine.bgp_id == others.bgp_id
    }

    /// Reads the key of the table that a published update is about.
    ///
    /// # Errors
    /// A field cannot be read, or holds something that no collector of this version writes.
    pub fn of_update(update: &update::Reader<'_>) -> Result<Self, UnreadableUpdate> {
        let peer = PeerIdentity {
            peer_type: update.get_peer_type(),
            distinguisher: update.get_peer_distinguisher().to_be_bytes(),
            address: address_of(update.get_peer_addr())?,
            bgp_id: update.get_peer_bgp_id(),
        };
        let view = view_of(update.get_rib_view())?;
        let family = AfiSafi::new(update.get_afi(), update.get_safi());
        Ok(Self::new(peer, update.get_peer_asn(), view, family))
    }
}

/// Why a published update cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableUpdate(pub &'static str);

impl std::fmt::Display for UnreadableUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for UnreadableUpdate {}

/// Reads the RIB view of a published message.
///
/// # Errors
/// A later version of the schema has added the view.
pub fn view_of(
    field: Result<update_capnp::RibView, capnp::NotInSchema>,
) -> Result<RibView, UnreadableUpdate> {
    match field {
        Ok(update_capnp::RibView::AdjRibInPre) => Ok(RibView::AdjRibInPre),
        Ok(update_capnp::RibView::AdjRibInPost) => Ok(RibView::AdjRibInPost),
        Ok(update_capnp::RibView::AdjRibOutPre) => Ok(RibView::AdjRibOutPre),
        Ok(update_capnp::RibView::AdjRibOutPost) => Ok(RibView::AdjRibOutPost),
        Ok(update_capnp::RibView::LocRib) => Ok(RibView::LocRib),
        Err(_) => Err(UnreadableUpdate("its RIB view belongs to a later schema")),
    }
}

/// Reads the peer that a published event names.
///
/// # Errors
/// Its address does not have 16 bytes.
pub fn identity_of(peer: peer_identity::Reader<'_>) -> Result<PeerIdentity, UnreadableUpdate> {
    Ok(PeerIdentity {
        peer_type: peer.get_type(),
        distinguisher: peer.get_distinguisher().to_be_bytes(),
        address: address_of(peer.get_address())?,
        bgp_id: peer.get_bgp_id(),
    })
}

/// Reads an address field of a published message: always 16 bytes, IPv4 addresses IPv4-mapped.
///
/// # Errors
/// The field cannot be read, or does not have 16 bytes.
pub fn address_of<E>(field: Result<&[u8], E>) -> Result<[u8; 16], UnreadableUpdate> {
    field
        .map_err(|_| UnreadableUpdate("one of its fields cannot be read"))?
        .try_into()
        .map_err(|_| UnreadableUpdate("one of its addresses does not have 16 bytes"))
}
