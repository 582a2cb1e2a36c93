//! Lists of members of fixed size: communities of all kinds and CLUSTER_LIST.

/// COMMUNITIES (RFC 1997).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Communities<'a>(&'a [[u8; 4]]);

/// CLUSTER_LIST (RFC 4456 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterList<'a>(&'a [[u8; 4]]);

/// EXTENDED_COMMUNITIES (RFC 4360).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedCommunities<'a>(&'a [[u8; 8]]);

/// IPv6 address specific extended communities (RFC 5701).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6ExtendedCommunities<'a>(&'a [[u8; 20]]);

/// LARGE_COMMUNITY (RFC 8092).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeCommunities<'a>(&'a [[u8; 12]]);

/// Splits `value` into members; `None` if its length is not a non-zero multiple of their size (RFC 7606 §7.8, §7.10, §7.14,
/// §7.15; RFC 8092 §6).
#[inline]
fn members<const N: usize>(value: &[u8]) -> Option<&[[u8; N]]> {
    match value.as_chunks::<N>() {
        (members, []) if !members.is_empty() => Some(members),
        _ => None,
    }
}

macro_rules! list {
    ($list:ident, $octets:literal) => {
        impl<'a> $list<'a> {
            /// Makes a list of this value; `None` if its length is zero or not a multiple of the member's size.
            #[inline]
            #[must_use]
            pub fn new_checked(value: &'a [u8]) -> Option<Self> {
                members(value).map(Self)
            }

            /// The members as on the wire.
            #[inline]
            #[must_use]
            pub const fn as_members(&self) -> &'a [[u8; $octets]] {
                self.0
            }

            /// Number of members, never 0.
            #[inline]
            #[must_use]
            #[allow(clippy::len_without_is_empty)]
            pub const fn len(&self) -> usize {
                self.0.len()
            }
        }
    };
}

list!(Communities, 4);
list!(ClusterList, 4);
list!(ExtendedCommunities, 8);
list!(Ipv6ExtendedCommunities, 20);
list!(LargeCommunities, 12);

impl<'a> Communities<'a> {
    /// Iterates over the communities as numbers.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        self.0.iter().map(|member| u32::from_be_bytes(*member))
    }

    /// Iterates over the communities as AS number and value.
    #[inline]
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (u16, u16)> + Clone + use<'a> {
        self.0
            .iter()
            .map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

impl<'a> ClusterList<'a> {
    /// Iterates over the cluster identifiers.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        self.0.iter().map(|member| u32::from_be_bytes(*member))
    }
}

impl<'a> ExtendedCommunities<'a> {
    /// Iterates over the communities: high octet of the type, low octet of the type (or value), six octets of value.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = [u8; 8]> + Clone + use<'a> {
        self.0.iter().copied()
    }
}

impl<'a> LargeCommunities<'a> {
    /// Iterates over the communities: global administrator, local data part 1, local data part 2.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = [u32; 3]> + Clone + use<'a> {
        self.0.iter().map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| {
            [
                u32::from_be_bytes([a, b, c, d]),
                u32::from_be_bytes([e, f, g, h]),
                u32::from_be_bytes([i, j, k, l]),
            ]
        })
    }
}
