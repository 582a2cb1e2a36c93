//! How the stream names tables and routes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address family and its subsequent family, as IANA numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// The address family identifier.
    pub afi: u16,
    /// The subsequent address family identifier.
    pub safi: u8,
}

impl Family {
    /// Names a family by its two numbers.
    #[must_use]
    pub const fn new(afi: u16, safi: u8) -> Self {
        Self { afi, safi }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.afi, self.safi)
    }
}

/// A table: one family of one view of a router on one of its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// The router.
    pub router: IpAddr,
    /// The peer; the unspecified address for a Loc-RIB.
    pub peer: IpAddr,
    /// The peer's distinguisher.
    pub distinguisher: u64,
    /// The peer's AS number. A peer that comes back with another one is another peer for consumers.
    pub asn: u32,
    /// The peer's BGP identifier. A peer that comes back with another one is another peer for consumers.
    pub bgp_id: u32,
    /// The RIB view, as the schema numbers it.
    pub view: u16,
    /// The family.
    pub family: Family,
}

/// The name of a route within its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The prefix's address in 16 bytes, IPv4 as IPv4-mapped; 0 for an opaque NLRI.
    pub address: u128,
    /// The prefix's length; 0 for an opaque NLRI.
    pub length: u8,
    /// The route distinguisher, where the family has one.
    pub distinguisher: Option<u64>,
    /// The path identifier, where the session has them.
    pub path_id: Option<u32>,
    /// The key octets of the NLRI, where its family has no prefix; else empty.
    pub raw: Vec<u8>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.raw.is_empty() {
            write!(f, "{}/{}", address(self.address), self.length)?;
        } else {
            self.raw.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
        }
        if let Some(path_id) = self.path_id {
            write!(f, " path {path_id}")?;
        }
        self.distinguisher
            .map_or(Ok(()), |distinguisher| write!(f, " rd {distinguisher:x}"))
    }
}

/// A route of one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Its table.
    pub table: Table,
    /// Its name there.
    pub name: Name,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table {
            router,
            peer,
            distinguisher,
            asn,
            bgp_id,
            view,
            family,
        } = self.table;
        let view = VIEWS.get(usize::from(view)).unwrap_or(&"unknown view");
        write!(
            f,
            "router {router} peer {peer} AS {asn} id {}",
            Ipv4Addr::from(bgp_id)
        )?;
        if distinguisher != 0 {
            write!(f, " distinguisher {distinguisher:x}")?;
        }
        write!(f, " {view} {family} {}", self.name)
    }
}

/// The names of the views, by their numbers in the schema.
pub const VIEWS: [&str; 5] = [
    "adj-rib-in-pre",
    "adj-rib-in-post",
    "adj-rib-out-pre",
    "adj-rib-out-post",
    "loc-rib",
];

/// Tables of a router that are announced again: what is not announced until the end is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// One peer's view; `None` is every peer.
    pub peer: Option<ScopePeer>,
    /// One family; `None` is every family.
    pub family: Option<Family>,
}

/// The peer's view that a [`Scope`] is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopePeer {
    /// The peer.
    pub address: IpAddr,
    /// The peer's distinguisher.
    pub distinguisher: u64,
    /// The view.
    pub view: u16,
}

impl Scope {
    /// The whole router.
    pub const EVERYTHING: Self = Self {
        peer: None,
        family: None,
    };

    /// Whether a table of the router is in the scope.
    #[must_use]
    pub fn holds(&self, table: &Table) -> bool {
        let own = ScopePeer {
            address: table.peer,
            distinguisher: table.distinguisher,
            view: table.view,
        };
        self.peer.is_none_or(|peer| peer == own) && self.family.is_none_or(|family| family == table.family)
    }
}

/// Reads an address of 16 bytes; an IPv4-mapped address is IPv4.
#[must_use]
pub fn address(bits: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(bits)).to_canonical()
}
