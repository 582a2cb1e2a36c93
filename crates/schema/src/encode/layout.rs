//! The place of each field of `Update`: byte offsets in the data section, indices in the pointer section.
//!
//! `capnp compile -ocapnp update.capnp` prints these numbers. `tests/encode.rs` checks each of them with the reader of the
//! `capnp` crate.

/// Length of a stream frame's segment table with one segment, in bytes.
pub(super) const FRAME: usize = 8;
/// Offset of the data section, behind segment table and root pointer.
pub(super) const DATA_START: usize = FRAME + 8;
/// Length of the data section in bytes.
pub(super) const DATA_SIZE: usize = 104;
/// Number of pointers of the struct. Null pointers at the end are not written.
pub(super) const POINTERS: usize = 16;
/// Offset of the pointers.
pub(super) const HEAD: usize = DATA_START + DATA_SIZE;

/// Byte offsets in the data section.
pub(super) mod data {
    pub const TIME_RECEIVED_NS: usize = 0;
    pub const TIME_BMP_HEADER_NS: usize = 8;
    pub const ROUTER_PORT: usize = 16;
    pub const PREFIX_LEN: usize = 18;
    pub const FLAGS: usize = 19;
    pub const PEER_BGP_ID: usize = 20;
    pub const PEER_ASN: usize = 24;
    pub const MULTI_EXIT_DISC: usize = 28;
    pub const LOCAL_PREFERENCE: usize = 32;
    pub const ONLY_TO_CUSTOMER: usize = 36;
    pub const AGGREGATOR_ASN: usize = 40;
    pub const AGGREGATOR_BGP_ID: usize = 44;
    pub const ORIGINATOR_ID: usize = 48;
    pub const MP_REACH_AFI: usize = 52;
    pub const MP_REACH_SAFI: usize = 54;
    pub const MP_UNREACH_SAFI: usize = 55;
    pub const MP_UNREACH_AFI: usize = 56;
    pub const AFI: usize = 58;
    pub const RIB_VIEW: usize = 60;
    pub const WITHDRAW_REASON: usize = 62;
    pub const SEQUENCE: usize = 64;
    pub const ATTRIBUTE_FINGERPRINT: usize = 72;
    pub const PEER_DISTINGUISHER: usize = 80;
    pub const ROUTE_DISTINGUISHER: usize = 88;
    pub const PATH_ID: usize = 96;
    pub const SAFI: usize = 100;
    pub const PEER_TYPE: usize = 101;
    pub const MORE_FLAGS: usize = 102;
}

/// Bits of the byte at [`data::FLAGS`].
pub(super) mod flag {
    pub const IS_POST_POLICY: u8 = 1 << 0;
    pub const IS_ADJ_RIB_OUT: u8 = 1 << 1;
    pub const ANNOUNCED: u8 = 1 << 2;
    pub const SYNTHETIC: u8 = 1 << 3;
    pub const ATOMIC_AGGREGATE: u8 = 1 << 4;
    pub const HAS_ORIGIN: u8 = 1 << 5;
    pub const HAS_NEXT_HOP: u8 = 1 << 6;
    pub const HAS_MULTI_EXIT_DISC: u8 = 1 << 7;
}

/// Bits of the byte at [`data::MORE_FLAGS`].
pub(super) mod more_flag {
    pub const HAS_LOCAL_PREFERENCE: u8 = 1 << 0;
    pub const HAS_ONLY_TO_CUSTOMER: u8 = 1 << 1;
    pub const HAS_AGGREGATOR: u8 = 1 << 2;
    pub const HAS_ORIGINATOR_ID: u8 = 1 << 3;
    pub const HAS_PATH_ID: u8 = 1 << 4;
    pub const HAS_ROUTE_DISTINGUISHER: u8 = 1 << 5;
}

/// Indices in the pointer section.
pub(super) mod pointer {
    pub const ROUTER_ADDR: usize = 0;
    pub const PEER_ADDR: usize = 1;
    pub const PREFIX_ADDR: usize = 2;
    pub const ORIGIN: usize = 3;
    pub const AS_PATH: usize = 4;
    pub const NEXT_HOP: usize = 5;
    pub const COMMUNITIES: usize = 6;
    pub const EXTENDED_COMMUNITIES: usize = 7;
    pub const LARGE_COMMUNITIES: usize = 8;
    pub const CLUSTER_LIST: usize = 9;
    pub const LABELS: usize = 10;
    pub const RAW_NLRI: usize = 11;
    pub const AS_PATH_SEGMENTS: usize = 12;
    pub const UNKNOWN_ATTRIBUTES: usize = 13;
    pub const TABLE_NAME: usize = 14;
    pub const LINK_LOCAL_NEXT_HOP: usize = 15;
}
