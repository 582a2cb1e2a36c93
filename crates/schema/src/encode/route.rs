//! The input of the encoder: the source of routes, and the fields of one route.

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

/// The source of routes: what a BMP message says about all of its routes.
#[derive(Debug, Clone, Copy)]
pub struct RouteSource<'a> {
    /// When the collector received the message, in nanoseconds since the Unix epoch.
    pub time_received_ns: u64,
    /// Timestamp of the per-peer header, in nanoseconds since the Unix epoch; 0 if the router sends none.
    pub time_bmp_header_ns: u64,
    /// Address of the router, IPv4 as IPv4-mapped IPv6.
    pub router_address: [u8; 16],
    /// TCP port of the router.
    pub router_port: u16,
    /// Address of the peer, IPv4 as IPv4-mapped IPv6.
    pub peer_address: [u8; 16],
    /// BGP identifier of the peer.
    pub peer_bgp_id: u32,
    /// AS number of the peer.
    pub peer_asn: u32,
    /// BMP peer type.
    pub peer_type: u8,
    /// Peer distinguisher.
    pub peer_distinguisher: [u8; 8],
    /// RIB view of the routes.
    pub view: RibView,
    /// Name of the peer's VRF or table; empty if it has none.
    pub table_name: &'a str,
    /// Family of the routes.
    pub family: AfiSafi,
}

/// The part of an UPDATE that carried the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The NLRI or Withdrawn Routes field. Synthetic withdraws, which were in no UPDATE, also use this.
    UpdateField,
    /// MP_REACH_NLRI or MP_UNREACH_NLRI.
    MultiProtocol,
}

/// The fields that differ between the routes of one UPDATE.
#[derive(Debug, Clone, Copy)]
pub struct RouteFields<'a> {
    /// Address of the prefix, IPv4 as IPv4-mapped IPv6; zero for families whose NLRI stays raw.
    pub prefix_address: [u8; 16],
    /// Length of the prefix in bits of its family: 0 to 32 for IPv4.
    pub prefix_length: u8,
    /// Path identifier (RFC 7911).
    pub path_id: Option<u32>,
    /// Route distinguisher (RFC 4364).
    pub route_distinguisher: Option<[u8; 8]>,
    /// Label stack as on the wire, three octets per label.
    pub labels: &'a [u8],
    /// NLRI as on the wire, for families without prefixes.
    pub raw_nlri: &'a [u8],
    /// Sequence number of this message among the messages of the router.
    pub sequence: u64,
    /// Fingerprint of the route's attributes; see [`crate::fingerprint`].
    pub fingerprint: u64,
}
