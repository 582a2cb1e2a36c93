//! A prefix that somebody asks for, and which prefixes contain it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_rib::RouteKey;
use serde::{Deserialize, Serialize};

/// An IPv4 or IPv6 prefix whose host bits are zero. An IPv4-mapped IPv6 prefix is an IPv6 prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why an address and a length are no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixError {
    /// The length has more bits than an address.
    TooLong {
        /// The longest length.
        most: u8,
    },
    /// The address has bits behind the length.
    HostBits {
        /// The prefix without these bits.
        without: Prefix,
    },
}

impl Prefix {
    /// The prefix of this address and length.
    ///
    /// # Errors
    /// The length is too long, or the address has bits behind it.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let most = most_bits(address);
        if length > most {
            return Err(PrefixError::TooLong { most });
        }
        let without = cut(address, length);
        if without.address == address {
            Ok(without)
        } else {
            Err(PrefixError::HostBits { without })
        }
    }

    /// The prefix that contains only this address.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        Self {
            address,
            length: most_bits(address),
        }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Its length in bits.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// The prefix of this length that contains this one; `length` is at most its own.
    #[must_use]
    pub fn shortened(&self, length: u8) -> Self {
        cut(self.address, length.min(self.length))
    }

    /// Whether `other` lies within this prefix or equals it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.length <= other.length
            && other.shortened(self.length).address == self.address
    }

    /// The key of this prefix in a table without route distinguishers and path identifiers.
    pub(super) fn key(&self) -> RouteKey<'static> {
        let length = self.length;
        match self.address {
            IpAddr::V4(address) => RouteKey::Ipv4 {
                address: address.to_bits(),
                length,
                path_id: None,
            },
            IpAddr::V6(address) => RouteKey::Ipv6 {
                address: address.to_bits(),
                length,
                path_id: None,
            },
        }
    }

    /// The prefix of a route; the empty prefix if the route has none.
    pub(super) const fn of_key(key: &RouteKey<'_>) -> Self {
        match *key {
            RouteKey::Ipv4 { address, length, .. } | RouteKey::Vpn4 { address, length, .. } => Self {
                address: IpAddr::V4(Ipv4Addr::from_bits(address)),
                length,
            },
            RouteKey::Ipv6 { address, length, .. } | RouteKey::Vpn6 { address, length, .. } => Self {
                address: IpAddr::V6(Ipv6Addr::from_bits(address)),
                length,
            },
            RouteKey::Opaque { .. } => Self {
                address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                length: 0,
            },
        }
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

const fn most_bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Clears the bits behind `length`, which is at most the number of bits of the address.
fn cut(address: IpAddr, length: u8) -> Prefix {
    let behind = u32::from(length);
    let address = match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shr(behind).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shr(behind).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !mask))
        }
    };
    Prefix { address, length }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn prefix(address: &str, length: u8) -> Result<Prefix, PrefixError> {
        Prefix::new(address.parse().unwrap(), length)
    }

    #[test]
    fn only_an_address_without_host_bits_is_a_prefix() {
        let most = 32;
        assert_eq!(prefix("192.0.2.0", 33), Err(PrefixError::TooLong { most }));
        let without = prefix("192.0.2.0", 24).unwrap();
        assert_eq!(prefix("192.0.2.1", 24), Err(PrefixError::HostBits { without }));
        assert!(prefix("0.0.0.0", 0).is_ok() && prefix("::", 0).is_ok());
        assert!(prefix("2001:db8::1", 128).is_ok());
        assert_eq!(
            prefix("::ffff:192.0.2.0", 120).unwrap().to_string(),
            "::ffff:192.0.2.0/120"
        );
    }

    #[test]
    fn a_prefix_covers_itself_and_what_is_longer_within_it() {
        let all = prefix("0.0.0.0", 0).unwrap();
        let wide = prefix("192.0.2.0", 24).unwrap();
        let narrow = prefix("192.0.2.128", 25).unwrap();
        assert!(wide.covers(&wide) && wide.covers(&narrow) && all.covers(&narrow));
        assert!(!narrow.covers(&wide) && !wide.covers(&prefix("192.0.3.0", 24).unwrap()));
        assert!(!prefix("::", 0).unwrap().covers(&wide));
        assert_eq!(narrow.shortened(24), wide);
    }
}
