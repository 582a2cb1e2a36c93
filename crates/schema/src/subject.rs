//! Subjects: the names under which each kind of message is published.
//!
//! ```text
//! <base>.updates.<router>.<peer asn>.<afi>_<safi>      arancini.updates.v4_192_0_2_1.64512.1_1
//! <base>.peers.<router>.<peer asn>
//! <base>.routers.<router>
//! <base>.stats.<router>.<peer asn>
//! <base>.malformed.<router>
//! ```
//!
//! A router is `v4_192_0_2_1` or `v6_2001_db8_0_0_0_0_0_1`: no dots (which separate tokens), no colons, all eight groups, lower
//! case, no leading zeros. An IPv4-mapped address is written as IPv4.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_wire::iana::AfiSafi;

use crate::message_kind::MessageKind;

/// A subject without its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// `Update` messages of one router, peer AS and family.
    Updates {
        /// The router.
        router: IpAddr,
        /// AS number of the peer.
        peer_asn: u32,
        /// Family of the routes.
        family: AfiSafi,
    },
    /// `PeerEvent` messages.
    Peers {
        /// The router.
        router: IpAddr,
        /// AS number of the peer.
        peer_asn: u32,
    },
    /// `RouterEvent` messages.
    Routers {
        /// The router.
        router: IpAddr,
    },
    /// `StatisticsEvent` messages.
    Statistics {
        /// The router.
        router: IpAddr,
        /// AS number of the peer.
        peer_asn: u32,
    },
    /// `MalformedMessage` messages.
    Malformed {
        /// The router.
        router: IpAddr,
    },
}

impl Subject {
    /// The whole subject under `base`.
    #[must_use]
    pub fn under(&self, base: &str) -> String {
        format!("{base}.{self}")
    }

    /// The router that the messages of this subject are about.
    #[must_use]
    pub const fn router(&self) -> IpAddr {
        match self {
            Self::Updates { router, .. }
            | Self::Peers { router, .. }
            | Self::Routers { router }
            | Self::Statistics { router, .. }
            | Self::Malformed { router } => *router,
        }
    }

    /// The kind of this subject's messages.
    #[must_use]
    pub const fn message_kind(&self) -> MessageKind {
        match self {
            Self::Updates { .. } => MessageKind::Updates,
            Self::Peers { .. } => MessageKind::Peers,
            Self::Routers { .. } => MessageKind::Routers,
            Self::Statistics { .. } => MessageKind::Statistics,
            Self::Malformed { .. } => MessageKind::Malformed,
        }
    }

    /// Parses a subject under `base`; `None` for any subject that this module would not write.
    #[must_use]
    pub fn parse(base: &str, subject: &str) -> Option<Self> {
        let text = subject.strip_prefix(base)?.strip_prefix('.')?;
        let mut tokens = text.split('.');
        let kind = tokens.next()?;
        let router = router_of_token(tokens.next()?)?;
        let mut peer_asn = || tokens.next()?.parse().ok();
        let parsed = match kind {
            "updates" => {
                let peer_asn = peer_asn()?;
                let (afi, safi) = tokens.next()?.split_once('_')?;
                let family = AfiSafi::new(afi.parse().ok()?, safi.parse().ok()?);
                Self::Updates {
                    router,
                    peer_asn,
                    family,
                }
            }
            "peers" => Self::Peers {
                router,
                peer_asn: peer_asn()?,
            },
            "routers" => Self::Routers { router },
            "stats" => Self::Statistics {
                router,
                peer_asn: peer_asn()?,
            },
            "malformed" => Self::Malformed { router },
            _ => return None,
        };
        // Only one spelling is valid: no leading zeros, no signs, no further tokens.
        (parsed.to_string() == text).then_some(parsed)
    }
}

/// Prints the subject without its base.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Updates {
                router,
                peer_asn,
                family: AfiSafi { afi, safi },
            } => write!(f, "updates.{}.{peer_asn}.{afi}_{safi}", router_token(router)),
            Self::Peers { router, peer_asn } => write!(f, "peers.{}.{peer_asn}", router_token(router)),
            Self::Routers { router } => write!(f, "routers.{}", router_token(router)),
            Self::Statistics { router, peer_asn } => {
                write!(f, "stats.{}.{peer_asn}", router_token(router))
            }
            Self::Malformed { router } => write!(f, "malformed.{}", router_token(router)),
        }
    }
}

/// The subject of a router's updates for one peer AS and family.
#[must_use]
pub fn updates_subject(base: &str, router: IpAddr, peer_asn: u32, family: AfiSafi) -> String {
    let subject = Subject::Updates {
        router,
        peer_asn,
        family,
    };
    subject.under(base)
}

/// The subject of a router's peer events.
#[must_use]
pub fn peers_subject(base: &str, router: IpAddr, peer_asn: u32) -> String {
    Subject::Peers { router, peer_asn }.under(base)
}

/// The subject of a router's own events.
#[must_use]
pub fn routers_subject(base: &str, router: IpAddr) -> String {
    Subject::Routers { router }.under(base)
}

