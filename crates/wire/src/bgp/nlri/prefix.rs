//! Plain prefixes (RFC 4271 §4.3, RFC 4760 §5): a length in bits, then as many octets as the length needs.
//!
//! This is the inner loop of the collector. [`count`] checks a whole field once. After that, [`Ipv4Prefixes`] and
//! [`Ipv6Prefixes`] read the field without an error path.

use crate::error::WireError;

/// The octets of a prefix. Bits behind the prefix length are ignored (RFC 4271 §4.3) and read as zero.
#[derive(Debug, Clone, Copy)]
pub struct PrefixBits<'a> {
    octets: &'a [u8],
    length: u8,
    max_bits: u8,
}

impl<'a> PrefixBits<'a> {
    #[inline]
    pub(super) const fn new(octets: &'a [u8], length: u8, max_bits: u8) -> Self {
        Self {
            octets,
            length,
            max_bits,
        }
    }

    /// Whether this is an IPv4 prefix. Any other prefix is an IPv6 prefix.
    #[inline]
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        self.max_bits == 32
    }

    /// Length of the prefix in bits.
    #[inline]
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Octets as on the wire, including bits behind the prefix length.
    #[inline]
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Address as a number with host bits zero. For an IPv6 prefix, the first four octets.
    #[inline]
    #[must_use]
    pub fn to_v4(&self) -> u32 {
        load_v4(self.octets, self.length)
    }

    /// Address as a number with host bits zero. An IPv4 prefix is not mapped: it is in the high bits.
    #[inline]
    #[must_use]
    pub fn to_v6(&self) -> u128 {
        load_v6(self.octets, self.length)
    }

    /// Address in 16 octets with host bits zero, IPv4 as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2).
    #[inline]
    #[must_use]
    pub fn to_v6_mapped(&self) -> [u8; 16] {
        if self.is_v4() {
            (0xffff_0000_0000_u128 | u128::from(self.to_v4())).to_be_bytes()
        } else {
            self.to_v6().to_be_bytes()
        }
    }
}

/// Two prefixes are equal if they stand for the same set of addresses. Bits behind the prefix length do not matter.
impl PartialEq for PrefixBits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.max_bits == other.max_bits && self.length == other.length && self.to_v6() == other.to_v6()
    }
}

impl Eq for PrefixBits<'_> {}

/// Number of octets that hold `bits` bits.
#[inline]
pub(super) const fn octets_for(bits: u8) -> usize {
    (bits as usize + 7) >> 3
}

/// Reads the first four octets as a number. Missing octets count as zero: the last prefix of a field may have fewer.
#[inline]
const fn first_u32(octets: &[u8]) -> u32 {
    match *octets {
        [a, b, c, d, ..] => u32::from_be_bytes([a, b, c, d]),
        [a, b, c] => u32::from_be_bytes([a, b, c, 0]),
        [a, b] => u32::from_be_bytes([a, b, 0, 0]),
        [a] => u32::from_be_bytes([a, 0, 0, 0]),
        [] => 0,
    }
}

/// Reads the first eight octets as a number. Missing octets count as zero.
#[inline]
fn first_u64(octets: &[u8]) -> u64 {
    if let Some(chunk) = octets.first_chunk::<8>() {
        return u64::from_be_bytes(*chunk);
    }
    let first = u64::from(first_u32(octets)) << 32;
    match octets.last_chunk::<4>() {
        // Where the two loads overlap, they have the same bits.
        Some(last) => first | u64::from(u32::from_be_bytes(*last)) << (64 - 8 * octets.len()),
        None => first,
    }
}

/// Reads an IPv4 address with all bits behind `length` zero. Never reads past the end of `octets`.
#[inline]
fn load_v4(octets: &[u8], length: u8) -> u32 {
    // The shift has 64 bits, because a /0 shifts by 32, which would overflow a 32-bit shift.
    let mask = u64::MAX << 32_u8.saturating_sub(length);
    first_u32(octets) & (mask as u32)
}

/// Reads an IPv6 address with all bits behind `length` zero. Never reads past the end of `octets`.
#[inline]
fn load_v6(octets: &[u8], length: u8) -> u128 {
    let high = u128::from(first_u64(octets)) << 64;
    let word = match octets.get(8..) {
        Some(rest) => high | u128::from(first_u64(rest)),
        None => high,
    };
    match length {
        0 => 0,
        1..=127 => word & (u128::MAX << (128 - length)),
        _ => word,
    }
}

