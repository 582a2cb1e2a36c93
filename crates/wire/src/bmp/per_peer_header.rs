//! The per-peer header (RFC 7854 §4.2; flags also RFC 8671 §4 and RFC 9069 §4.2): peer, table and time.

use super::header::COMMON_HEADER_LEN;
use crate::error::WireError;
pub use crate::iana::bmp::PeerType;
use crate::rib_view::RibView;

/// Length of the per-peer header in bytes.
pub const PER_PEER_HEADER_LEN: usize = 42;

/// Offset of the part of a message behind the per-peer header.
pub(super) const PEER_BODY_OFFSET: usize = COMMON_HEADER_LEN + PER_PEER_HEADER_LEN;

/// V flag: the peer's address is IPv6. For Loc-RIB this bit is the F flag: the table is filtered.
const FLAG_V_OR_F: u8 = 0x80;
/// L flag: the routes are after policy.
const FLAG_L: u8 = 0x40;
/// A flag: AS_PATH has the legacy 2-octet format.
const FLAG_A: u8 = 0x20;
/// O flag: the routes are of Adj-RIB-Out.
const FLAG_O: u8 = 0x10;

/// A view of the 42 bytes of a per-peer header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PerPeerHeader<'a> {
    bytes: &'a [u8; PER_PEER_HEADER_LEN],
}

/// The fields that distinguish one peer of a router from all others (RFC 7854 §4.2, §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerIdentity {
    /// Peer type, as a number.
    pub peer_type: u8,
    /// Peer distinguisher: the route distinguisher of an RD instance, else an opaque number or zero.
    pub distinguisher: [u8; 8],
    /// Peer address in 16 bytes, as [`PerPeerHeader::address`] returns it.
    pub address: [u8; 16],
    /// BGP identifier of the peer.
    pub bgp_id: u32,
}

impl<'a> PerPeerHeader<'a> {
    /// Splits the header off the body of a message.
    #[inline]
    pub(super) fn split(body: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        match body.split_first_chunk() {
            Some((bytes, rest)) => Ok((Self { bytes }, rest)),
            None => Err(WireError::truncated(
                COMMON_HEADER_LEN,
                PER_PEER_HEADER_LEN,
                body.len(),
            )),
        }
    }

    /// Makes a view of these bytes. Any 42 bytes are a per-peer header.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8; PER_PEER_HEADER_LEN]) -> Self {
        Self { bytes }
    }

    /// The bytes of the header. Equal bytes mean the same peer, table and time.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8; PER_PEER_HEADER_LEN] {
        self.bytes
    }

    /// Peer type.
    #[inline]
    #[must_use]
    pub const fn peer_type(&self) -> PeerType {
        PeerType::from_code(self.bytes[0])
    }

    /// Peer flags. Their meaning depends on the peer type.
    #[inline]
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.bytes[1]
    }

    /// Whether the message is about the router's Loc-RIB.
    #[inline]
    #[must_use]
    pub const fn is_loc_rib(&self) -> bool {
        matches!(self.peer_type(), PeerType::LocRib)
    }

    /// Whether a flag is set that Loc-RIB does not have: its only flag is F (RFC 9069 §4.2).
    #[inline]
    const fn has_peer_flag(&self, flag: u8) -> bool {
        !self.is_loc_rib() && self.flags() & flag != 0
    }

    /// Whether the peer's address is IPv6 (V flag).
    #[inline]
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.has_peer_flag(FLAG_V_OR_F)
    }

    /// Whether the routes are after policy (L flag). Never true for Loc-RIB.
    #[inline]
    #[must_use]
    pub const fn is_post_policy(&self) -> bool {
        self.has_peer_flag(FLAG_L)
    }

    /// Whether AS_PATH has the legacy 2-octet format (A flag).
    #[inline]
    #[must_use]
    pub const fn is_legacy_as_path(&self) -> bool {
        self.has_peer_flag(FLAG_A)
    }

    /// Whether the routes are routes that the router sends to the peer (O flag, RFC 8671).
    #[inline]
    #[must_use]
    pub const fn is_adj_rib_out(&self) -> bool {
        self.has_peer_flag(FLAG_O)
    }

    /// Whether the router shows only a part of its Loc-RIB (F flag, RFC 9069 §4.2).
    #[inline]
    #[must_use]
    pub const fn is_filtered(&self) -> bool {
        self.is_loc_rib() && self.flags() & FLAG_V_OR_F != 0
    }

    /// The table that the message is about.
    ///
    /// Peer type 3 is Loc-RIB for any flags: FRR sets 0x40 there.
    #[inline]
    #[must_use]
    pub const fn view(&self) -> RibView {
        if self.is_loc_rib() {
            return RibView::LocRib;
        }
        match (self.is_adj_rib_out(), self.is_post_policy()) {
            (false, false) => RibView::AdjRibInPre,
            (false, true) => RibView::AdjRibInPost,
            (true, false) => RibView::AdjRibOutPre,
            (true, true) => RibView::AdjRibOutPost,
        }
    }

    /// Peer distinguisher.
    #[inline]
    #[must_use]
    pub const fn distinguisher(&self) -> [u8; 8] {
        let b = self.bytes;
        [b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9]]
    }

    /// Peer address in 16 bytes, IPv4 as IPv4-mapped IPv6. All zero for Loc-RIB, which has no peer.
    #[inline]
    #[must_use]
    pub const fn address(&self) -> [u8; 16] {
        if self.is_loc_rib() {
            return [0; 16];
        }
        let b = self.bytes;
        address_16(
            [
                b[10], b[11], b[12], b[13], b[14], b[15], b[16], b[17], b[18], b[19], b[20], b[21], b[22],
                b[23], b[24], b[25],
            ],
            self.is_ipv6(),
        )
    }

    /// AS number of the peer.
    #[inline]
    #[must_use]
    pub const fn asn(&self) -> u32 {
        self.u32_at::<26>()
    }

    /// BGP identifier of the peer.
    #[inline]
    #[must_use]
    pub const fn bgp_id(&self) -> u32 {
        self.u32_at::<30>()
    }

    /// When the router received the routes, in nanoseconds since the Unix epoch; 0 if the router sends no time.
    #[inline]
    #[must_use]
    pub const fn timestamp_ns(&self) -> u64 {
        let seconds = self.u32_at::<34>() as u64;
        let microseconds = self.u32_at::<38>() as u64;
        // Two 32-bit fields: the sum stays below 2^63.
        seconds * 1_000_000_000 + microseconds * 1_000
    }

    /// The fields that distinguish this peer from all other peers of the router.
    #[inline]
    #[must_use]
    pub const fn identity(&self) -> PeerIdentity {
        PeerIdentity {
            peer_type: self.bytes[0],
            distinguisher: self.distinguisher(),
            address: self.address(),
            bgp_id: self.bgp_id(),
        }
    }

    #[inline]
    const fn u32_at<const AT: usize>(&self) -> u32 {
        let b = self.bytes;
        u32::from_be_bytes([b[AT], b[AT + 1], b[AT + 2], b[AT + 3]])
    }
}