/// The subject of a router's statistics.
#[must_use]
pub fn statistics_subject(base: &str, router: IpAddr, peer_asn: u32) -> String {
    Subject::Statistics { router, peer_asn }.under(base)
}

/// The subject of a router's malformed messages.
#[must_use]
pub fn malformed_subject(base: &str, router: IpAddr) -> String {
    Subject::Malformed { router }.under(base)
}

/// Converts a router to a subject token.
#[must_use]
pub fn router_token(router: IpAddr) -> String {
    let mut token = String::with_capacity(42);
    // A write to a String cannot fail.
    match router.to_canonical() {
        IpAddr::V4(address) => {
            token.push_str("v4");
            for octet in address.octets() {
                let _ = write!(token, "_{octet}");
            }
        }
        IpAddr::V6(address) => {
            token.push_str("v6");
            for group in address.segments() {
                let _ = write!(token, "_{group:x}");
            }
        }
    }
    token
}

/// Parses the subject token of a router; `None` for any other token.
#[must_use]
pub fn router_of_token(token: &str) -> Option<IpAddr> {
    let address: IpAddr = if let Some(octets) = token.strip_prefix("v4_") {
        let octets = exactly::<4, u8>(octets, |octet| octet.parse().ok())?;
        Ipv4Addr::from(octets).into()
    } else {
        let groups = token.strip_prefix("v6_")?;
        let groups = exactly::<8, u16>(groups, |group| u16::from_str_radix(group, 16).ok())?;
        Ipv6Addr::from(groups).into()
    };
    (router_token(address) == token).then_some(address)
}

fn exactly<const N: usize, T: Copy + Default>(
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<[T; N]> {
    let mut values = [T::default(); N];
    let mut parts = text.split('_');
    for value in &mut values {
        *value = parse(parts.next()?)?;
    }
    parts.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn router(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn subjects_look_as_documented() {
        let ipv4 = router("192.0.2.1");
        assert_eq!(
            updates_subject("arancini", ipv4, 64512, AfiSafi::IPV4_UNICAST),
            "arancini.updates.v4_192_0_2_1.64512.1_1"
        );
        assert_eq!(
            peers_subject("lab.bgp", router("2001:db8::1"), 1),
            "lab.bgp.peers.v6_2001_db8_0_0_0_0_0_1.1"
        );
        assert_eq!(routers_subject("a", ipv4), "a.routers.v4_192_0_2_1");
        assert_eq!(statistics_subject("a", ipv4, 7), "a.stats.v4_192_0_2_1.7");
        assert_eq!(malformed_subject("a", ipv4), "a.malformed.v4_192_0_2_1");
    }

    #[test]
    fn a_mapped_address_is_ipv4() {
        let mapped = router("::ffff:192.0.2.1");
        assert_eq!(router_token(mapped), "v4_192_0_2_1");
        assert_eq!(router_of_token("v6_0_0_0_0_0_ffff_c000_201"), None);
    }

    #[test]
    fn only_what_is_written_is_read() {
        let parse = |subject| Subject::parse("a", subject);
        assert!(parse("a.updates.v4_192_0_2_1.64512.1_1").is_some());
        for subject in [
            "",
            "a",
            "b.routers.v4_1_2_3_4",
            "a.routers.v4_1_2_3",
            "a.routers.v4_1_2_3_4_5",
            "a.routers.v4_01_2_3_4",
            "a.routers.v4_+1_2_3_4",
            "a.routers.v4_1_2_3_256",
            "a.routers.v6_2001_DB8_0_0_0_0_0_1",
            "a.routers.v6_2001_db8_0_0_0_0_1",
            "a.routers.v4_1_2_3_4.9",
            "a.peers.v4_1_2_3_4",
            "a.peers.v4_1_2_3_4.4294967296",
            "a.updates.v4_1_2_3_4.1.1",
            "a.updates.v4_1_2_3_4.1.1_256",
            "a.unknown.v4_1_2_3_4",
        ] {
            assert_eq!(parse(subject), None, "{subject}");
        }
    }

    proptest! {
        #[test]
        fn subjects_read_back(
            bits: u128,
            v4: Option<u32>,
            peer_asn: u32,
            family: (u16, u8),
            kind in 0..5,
            base in "[a-z]{1,8}(\\.[a-z]{1,8})?",
        ) {
            let router = match v4 {
                Some(v4) => IpAddr::from(Ipv4Addr::from(v4)),
                None => Ipv6Addr::from(bits).to_canonical(),
            };
            let family = AfiSafi::new(family.0, family.1);
            let subject = match kind {
                0 => Subject::Updates { router, peer_asn, family },
                1 => Subject::Peers { router, peer_asn },
                2 => Subject::Routers { router },
                3 => Subject::Statistics { router, peer_asn },
                _ => Subject::Malformed { router },
            };
            prop_assert_eq!(Subject::parse(&base, &subject.under(&base)), Some(subject));
        }

        #[test]
        fn parsing_never_panics(text in ".{0,60}") {
            let _ = Subject::parse("a", &text);
            let _ = Subject::parse("", &text);
        }
    }
}
