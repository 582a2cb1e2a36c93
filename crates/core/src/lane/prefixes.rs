//! The prefixes of a field, read into the keys that tables store.

use std::ops::Range;

use arancini_rib::StoredKey;
use arancini_schema::encode::DirectRoute;

/// Most routes of a message that takes the short way.
const MOST_ROUTES: usize = 1024;

/// Room for the routes of one message, for each shape of key.
pub(crate) struct Prefixes {
    ipv4: [[u8; 5]; MOST_ROUTES],
    ipv4_path: [[u8; 9]; MOST_ROUTES],
    ipv6: [[u8; 17]; MOST_ROUTES],
    ipv6_path: [[u8; 21]; MOST_ROUTES],
}

impl Prefixes {
    /// Makes the room. It is boxed because it is large.
    pub fn new() -> Box<Self> {
        Box::new(Self {
            ipv4: [[0; 5]; MOST_ROUTES],
            ipv4_path: [[0; 9]; MOST_ROUTES],
            ipv6: [[0; 17]; MOST_ROUTES],
            ipv6_path: [[0; 21]; MOST_ROUTES],
        })
    }
}

/// A key of `N` bytes, as [`StoredKey`] lays it out, that is read from an NLRI field.
pub(crate) trait Prefix<const N: usize>: StoredKey<N> + Copy {
    /// Whether the key has a path identifier.
    const HAS_PATH_ID: bool;

    /// The room for keys of this shape.
    fn room(prefixes: &mut Prefixes) -> &mut [Self; MOST_ROUTES];

    /// Reads the NLRI at `at` of a frame, whose field ends at `end`. Returns the key and where the next NLRI starts; `None` if the
    /// NLRI is malformed.
    fn read(frame: &[u8], at: usize, end: usize) -> Option<(Self, usize)>;

    /// The fields of a message about the route.
    fn route(&self, sequence: u64) -> DirectRoute;
}

/// Reads all keys of the field at this place of a frame. `None` if the field is malformed or has too many routes.
#[inline(always)]
pub(crate) fn read_all<'p, const N: usize>(
    frame: &[u8],
    routes: &Range<usize>,
    prefixes: &'p mut Prefixes,
) -> Option<&'p [[u8; N]]>
where
    [u8; N]: Prefix<N>,
{
    let room = <[u8; N]>::room(prefixes);
    let (mut at, end) = (routes.start, routes.end);
    let mut count = 0;
    for place in &mut *room {
        if at >= end {
            break;
        }
        (*place, at) = <[u8; N]>::read(frame, at, end)?;
        count += 1;
    }
    if at == end { room.get(..count) } else { None }
}

/// The eight octets of a frame that end at `end`. There are as many before the end of any NLRI.
#[inline(always)]
fn eight_before(frame: &[u8], end: usize) -> Option<u64> {
    let eight = frame.get(end.wrapping_sub(8)..end)?.first_chunk()?;
    Some(u64::from_be_bytes(*eight))
}

/// Reads length and octets of an IPv4 prefix. Returns address, length, and where the next NLRI starts.
#[inline(always)]
fn ipv4(frame: &[u8], at: usize, end: usize) -> Option<(u32, u8, usize)> {
    let length = *frame.get(at)?;
    let octets = usize::from(length).div_ceil(8);
    let next = at + 1 + octets;
    if length > 32 || next > end {
        return None;
    }
    // The shifts have 64 bits, because those of a /0 would overflow 32.
    let address = eight_before(frame, next)? << (32 - 8 * octets);
    let mask = u64::MAX << (32 - length);
    Some(((address & mask) as u32, length, next))
}

/// Reads length and octets of an IPv6 prefix, as [`ipv4`] does.
#[inline(always)]
fn ipv6(frame: &[u8], at: usize, end: usize) -> Option<(u128, u8, usize)> {
    let length = *frame.get(at)?;
    let octets = usize::from(length).div_ceil(8);
    let next = at + 1 + octets;
    if length > 128 || next > end {
        return None;
    }
    let (high, low) = match octets {
        0 => (0, 0),
        1..=8 => {
            let high = eight_before(frame, next)? << (64 - 8 * octets);
            (high & u64::MAX << (64 - length), 0)
        }
        _ => {
            let low = eight_before(frame, next)? << (128 - 8 * octets);
            (eight_before(frame, at + 9)?, low & u64::MAX << (128 - length))
        }
    };
    Some((u128::from(high) << 64 | u128::from(low), length, next))
}