/// Counts the plain prefixes of at most `max_bits` bits in a field. Any other content of the field is an error.
#[inline]
pub(super) fn count(field: &[u8], max_bits: u8, add_path: bool) -> Result<usize, WireError> {
    // Many senders put one prefix into each UPDATE.
    match field {
        [length, octets @ ..] if !add_path && *length <= max_bits && octets.len() == octets_for(*length) => {
            Ok(1)
        }
        _ => count_all(field, max_bits, add_path),
    }
}

fn count_all(field: &[u8], max_bits: u8, add_path: bool) -> Result<usize, WireError> {
    let path_id = if add_path { 4 } else { 0 };
    let mut position = 0;
    let mut routes = 0;
    while position < field.len() {
        let at = position + path_id;
        let Some(&length) = field.get(at) else {
            return Err(WireError::truncated(
                position,
                path_id + 1,
                field.len() - position,
            ));
        };
        if length > max_bits {
            return Err(WireError::invalid(at, "prefix length", u64::from(length)));
        }
        position = at + 1 + octets_for(length);
        routes += 1;
        if position > field.len() {
            return Err(WireError::truncated(
                at + 1,
                octets_for(length),
                field.len() - at - 1,
            ));
        }
    }
    Ok(routes)
}

/// Takes one step over a checked field. Returns path identifier (0 if there is none), length, and offset of the octets.
///
/// The next step needs only the length octet of this one, so the processor can work on several prefixes at once.
#[inline]
fn step(field: &[u8], position: &mut usize, add_path: bool) -> Option<(u32, u8, usize)> {
    let mut at = *position;
    let mut path_id = 0;
    if add_path {
        let id = field.get(at..)?.first_chunk::<4>()?;
        path_id = u32::from_be_bytes(*id);
        at += 4;
    }
    let &length = field.get(at)?;
    *position = at + 1 + octets_for(length);
    Some((path_id, length, at + 1))
}

/// Iterates over the IPv4 prefixes of a checked field, as `(path identifier, length, address)`.
///
/// [`count`](super::count) or [`decide_add_path`](super::decide_add_path) must have accepted the field with this `add_path`.
/// On any other field the iterator yields wrong prefixes, but it ends and does not panic. The path identifier is 0 if the
/// field has none.
#[derive(Debug, Clone)]
pub struct Ipv4Prefixes<'a> {
    field: &'a [u8],
    position: usize,
    add_path: bool,
}

impl<'a> Ipv4Prefixes<'a> {
    /// Makes an iterator over a checked field.
    #[inline]
    #[must_use]
    pub const fn new(field: &'a [u8], add_path: bool) -> Self {
        Self {
            field,
            position: 0,
            add_path,
        }
    }
}

impl Iterator for Ipv4Prefixes<'_> {
    type Item = (u32, u8, u32);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (path_id, length, at) = step(self.field, &mut self.position, self.add_path)?;
        let octets = self.field.get(at..).unwrap_or_default();
        Some((path_id, length, load_v4(octets, length)))
    }
}

impl core::iter::FusedIterator for Ipv4Prefixes<'_> {}

/// Iterates over the IPv6 prefixes of a checked field, as [`Ipv4Prefixes`] does.
#[derive(Debug, Clone)]
pub struct Ipv6Prefixes<'a> {
    field: &'a [u8],
    position: usize,
    add_path: bool,
}

impl<'a> Ipv6Prefixes<'a> {
    /// Makes an iterator over a checked field.
    #[inline]
    #[must_use]
    pub const fn new(field: &'a [u8], add_path: bool) -> Self {
        Self {
            field,
            position: 0,
            add_path,
        }
    }
}

impl Iterator for Ipv6Prefixes<'_> {
    type Item = (u32, u8, u128);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (path_id, length, at) = step(self.field, &mut self.position, self.add_path)?;
        let octets = self.field.get(at..).unwrap_or_default();
        Some((path_id, length, load_v6(octets, length)))
    }
}

impl core::iter::FusedIterator for Ipv6Prefixes<'_> {}
