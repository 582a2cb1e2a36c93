//! Values as text, in the form that people write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use capnp::NotInSchema;

use crate::update_capnp::{PeerEventKind, RibView, RouterEventKind, SegmentKind, WithdrawReason};

/// Converts 16 bytes to an address, a mapped address to IPv4. `None` for any other length.
#[must_use]
pub fn address(bytes: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.try_into().ok()?;
    Some(Ipv6Addr::from(octets).to_canonical())
}

/// Converts 16 bytes to the address of a prefix. The family decides, since an IPv6 prefix may be in the mapped range.
#[must_use]
pub fn prefix_address(bytes: &[u8], afi: u16) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.try_into().ok()?;
    match (afi, octets) {
        (1, [.., a, b, c, d]) => Some(Ipv4Addr::new(a, b, c, d).into()),
        _ => Some(Ipv6Addr::from(octets).into()),
    }
}

/// Converts a BGP identifier, router id or cluster id to dotted text.
pub(super) fn identifier(id: u32) -> Ipv4Addr {
    Ipv4Addr::from(id)
}

/// Bytes as hexadecimal digits.
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A route or peer distinguisher (RFC 4364 §4.2): `64512:100`, `192.0.2.1:100`, `64512L:100`, or `0x` with 16 digits.
pub struct Distinguisher(pub u64);

impl fmt::Display for Distinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [t0, t1, a, b, c, d, e, g] = self.0.to_be_bytes();
        match u16::from_be_bytes([t0, t1]) {
            0 => {
                let asn = u16::from_be_bytes([a, b]);
                write!(f, "{asn}:{}", u32::from_be_bytes([c, d, e, g]))
            }
            1 => {
                let number = u16::from_be_bytes([e, g]);
                write!(f, "{}:{number}", Ipv4Addr::new(a, b, c, d))
            }
            2 => {
                let number = u16::from_be_bytes([e, g]);
                let asn = u32::from_be_bytes([a, b, c, d]);
                // The mark distinguishes a 4-octet AS number that fits into two octets from a 2-octet AS number.
                let mark = if asn <= u32::from(u16::MAX) { "L" } else { "" };
                write!(f, "{asn}{mark}:{number}")
            }
            _ => write!(f, "{:#018x}", self.0),
        }
    }
}

/// An extended community (RFC 4360, RFC 5668): `rt:64512:100`, `ro:192.0.2.1:100`, or `0x` with 16 digits.
pub struct ExtendedCommunity<'a> {
    /// The high octet of its type.
    pub type_high: u8,
    /// The low octet of its type.
    pub type_low: u8,
    /// The six octets behind the type.
    pub value: &'a [u8],
}

impl fmt::Display for ExtendedCommunity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.type_low {
            2 => Some("rt"),
            3 => Some("ro"),
            _ => None,
        };
        match (name, self.type_high, self.value) {
            (Some(name), kind @ 0..=2, &[a, b, c, d, e, g]) => {
                let distinguisher = u64::from_be_bytes([0, kind, a, b, c, d, e, g]);
                write!(f, "{name}:{}", Distinguisher(distinguisher))
            }
            _ => write!(
                f,
                "0x{:02x}{:02x}{}",
                self.type_high,
                self.type_low,
                Hex(self.value)
            ),
        }
    }
}

/// The name of an enumeration's value; the number of a value that a newer schema has added.
pub struct Name<T>(pub Result<T, NotInSchema>);

/// An enumeration whose values have names in JSON.
pub trait Named: Copy {
    /// Returns the name of the value.
    fn name(self) -> &'static str;
}

impl<T: Named> fmt::Display for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(value) => f.write_str(value.name()),
            Err(NotInSchema(number)) => write!(f, "{number}"),
        }
    }
}

impl Named for RibView {
    fn name(self) -> &'static str {
        match self {
            Self::AdjRibInPre => "adj-rib-in-pre",
            Self::AdjRibInPost => "adj-rib-in-post",
            Self::AdjRibOutPre => "adj-rib-out-pre",
            Self::AdjRibOutPost => "adj-rib-out-post",
            Self::LocRib => "loc-rib",
        }
    }
}

impl Named for WithdrawReason {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Explicit => "explicit",
            Self::PeerDown => "peer-down",
            Self::SessionLost => "session-lost",
            Self::NotReannounced => "not-reannounced",
            Self::TreatAsWithdraw => "treat-as-withdraw",
        }
    }
}

impl Named for SegmentKind {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::AsSet => "as-set",
            Self::AsSequence => "as-sequence",
            Self::ConfedSequence => "confed-sequence",
            Self::ConfedSet => "confed-set",
        }
    }
}

impl Named for PeerEventKind {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl Named for RouterEventKind {
    fn name(self) -> &'static str {
        match self {
            Self::SessionOpened => "session-opened",
            Self::Initiation => "initiation",
            Self::Lost => "lost",
            Self::Stale => "stale",
            Self::Back => "back",
            Self::Terminated => "terminated",
            Self::ResyncBegin => "resync-begin",
            Self::ResyncEnd => "resync-end",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishers_of_different_types_read_differently() {
        let text = |bytes| Distinguisher(u64::from_be_bytes(bytes)).to_string();
        assert_eq!(text([0, 0, 0xfc, 0, 0, 0, 0, 100]), "64512:100");
        assert_eq!(text([0, 1, 192, 0, 2, 1, 0, 100]), "192.0.2.1:100");
        assert_eq!(text([0, 2, 0, 0, 0xfc, 0, 0, 100]), "64512L:100");
        assert_eq!(text([0, 2, 0, 1, 0, 0, 0, 100]), "65536:100");
        assert_eq!(text([0, 3, 0, 0, 0, 0, 0, 1]), "0x0003000000000001");
    }

    #[test]
    fn an_ipv6_prefix_in_the_mapped_range_stays_ipv6() {
        let mapped = Ipv4Addr::new(192, 0, 2, 0).to_ipv6_mapped().octets();
        let text = |afi| prefix_address(&mapped, afi).map(|prefix| prefix.to_string());
        assert_eq!(text(1).as_deref(), Some("192.0.2.0"));
        assert_eq!(text(2).as_deref(), Some("::ffff:192.0.2.0"));
    }
}
