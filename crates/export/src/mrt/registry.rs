//! Numbers of MRT and of BGP that the records need.

/// MRT types (IANA "MRT Types").
pub(super) mod mrt_type {
    pub(crate) const TABLE_DUMP_V2: u16 = 13;
    pub(crate) const BGP4MP_ET: u16 = 17;
}

/// Subtypes of TABLE_DUMP_V2 (IANA "TABLE_DUMP_V2 Subtype Codes").
pub(super) mod table_dump {
    pub(crate) const PEER_INDEX_TABLE: u16 = 1;
    pub(crate) const RIB_IPV4_UNICAST: u16 = 2;
    pub(crate) const RIB_IPV4_MULTICAST: u16 = 3;
    pub(crate) const RIB_IPV6_UNICAST: u16 = 4;
    pub(crate) const RIB_IPV6_MULTICAST: u16 = 5;
    pub(crate) const RIB_GENERIC: u16 = 6;
    /// From a subtype to the one with path identifiers (RFC 8050 §4).
    pub(crate) const ADD_PATH: u16 = 6;
}

/// Subtypes of BGP4MP (IANA "BGP4MP Subtype Codes").
pub(super) mod bgp4mp {
    pub(crate) const MESSAGE_AS4: u16 = 4;
    pub(crate) const MESSAGE_AS4_LOCAL: u16 = 7;
    pub(crate) const MESSAGE_AS4_ADDPATH: u16 = 9;
    pub(crate) const MESSAGE_AS4_LOCAL_ADDPATH: u16 = 11;
}

/// AFI of IPv4.
pub(super) const AFI_IPV4: u16 = 1;
/// AFI of IPv6.
pub(super) const AFI_IPV6: u16 = 2;
/// SAFI of unicast routes.
pub(super) const SAFI_UNICAST: u8 = 1;
/// SAFI of multicast routes.
pub(super) const SAFI_MULTICAST: u8 = 2;
