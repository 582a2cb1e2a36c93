//! Keys of routes, and the bytes that a table stores for them.
//!
//! A table stores keys as byte arrays, so that an entry has no padding: an IPv4 route takes 16 bytes with its
//! fingerprint and its epoch.

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The key of a route within one table.
///
/// It is a prefix (with a route distinguisher in a VPN) or the identity of an NLRI; and a path identifier, if the table has
/// path identifiers (RFC 7911).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteKey<'a> {
    /// An IPv4 prefix; host bits are zero.
    Ipv4 {
        /// Address, host byte order.
        address: u32,
        /// Prefix length in bits, at most 32.
        length: u8,
        /// Path identifier, if the NLRI carried one.
        path_id: Option<u32>,
    },
    /// An IPv6 prefix; host bits are zero.
    Ipv6 {
        /// Address, host byte order.
        address: u128,
        /// Prefix length in bits, at most 128.
        length: u8,
        /// Path identifier, if the NLRI carried one.
        path_id: Option<u32>,
    },
    /// An IPv4 prefix within a VPN (RFC 4364).
    Vpn4 {
        /// Route distinguisher as on the wire.
        distinguisher: [u8; 8],
        /// Address, host byte order.
        address: u32,
        /// Prefix length in bits, at most 32.
        length: u8,
        /// Path identifier, if the NLRI carried one.
        path_id: Option<u32>,
    },
    /// An IPv6 prefix within a VPN (RFC 4659).
    Vpn6 {
        /// Route distinguisher as on the wire.
        distinguisher: [u8; 8],
        /// Address, host byte order.
        address: u128,
        /// Prefix length in bits, at most 128.
        length: u8,
        /// Path identifier, if the NLRI carried one.
        path_id: Option<u32>,
    },
    /// An NLRI of a family that has no prefixes; see [`RouteKey::opaque`].
    Opaque {
        /// What identifies the route.
        identity: OpaqueIdentity,
        /// The NLRI as on the wire, without its path identifier. It names the route for consumers.
        nlri: &'a [u8],
        /// Path identifier, if the NLRI carried one.
        path_id: Option<u32>,
    },
}

/// The identity of an opaque route: a 128-bit hash of its key octets and its path identifier.
///
/// The hash is XXH3-128. Among a billion routes, two have equal hashes with a probability of about 10⁻²¹.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpaqueIdentity(pub(crate) [u8; 16]);

/// The shape that all keys of one table have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyShape {
    /// [`RouteKey::Ipv4`].
    Ipv4,
    /// [`RouteKey::Ipv6`].
    Ipv6,
    /// [`RouteKey::Vpn4`].
    Vpn4,
    /// [`RouteKey::Vpn6`].
    Vpn6,
    /// [`RouteKey::Opaque`].
    Opaque,
}

impl<'a> RouteKey<'a> {
    /// Makes the key of an opaque route. `key` has the octets that identify the route, which may be fewer than those of its
    /// NLRI: two NLRI with equal `key` are the same route.
    #[must_use]
    pub fn opaque(key: &[u8], nlri: &'a [u8], path_id: Option<u32>) -> Self {
        let seed = path_id.map_or(0, |id| 1 << 32 | u64::from(id));
        Self::Opaque {
            identity: OpaqueIdentity(xxh3_128_with_seed(key, seed).to_le_bytes()),
            nlri,
            path_id,
        }
    }

    /// Shape of this key.
    #[must_use]
    pub const fn shape(&self) -> KeyShape {
        match self {
            Self::Ipv4 { .. } => KeyShape::Ipv4,
            Self::Ipv6 { .. } => KeyShape::Ipv6,
            Self::Vpn4 { .. } => KeyShape::Vpn4,
            Self::Vpn6 { .. } => KeyShape::Vpn6,
            Self::Opaque { .. } => KeyShape::Opaque,
        }
    }

    /// Path identifier, if the key has one.
    #[must_use]
    pub const fn path_id(&self) -> Option<u32> {
        match *self {
            Self::Ipv4 { path_id, .. }
            | Self::Ipv6 { path_id, .. }
            | Self::Vpn4 { path_id, .. }
            | Self::Vpn6 { path_id, .. }
            | Self::Opaque { path_id, .. } => path_id,
        }
    }
}

/// A stored key that is written part by part.
pub(crate) struct KeyBytes<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> KeyBytes<N> {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    #[inline]
    pub(crate) fn push<const M: usize>(mut self, part: [u8; M]) -> Self {
        self.bytes[self.length..self.length + M].copy_from_slice(&part);
        self.length += M;
        self
    }

    #[inline]
    pub(crate) fn finish(self) -> [u8; N] {
        debug_assert_eq!(self.length, N, "the parts of a key fill it");
        self.bytes
    }
}

/// Reads `M` bytes at `offset` of a stored key.
#[inline]
pub(crate) fn part<const M: usize>(bytes: &[u8], offset: usize) -> [u8; M] {
    let mut out = [0; M];
    out.copy_from_slice(&bytes[offset..offset + M]);
    out
}
