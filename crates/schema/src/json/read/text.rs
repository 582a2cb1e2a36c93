//! Values that JSON has as text.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::super::text::Named;

/// A value that is written as text.
pub(super) trait FromText: Sized {
    /// What the text is, for an error.
    const WHAT: &'static str;

    /// Reads the text; `None` if no collector writes it.
    fn from_text(text: &str) -> Option<Self>;
}

/// A member or element whose text is a `T`.
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText<T>(PhantomData<T>);

        impl<T: FromText> Visitor<'_> for OfText<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} as text", T::WHAT)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                let value = T::from_text(text);
                value
                    .map(Text)
                    .ok_or_else(|| E::custom(format_args!("{text:?} is not {}", T::WHAT)))
            }
        }

        deserializer.deserialize_str(OfText(PhantomData))
    }
}

/// An address as the schema has it: 16 bytes, IPv4 as IPv4-mapped IPv6.
#[derive(Default)]
pub(super) struct Address(pub(super) [u8; 16]);

impl FromText for Address {
    const WHAT: &'static str = "an address";

    fn from_text(text: &str) -> Option<Self> {
        Some(Self(match text.parse().ok()? {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        }))
    }
}

/// A BGP identifier, router id or cluster id, as dotted text.
pub(super) struct Identifier(pub(super) u32);

impl FromText for Identifier {
    const WHAT: &'static str = "a BGP identifier";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(|dotted: Ipv4Addr| Self(dotted.into()))
    }
}

impl FromText for u64 {
    const WHAT: &'static str = "a number";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A fingerprint: 16 hexadecimal digits.
pub(super) struct Fingerprint(pub(super) u64);

impl FromText for Fingerprint {
    const WHAT: &'static str = "a fingerprint of 16 hexadecimal digits";

    fn from_text(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

/// Bytes as hexadecimal digits.
#[derive(Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl FromText for Bytes {
    const WHAT: &'static str = "bytes in hexadecimal digits";

    fn from_text(text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let byte = |&[high, low]: &[u8; 2]| Some((digit(high)? << 4 | digit(low)?) as u8);
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        bytes.filter(|_| rest.is_empty()).map(Self)
    }
}

/// A distinguisher (RFC 4364 §4.2), as the big-endian value of its 8 bytes.
pub(super) struct Distinguisher(pub(super) u64);

impl FromText for Distinguisher {
    const WHAT: &'static str = "a distinguisher";

    fn from_text(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix("0x") {
            return u64::from_str_radix(digits, 16).ok().map(Self);
        }
        let (administrator, number) = text.split_once(':')?;
        let four_octets = |kind: u64, administrator: u32| {
            let number: u16 = number.parse().ok()?;
            Some(Self(
                kind << 48 | u64::from(administrator) << 16 | u64::from(number),
            ))
        };
        if let Ok(address) = administrator.parse::<Ipv4Addr>() {
            return four_octets(1, address.into());
        }
        if let Some(asn) = administrator.strip_suffix('L') {
            return four_octets(2, asn.parse().ok()?);
        }
        match administrator.parse::<u32>().ok()? {
            asn @ 0..=0xffff => {
                let number: u32 = number.parse().ok()?;
                Some(Self(u64::from(asn) << 32 | u64::from(number)))
            }
            asn => four_octets(2, asn),
        }
    }
}

/// A community (RFC 1997): AS number and value.
pub(super) struct Community(pub(super) u32, pub(super) u16);

impl FromText for Community {
    const WHAT: &'static str = "a community";

    fn from_text(text: &str) -> Option<Self> {
        let (asn, value) = text.split_once(':')?;
        Some(Self(asn.parse().ok()?, value.parse().ok()?))
    }
}

/// An extended community (RFC 4360): the two octets of its type, and the octets behind them.
pub(super) struct ExtendedCommunity {
    pub(super) kind: [u8; 2],
    pub(super) value: Vec<u8>,
}

impl FromText for ExtendedCommunity {
    const WHAT: &'static str = "an extended community";

    fn from_text(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix("0x") {
            let bytes = Bytes::from_text(digits)?.0;
            let (&kind, value) = bytes.split_first_chunk()?;
            let value = value.to_vec();
            return Some(Self { kind, value });
        }
        let (name, rest) = text.split_once(':')?;
        let low = match name {
            "rt" => 2,
            "ro" => 3,
            _ => return None,
        };
        let [_, high, value @ ..] = Distinguisher::from_text(rest)?.0.to_be_bytes();
        let value = value.to_vec();
        Some(Self {
            kind: [high, low],
            value,
        })
    }
}

/// A large community (RFC 8092).
pub(super) struct LargeCommunity(pub(super) [u32; 3]);

impl FromText for LargeCommunity {
    const WHAT: &'static str = "a large community";

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(':').map(str::parse);
        let [Some(Ok(admin)), Some(Ok(one)), Some(Ok(two)), None] =
            [parts.next(), parts.next(), parts.next(), parts.next()]
        else {
            return None;
        };
        Some(Self([admin, one, two]))
    }
}

/// An address family in an event: AFI and SAFI.
pub(super) struct Family(pub(super) u16, pub(super) u8);

impl FromText for Family {
    const WHAT: &'static str = "a family as AFI/SAFI";

    fn from_text(text: &str) -> Option<Self> {
        let (afi, safi) = text.split_once('/')?;
        Some(Self(afi.parse().ok()?, safi.parse().ok()?))
    }
}

/// The name of an enumeration's value.
pub(super) struct NameOf<T>(pub(super) T);

impl<T: Named + TryFrom<u16>> FromText for NameOf<T> {
    const WHAT: &'static str = "a name that this version knows; a newer collector may have written it";

    fn from_text(text: &str) -> Option<Self> {
        let mut values = (0..=u16::MAX).map_while(|number| T::try_from(number).ok());
        values.find(|value| value.name() == text).map(Self)
    }
}
