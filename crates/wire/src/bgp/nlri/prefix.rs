//! Plain prefixes (RFC 4271 §4.3, RFC 4760 §5): a length in bits, then as many octets as hold it.
//!
//! This is the inner loop of the collector: [`count`] checks a whole field once, after that [`Ipv4Prefixes`] and
//! [`Ipv6Prefixes`] read it without any error path.

use crate::WireError;

/// The octets of a prefix. Bits behind its length are ignored (RFC 4271 §4.3) and read as zero.
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

    /// Whether this is a prefix of IPv4 addresses; else of IPv6 addresses.
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

    /// The octets as they are on the wire, bits behind the length included.
    #[inline]
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The address as a number, host bits zero. Of an IPv6 prefix the first four octets.
    #[inline]
    #[must_use]
    pub fn to_v4(&self) -> u32 {
        load_v4(self.octets, self.length)
    }

    /// The address as a number, host bits zero; an IPv4 prefix is not mapped but stands in the high bits.
    #[inline]
    #[must_use]
    pub fn to_v6(&self) -> u128 {
        load_v6(self.octets, self.length)
    }

    /// The address in 16 octets, host bits zero; IPv4 as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2).
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

/// Two prefixes are equal when they stand for the same set of addresses, whatever their spare bits hold.
impl PartialEq for PrefixBits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.max_bits == other.max_bits && self.length == other.length && self.to_v6() == other.to_v6()
    }
}

impl Eq for PrefixBits<'_> {}

/// Octets that hold `bits` bits.
#[inline]
pub(super) const fn octets_for(bits: u8) -> usize {
    (bits as usize + 7) >> 3
}

/// The first four octets as a number, zero where there are fewer: those of the last prefix of a field.
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

/// The same of eight octets.
#[inline]
fn first_u64(octets: &[u8]) -> u64 {
    if let Some(chunk) = octets.first_chunk::<8>() {
        return u64::from_be_bytes(*chunk);
    }
    let first = u64::from(first_u32(octets)) << 32;
    match octets.last_chunk::<4>() {
        // Where both overlap they say the same.
        Some(last) => first | u64::from(u32::from_be_bytes(*last)) << (64 - 8 * octets.len()),
        None => first,
    }
}

/// The first octets as a number, all bits behind `length` zero. Never reads more than there is.
#[inline]
fn load_v4(octets: &[u8], length: u8) -> u32 {
    // Shifting in 64 bits, because a shift by all 32 bits of a /0 would be an overflow.
    let mask = u64::MAX << 32_u8.saturating_sub(length);
    first_u32(octets) & (mask as u32)
}

/// The first octets as a number, all bits behind `length` zero. Never reads more than there is.
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

/// How many plain prefixes of at most `max_bits` bits the field holds, if it is exactly a sequence of them.
#[inline]
pub(super) fn count(field: &[u8], max_bits: u8, add_path: bool) -> Result<usize, WireError> {
    // Many senders put one into each UPDATE.
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

/// One step over a checked field: path identifier (0 where there is none), length, and where the octets start.
///
/// The next step needs nothing but the length octet, so that the processor can work on several prefixes at a time.
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

/// IPv4 prefixes `(path identifier, length, address)` of a field that [`count`](super::count) or
/// [`decide_add_path`](super::decide_add_path) has accepted with the same `add_path`. The identifier is 0 where
/// there is none. On any other field it yields nonsense, but ends and doesn't panic.
#[derive(Debug, Clone)]
pub struct Ipv4Prefixes<'a> {
    field: &'a [u8],
    position: usize,
    add_path: bool,
}

impl<'a> Ipv4Prefixes<'a> {
    /// The prefixes of this checked field.
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

/// IPv6 prefixes `(path identifier, length, address)`; see [`Ipv4Prefixes`].
#[derive(Debug, Clone)]
pub struct Ipv6Prefixes<'a> {
    field: &'a [u8],
    position: usize,
    add_path: bool,
}

impl<'a> Ipv6Prefixes<'a> {
    /// The prefixes of this checked field.
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