impl core::fmt::Debug for PerPeerHeader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PerPeerHeader")
            .field("identity", &self.identity())
            .field("flags", &self.flags())
            .field("asn", &self.asn())
            .field("timestamp_ns", &self.timestamp_ns())
            .finish()
    }
}

/// Converts a BMP address field to 16 bytes with IPv4 mapped. The last four bytes of the field hold an IPv4 address.
#[inline]
pub(super) const fn address_16(field: [u8; 16], is_ipv6: bool) -> [u8; 16] {
    if is_ipv6 {
        return field;
    }
    let mut mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    mapped[12] = field[12];
    mapped[13] = field[13];
    mapped[14] = field[14];
    mapped[15] = field[15];
    mapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(peer_type: u8, flags: u8) -> [u8; PER_PEER_HEADER_LEN] {
        let mut bytes = [0; PER_PEER_HEADER_LEN];
        bytes[0] = peer_type;
        bytes[1] = flags;
        bytes[2..10].copy_from_slice(&[0, 1, 192, 0, 2, 9, 0, 7]);
        bytes[22..26].copy_from_slice(&[192, 0, 2, 1]);
        bytes[26..30].copy_from_slice(&64512_u32.to_be_bytes());
        bytes[30..34].copy_from_slice(&[198, 51, 100, 1]);
        bytes[34..38].copy_from_slice(&1_700_000_000_u32.to_be_bytes());
        bytes[38..42].copy_from_slice(&250_000_u32.to_be_bytes());
        bytes
    }

    #[test]
    fn every_field_is_read_where_the_rfc_puts_it() {
        let bytes = header(1, 0);
        let header = PerPeerHeader::new(&bytes);
        assert_eq!(header.peer_type(), PeerType::RdInstance);
        assert_eq!(header.distinguisher(), [0, 1, 192, 0, 2, 9, 0, 7]);
        assert_eq!(
            header.address(),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]
        );
        assert_eq!(header.asn(), 64512);
        assert_eq!(header.bgp_id(), 0xc633_6401);
        assert_eq!(header.timestamp_ns(), 1_700_000_000_250_000_000);
    }

    #[test]
    fn an_ipv6_peer_keeps_its_sixteen_bytes() {
        let bytes = header(0, 0x80);
        let address = PerPeerHeader::new(&bytes).address();
        assert_eq!(address, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]);
    }

    #[test]
    fn the_view_follows_the_flags() {
        for (flags, view) in [
            (0x00, RibView::AdjRibInPre),
            (0x40, RibView::AdjRibInPost),
            (0x10, RibView::AdjRibOutPre),
            (0x50, RibView::AdjRibOutPost),
        ] {
            assert_eq!(PerPeerHeader::new(&header(0, flags)).view(), view);
        }
    }

    #[test]
    fn loc_rib_has_no_flag_but_filtered() {
        let bytes = header(3, 0xf0);
        let header = PerPeerHeader::new(&bytes);
        assert_eq!(header.view(), RibView::LocRib);
        assert!(header.is_filtered());
        assert!(!header.is_ipv6() && !header.is_post_policy());
        assert!(!header.is_legacy_as_path() && !header.is_adj_rib_out());
        assert_eq!(header.address(), [0; 16]);
    }
}
