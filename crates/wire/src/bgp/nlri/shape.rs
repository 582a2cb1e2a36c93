//! The shape of each family's NLRI: a table from AFI/SAFI to shape.

use crate::iana::AfiSafi;

/// The shape of a family's NLRI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NlriShape {
    /// A prefix behind a length field, which counts the bits of the rest of the NLRI.
    Prefix {
        /// Whether a route distinguisher stands before the prefix.
        rd: bool,
        /// Whether labels stand before the prefix and the route distinguisher.
        labelled: bool,
        /// Number of bits of the family's addresses.
        max_bits: u8,
    },
    /// No prefix, but an NLRI with a known end.
    Opaque {
        /// The place of the length field, and what it counts.
        length_field: LengthField,
    },
    /// An NLRI whose length is unknown: the whole field counts as one NLRI.
    Unframed,
}

/// The place of the length field of an opaque NLRI, and what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthField {
    /// Type (1), length in octets (1): EVPN (RFC 7432 §7), MCAST-VPN (RFC 6514 §4).
    TypeLength,
    /// Type (2), length in octets (2): BGP-LS (RFC 9552 §5.2).
    LongTypeLength,
    /// Architecture type (1), route type (2), length in octets (1): BGP-MUP.
    ArchitectureTypeLength,
    /// Length in octets (2): VPLS (RFC 4761 §3.2.2).
    LongLength,
    /// Length in bits (1): route target constraints (RFC 4684 §4), SR Policy (RFC 9830 §2.1).
    BitLength,
    /// Length in octets: one octet if below 0xf0, else the low 12 bits of two octets. FlowSpec (RFC 8955 §4.1).
    FlowSpec,
}

/// Looks up the shape of a family's NLRI.
#[inline]
#[must_use]
pub const fn shape(family: AfiSafi) -> NlriShape {
    let max_bits = match family.afi {
        1 => 32,
        _ => 128,
    };
    match (family.afi, family.safi) {
        (1 | 2, 1 | 2) => NlriShape::Prefix {
            rd: false,
            labelled: false,
            max_bits,
        },
        (1 | 2, 4) => NlriShape::Prefix {
            rd: false,
            labelled: true,
            max_bits,
        },
        (1 | 2, 128) => NlriShape::Prefix {
            rd: true,
            labelled: true,
            max_bits,
        },
        // Routes that select the upstream multicast hop. They have no label (RFC 6513 §5.1.1).
        (1 | 2, 129) => NlriShape::Prefix {
            rd: true,
            labelled: false,
            max_bits,
        },
        (25, 70) | (1 | 2, 5) => opaque(LengthField::TypeLength),
        (16388, 71 | 72) => opaque(LengthField::LongTypeLength),
        (1 | 2, 85) => opaque(LengthField::ArchitectureTypeLength),
        (25, 65) => opaque(LengthField::LongLength),
        (1, 132) | (1 | 2, 73) => opaque(LengthField::BitLength),
        (1 | 2 | 25, 133 | 134) => opaque(LengthField::FlowSpec),
        _ => NlriShape::Unframed,
    }
}

const fn opaque(length_field: LengthField) -> NlriShape {
    NlriShape::Opaque { length_field }
}
