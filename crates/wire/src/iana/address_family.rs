//! IANA "Address Family Numbers" and "SAFI Values": the families of routes.

use core::fmt;
use core::str::FromStr;

/// A family of routes: address family and subsequent address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AfiSafi {
    /// Address Family Identifier.
    pub afi: u16,
    /// Subsequent Address Family Identifier.
    pub safi: u8,
}

impl AfiSafi {
    /// IPv4 unicast, 1/1.
    pub const IPV4_UNICAST: Self = Self::new(1, 1);
    /// IPv6 unicast, 2/1.
    pub const IPV6_UNICAST: Self = Self::new(2, 1);

    /// IPv4 multicast, 1/2.
    pub const IPV4_MULTICAST: Self = Self::new(1, 2);
    /// IPv6 multicast, 2/2.
    pub const IPV6_MULTICAST: Self = Self::new(2, 2);
    /// IPv4 with MPLS labels, 1/4 (RFC 8277).
    pub const IPV4_LABELLED: Self = Self::new(1, 4);
    /// IPv6 with MPLS labels, 2/4 (RFC 8277).
    pub const IPV6_LABELLED: Self = Self::new(2, 4);
    /// IPv4 VPN, 1/128 (RFC 4364).
    pub const IPV4_VPN: Self = Self::new(1, 128);
    /// IPv6 VPN, 2/128 (RFC 4659).
    pub const IPV6_VPN: Self = Self::new(2, 128);
    /// Route target constraints, 1/132 (RFC 4684).
    pub const ROUTE_TARGET: Self = Self::new(1, 132);
    /// IPv4 FlowSpec, 1/133 (RFC 8955).
    pub const IPV4_FLOWSPEC: Self = Self::new(1, 133);
    /// IPv6 FlowSpec, 2/133 (RFC 8956).
    pub const IPV6_FLOWSPEC: Self = Self::new(2, 133);
    /// VPLS, 25/65 (RFC 4761).
    pub const VPLS: Self = Self::new(25, 65);
    /// EVPN, 25/70 (RFC 7432).
    pub const EVPN: Self = Self::new(25, 70);
    /// BGP-LS, 16388/71 (RFC 9552).
    pub const BGP_LS: Self = Self::new(16388, 71);

    /// Makes the family of these two numbers.
    #[must_use]
    pub const fn new(afi: u16, safi: u8) -> Self {
        Self { afi, safi }
    }

    /// The usual name of the family; `None` if the family has no name here.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match (self.afi, self.safi) {
            (1, 1) => "ipv4-unicast",
            (2, 1) => "ipv6-unicast",
            (1, 2) => "ipv4-multicast",
            (2, 2) => "ipv6-multicast",
            (1, 4) => "ipv4-labelled-unicast",
            (2, 4) => "ipv6-labelled-unicast",
            (1, 5) => "ipv4-mcast-vpn",
            (2, 5) => "ipv6-mcast-vpn",
            (1, 73) => "ipv4-sr-policy",
            (2, 73) => "ipv6-sr-policy",
            (1, 85) => "ipv4-mup",
            (2, 85) => "ipv6-mup",
            (1, 128) => "ipv4-vpn",
            (2, 128) => "ipv6-vpn",
            (1, 129) => "ipv4-multicast-vpn",
            (2, 129) => "ipv6-multicast-vpn",
            (1, 132) => "route-target",
            (1, 133) => "ipv4-flowspec",
            (2, 133) => "ipv6-flowspec",
            (1, 134) => "ipv4-vpn-flowspec",
            (2, 134) => "ipv6-vpn-flowspec",
            (25, 65) => "vpls",
            (25, 70) => "evpn",
            (25, 133) => "l2-flowspec",
            (25, 134) => "l2-vpn-flowspec",
            (16388, 71) => "bgp-ls",
            (16388, 72) => "bgp-ls-vpn",
            _ => return None,
        })
    }
}

/// Prints `afi/safi`, as in `1/1`.
impl fmt::Display for AfiSafi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.afi, self.safi)
    }
}

/// Reads a family by its numbers, as in `1/1`, or by its name, as in `ipv4-unicast`.
impl FromStr for AfiSafi {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // As they are printed: no sign, no zero in front.
        let number = |text: &str| -> Option<u16> {
            let is_plain =
                text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            if is_plain { text.parse().ok() } else { None }
        };
        if let Some((afi, safi)) = text.split_once('/') {
            let safi = number(safi).and_then(|safi| u8::try_from(safi).ok());
            return Ok(Self::new(number(afi).ok_or(())?, safi.ok_or(())?));
        }
        let named = [1, 2, 25, 16388]
            .into_iter()
            .flat_map(|afi| (0..=u8::MAX).map(move |safi| Self::new(afi, safi)));
        named
            .into_iter()
            .find(|family| family.name() == Some(text))
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::AfiSafi;

    #[test]
    fn every_named_family_has_a_name_of_its_own() {
        let families = [1, 2, 25, 16388].into_iter().flat_map(|afi| {
            let safis = 0..=u8::MAX;
            safis.map(move |safi| AfiSafi::new(afi, safi))
        });
        let named: Vec<_> = families.filter_map(AfiSafi::name).collect();
        let distinct: BTreeSet<_> = named.iter().collect();
        assert_eq!((named.len(), distinct.len()), (27, 27));
        for family in [AfiSafi::EVPN, AfiSafi::IPV4_UNICAST, AfiSafi::BGP_LS] {
            assert_eq!(family.name().map(str::parse), Some(Ok(family)));
            assert_eq!(family.to_string().parse(), Ok(family));
        }
        for text in [
            "", "1", "1/", "/1", "1/256", "65536/1", "+1/1", "1/01", "1_1", "ipv4",
        ] {
            assert_eq!(text.parse::<AfiSafi>(), Err(()), "{text}");
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(named.iter().all(|name| name.chars().all(plain)), "{named:?}");
        assert_eq!(AfiSafi::IPV6_VPN.name(), Some("ipv6-vpn"));
        assert_eq!(AfiSafi::new(3, 1).name(), None);
    }

    #[test]
    fn a_family_prints_as_its_two_numbers() {
        assert_eq!(AfiSafi::BGP_LS.to_string(), "16388/71");
    }
}