/// Reads a path identifier.
#[inline(always)]
fn path_id(frame: &[u8], at: usize) -> Option<[u8; 4]> {
    frame.get(at..at + 4)?.first_chunk().copied()
}

/// The part of a key at an offset. The compiler removes the bounds check.
#[inline(always)]
fn part<const N: usize, const M: usize>(key: &[u8; N], at: usize) -> [u8; M] {
    let mut part = [0; M];
    part.copy_from_slice(&key[at..at + M]);
    part
}

/// IPv4-mapped IPv6 (RFC 4291 §2.5.5.2).
#[inline(always)]
const fn mapped(v4: [u8; 4]) -> [u8; 16] {
    (0xffff_0000_0000_u128 | u32::from_be_bytes(v4) as u128).to_be_bytes()
}

impl Prefix<5> for [u8; 5] {
    const HAS_PATH_ID: bool = false;

    #[inline(always)]
    fn room(prefixes: &mut Prefixes) -> &mut [Self; MOST_ROUTES] {
        &mut prefixes.ipv4
    }

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<(Self, usize)> {
        let (address, length, next) = ipv4(frame, at, end)?;
        // By way of one number: the key is stored at once, and so can be loaded at once.
        let key = u64::from(address.swap_bytes()) | u64::from(length) << 32;
        Some((part(&key.to_le_bytes(), 0), next))
    }

    #[inline(always)]
    fn route(&self, sequence: u64) -> DirectRoute {
        DirectRoute {
            prefix_address: mapped(part(self, 0)),
            prefix_length: self[4],
            path_id: None,
            sequence,
        }
    }
}

impl Prefix<9> for [u8; 9] {
    const HAS_PATH_ID: bool = true;

    #[inline(always)]
    fn room(prefixes: &mut Prefixes) -> &mut [Self; MOST_ROUTES] {
        &mut prefixes.ipv4_path
    }

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<(Self, usize)> {
        let path_id = path_id(frame, at)?;
        let (prefix, next) = <[u8; 5]>::read(frame, at + 4, end)?;
        let mut key = [0; 9];
        key[..5].copy_from_slice(&prefix);
        key[5..].copy_from_slice(&path_id);
        Some((key, next))
    }

    #[inline(always)]
    fn route(&self, sequence: u64) -> DirectRoute {
        let prefix: [u8; 5] = part(self, 0);
        DirectRoute {
            path_id: Some(u32::from_be_bytes(part(self, 5))),
            ..prefix.route(sequence)
        }
    }
}

impl Prefix<17> for [u8; 17] {
    const HAS_PATH_ID: bool = false;

    #[inline(always)]
    fn room(prefixes: &mut Prefixes) -> &mut [Self; MOST_ROUTES] {
        &mut prefixes.ipv6
    }

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<(Self, usize)> {
        let (address, length, next) = ipv6(frame, at, end)?;
        let mut key = [0; 17];
        key[..16].copy_from_slice(&address.to_be_bytes());
        key[16] = length;
        Some((key, next))
    }

    #[inline(always)]
    fn route(&self, sequence: u64) -> DirectRoute {
        DirectRoute {
            prefix_address: part(self, 0),
            prefix_length: self[16],
            path_id: None,
            sequence,
        }
    }
}

impl Prefix<21> for [u8; 21] {
    const HAS_PATH_ID: bool = true;

    #[inline(always)]
    fn room(prefixes: &mut Prefixes) -> &mut [Self; MOST_ROUTES] {
        &mut prefixes.ipv6_path
    }

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<(Self, usize)> {
        let path_id = path_id(frame, at)?;
        let (prefix, next) = <[u8; 17]>::read(frame, at + 4, end)?;
        let mut key = [0; 21];
        key[..17].copy_from_slice(&prefix);
        key[17..].copy_from_slice(&path_id);
        Some((key, next))
    }

    #[inline(always)]
    fn route(&self, sequence: u64) -> DirectRoute {
        let prefix: [u8; 17] = part(self, 0);
        DirectRoute {
            path_id: Some(u32::from_be_bytes(part(self, 17))),
            ..prefix.route(sequence)
        }
    }
}
