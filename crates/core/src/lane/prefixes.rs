//! The NLRI of a field, read into the keys that tables store.

use std::ops::Range;

use arancini_rib::StoredKey;
use arancini_schema::encode::DirectRoute;

/// Most routes of a message that takes the short way.
const MOST_ROUTES: usize = 1024;

/// A label as on the wire (RFC 8277 §2).
pub(crate) type Label = [u8; 3];

/// Room for the routes of one message, for keys of each length.
pub(crate) struct Prefixes {
    octets_5: [[u8; 5]; MOST_ROUTES],
    octets_9: [[u8; 9]; MOST_ROUTES],
    octets_17: [[u8; 17]; MOST_ROUTES],
    octets_21: [[u8; 21]; MOST_ROUTES],
    octets_29: [[u8; 29]; MOST_ROUTES],
    labels: [Label; MOST_ROUTES],
}

impl Prefixes {
    /// Makes the room. It is boxed because it is large.
    pub fn new() -> Box<Self> {
        Box::new(Self {
            octets_5: [[0; 5]; MOST_ROUTES],
            octets_9: [[0; 9]; MOST_ROUTES],
            octets_17: [[0; 17]; MOST_ROUTES],
            octets_21: [[0; 21]; MOST_ROUTES],
            octets_29: [[0; 29]; MOST_ROUTES],
            labels: [[0; 3]; MOST_ROUTES],
        })
    }
}

/// A key of so many octets, as [`StoredKey`] lays it out.
pub(crate) trait KeyOctets<const N: usize>: StoredKey<N> {
    /// The room for keys of this length, and for their labels.
    fn room(prefixes: &mut Prefixes) -> (&mut [[u8; N]; MOST_ROUTES], &mut [Label; MOST_ROUTES]);
}

/// Implements [`KeyOctets`]: the room of keys of each length.
macro_rules! key_octets {
    ($($length:literal: $room:ident),+) => {$(
        impl KeyOctets<$length> for [u8; $length] {
            #[inline(always)]
            fn room(prefixes: &mut Prefixes) -> (&mut [Self; MOST_ROUTES], &mut [Label; MOST_ROUTES]) {
                (&mut prefixes.$room, &mut prefixes.labels)
            }
        }
    )+};
}

key_octets!(5: octets_5, 9: octets_9, 17: octets_17, 21: octets_21, 29: octets_29);

/// What is read at the start of an NLRI.
pub(crate) struct Read<const N: usize> {
    pub key: [u8; N],
    /// The label, if NLRI of this shape have one; otherwise zero.
    pub label: Label,
    /// Where the next NLRI starts.
    pub next: usize,
}

impl<const N: usize> Read<N> {
    #[inline(always)]
    const fn unlabelled((key, next): ([u8; N], usize)) -> Self {
        Self {
            key,
            label: [0; 3],
            next,
        }
    }
}

/// The shape of the NLRI of a table, whose keys have `N` bytes, as [`StoredKey`] lays them out.
pub(crate) trait Shape<const N: usize>
where
    [u8; N]: KeyOctets<N>,
{
    /// Whether the NLRI has a path identifier.
    const HAS_PATH_ID: bool;
    /// Whether the NLRI has a label.
    const LABELLED: bool;

    /// Reads the NLRI at `at` of a frame, whose field ends at `end`. `None` if the NLRI is malformed, or unusual.
    fn read(frame: &[u8], at: usize, end: usize) -> Option<Read<N>>;

    /// The fields of a message about the route, without its label.
    fn route(key: &[u8; N], sequence: u64) -> DirectRoute;
}

/// IPv4 prefixes.
pub(crate) struct Ipv4;
/// IPv4 prefixes with path identifiers.
pub(crate) struct Ipv4Path;
/// IPv6 prefixes.
pub(crate) struct Ipv6;
/// IPv6 prefixes with path identifiers.
pub(crate) struct Ipv6Path;
/// IPv4 prefixes behind one label and a route distinguisher (RFC 4364 §4.3.4), perhaps with path identifiers.
pub(crate) struct Vpn4<const PATH_ID: bool>;
/// IPv6 prefixes behind one label and a route distinguisher (RFC 4659 §3.2), perhaps with path identifiers.
pub(crate) struct Vpn6<const PATH_ID: bool>;

/// Reads all keys of the field at this place of a frame, and their labels if they have any. `None` if the field is malformed,
/// unusual, or has too many routes.
#[inline(always)]
pub(crate) fn read_all<'p, S: Shape<N>, const N: usize>(
    frame: &[u8],
    routes: &Range<usize>,
    prefixes: &'p mut Prefixes,
) -> Option<(&'p [[u8; N]], &'p [Label])>
where
    [u8; N]: KeyOctets<N>,
{
    let (keys, labels) = <[u8; N]>::room(prefixes);
    let (mut at, end) = (routes.start, routes.end);
    let mut count = 0;
    for (place, label) in keys.iter_mut().zip(&mut *labels) {
        if at >= end {
            break;
        }
        let read = S::read(frame, at, end)?;
        (*place, at) = (read.key, read.next);
        if S::LABELLED {
            *label = read.label;
        }
        count += 1;
    }
    if at == end {
        Some((keys.get(..count)?, labels.get(..count)?))
    } else {
        None
    }
}

/// The eight octets of a frame that end at `end`. There are as many before the end of any NLRI.
#[inline(always)]
fn eight_before(frame: &[u8], end: usize) -> Option<u64> {
    let eight = frame.get(end.wrapping_sub(8)..end)?.first_chunk()?;
    Some(u64::from_be_bytes(*eight))
}

/// An IPv4 prefix of this length in bits, at most 32, whose octets end at `next`. Its host bits are zero.
#[inline(always)]
fn ipv4_address(frame: &[u8], next: usize, length: u8) -> Option<u32> {
    let octets = usize::from(length).div_ceil(8);
    // The shifts have 64 bits, because those of a /0 would overflow 32.
    let address = eight_before(frame, next)? << (32 - 8 * octets);
    let mask = u64::MAX << (32 - length);
    Some((address & mask) as u32)
}

/// An IPv6 prefix of this length in bits, at most 128, whose octets end at `next`. Its host bits are zero.
#[inline(always)]
fn ipv6_address(frame: &[u8], next: usize, length: u8) -> Option<u128> {
    let octets = usize::from(length).div_ceil(8);
    let (high, low) = match octets {
        0 => (0, 0),
        1..=8 => {
            let high = eight_before(frame, next)? << (64 - 8 * octets);
            (high & u64::MAX << (64 - length), 0)
        }
        _ => {
            let low = eight_before(frame, next)? << (128 - 8 * octets);
            (
                eight_before(frame, next - octets + 8)?,
                low & u64::MAX << (128 - length),
            )
        }
    };
    Some(u128::from(high) << 64 | u128::from(low))
}

/// Reads the length of a prefix, at most `most` bits. Returns it, and where the next NLRI starts.
#[inline(always)]
fn length(frame: &[u8], at: usize, end: usize, most: u8) -> Option<(u8, usize)> {
    let length = *frame.get(at)?;
    let next = at + 1 + usize::from(length).div_ceil(8);
    (length <= most && next <= end).then_some((length, next))
}

/// What stands before the prefix of a VPN.
struct Labelled {
    label: Label,
    distinguisher: [u8; 8],
    /// Length of the prefix in bits.
    length: u8,
    next: usize,
}

/// Reads an NLRI with one label and a route distinguisher, before a prefix of at most `most` bits.
#[inline(always)]
fn labelled(frame: &[u8], at: usize, end: usize, most: u8) -> Option<Labelled> {
    const BITS_BEFORE: u8 = 8 * (3 + 8);
    let (bits, next) = length(frame, at, end, BITS_BEFORE + most)?;
    let length = bits.checked_sub(BITS_BEFORE)?;
    let &[a, b, c, ref distinguisher @ ..] = frame.get(at + 1..)?.first_chunk::<11>()?;
    let label = [a, b, c];
    // The bottom of the stack, or what a withdraw has in place of a label (RFC 8277 §2.4).
    let is_stack = c & 1 == 1 || label == [0x80, 0, 0] || label == [0; 3];
    is_stack.then_some(Labelled {
        label,
        distinguisher: *distinguisher,
        length,
        next,
    })
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

#[inline(always)]
fn ipv4(frame: &[u8], at: usize, end: usize) -> Option<([u8; 5], usize)> {
    let (length, next) = length(frame, at, end, 32)?;
    let address = ipv4_address(frame, next, length)?;
    // By way of one number: the key is stored at once, and so can be loaded at once.
    let key = u64::from(address.swap_bytes()) | u64::from(length) << 32;
    Some((part(&key.to_le_bytes(), 0), next))
}

#[inline(always)]
fn ipv6(frame: &[u8], at: usize, end: usize) -> Option<([u8; 17], usize)> {
    let (length, next) = length(frame, at, end, 128)?;
    let mut key = [0; 17];
    key[..16].copy_from_slice(&ipv6_address(frame, next, length)?.to_be_bytes());
    key[16] = length;
    Some((key, next))
}

/// The path identifier behind the prefix of a key, if keys of this shape have one. The address of the prefix has `A` octets.
#[inline(always)]
fn path_id_of<const N: usize, const A: usize>(key: &[u8; N], has_path_id: bool) -> Option<u32> {
    has_path_id.then(|| u32::from_be_bytes(part(key, A + 1)))
}

/// Reads an NLRI with a path identifier before a prefix, which is read by `prefix` and has `P` octets in its key.
#[inline(always)]
fn with_path_id<const N: usize, const P: usize>(
    frame: &[u8],
    at: usize,
    end: usize,
    prefix: impl Fn(&[u8], usize, usize) -> Option<([u8; P], usize)>,
) -> Option<Read<N>> {
    let path_id = path_id(frame, at)?;
    let (prefix, next) = prefix(frame, at + 4, end)?;
    let mut key = [0; N];
    key[..P].copy_from_slice(&prefix);
    key[P..].copy_from_slice(&path_id);
    Some(Read::unlabelled((key, next)))
}

/// Reads an NLRI of a VPN, perhaps with a path identifier. Its prefix is made by `address` and has `A` octets.
#[inline(always)]
fn vpn<const N: usize, const A: usize>(
    frame: &[u8],
    mut at: usize,
    end: usize,
    has_path_id: bool,
    address: impl Fn(&[u8], usize, u8) -> Option<[u8; A]>,
) -> Option<Read<N>> {
    let mut key = [0; N];
    if has_path_id {
        key[A + 1..A + 5].copy_from_slice(&path_id(frame, at)?);
        at += 4;
    }
    let Labelled {
        label,
        distinguisher,
        length,
        next,
    } = labelled(frame, at, end, 8 * A as u8)?;
    key[..A].copy_from_slice(&address(frame, next, length)?);
    key[A] = length;
    key[A + 5..].copy_from_slice(&distinguisher);
    Some(Read { key, label, next })
}

/// The fields of a route that has only a prefix.
#[inline(always)]
const fn plain(prefix_address: [u8; 16], prefix_length: u8, sequence: u64) -> DirectRoute {
    DirectRoute {
        prefix_address,
        prefix_length,
        path_id: None,
        sequence,
        distinguisher: None,
        label: None,
    }
}

impl Shape<5> for Ipv4 {
    const HAS_PATH_ID: bool = false;
    const LABELLED: bool = false;

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<Read<5>> {
        ipv4(frame, at, end).map(Read::unlabelled)
    }

    #[inline(always)]
    fn route(key: &[u8; 5], sequence: u64) -> DirectRoute {
        plain(mapped(part(key, 0)), key[4], sequence)
    }
}

impl Shape<9> for Ipv4Path {
    const HAS_PATH_ID: bool = true;
    const LABELLED: bool = false;

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<Read<9>> {
        with_path_id(frame, at, end, ipv4)
    }

    #[inline(always)]
    fn route(key: &[u8; 9], sequence: u64) -> DirectRoute {
        DirectRoute {
            path_id: path_id_of::<9, 4>(key, true),
            ..plain(mapped(part(key, 0)), key[4], sequence)
        }
    }
}

impl Shape<17> for Ipv6 {
    const HAS_PATH_ID: bool = false;
    const LABELLED: bool = false;

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<Read<17>> {
        ipv6(frame, at, end).map(Read::unlabelled)
    }

    #[inline(always)]
    fn route(key: &[u8; 17], sequence: u64) -> DirectRoute {
        plain(part(key, 0), key[16], sequence)
    }
}

impl Shape<21> for Ipv6Path {
    const HAS_PATH_ID: bool = true;
    const LABELLED: bool = false;

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<Read<21>> {
        with_path_id(frame, at, end, ipv6)
    }

    #[inline(always)]
    fn route(key: &[u8; 21], sequence: u64) -> DirectRoute {
        DirectRoute {
            path_id: path_id_of::<21, 16>(key, true),
            ..plain(part(key, 0), key[16], sequence)
        }
    }
}

impl<const PATH_ID: bool> Shape<17> for Vpn4<PATH_ID> {
    const HAS_PATH_ID: bool = PATH_ID;
    const LABELLED: bool = true;

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<Read<17>> {
        let address = |frame: &[u8], next, length| ipv4_address(frame, next, length).map(u32::to_be_bytes);
        vpn(frame, at, end, PATH_ID, address)
    }

    #[inline(always)]
    fn route(key: &[u8; 17], sequence: u64) -> DirectRoute {
        DirectRoute {
            path_id: path_id_of::<17, 4>(key, PATH_ID),
            distinguisher: Some(part(key, 9)),
            ..plain(mapped(part(key, 0)), key[4], sequence)
        }
    }
}

impl<const PATH_ID: bool> Shape<29> for Vpn6<PATH_ID> {
    const HAS_PATH_ID: bool = PATH_ID;
    const LABELLED: bool = true;

    #[inline(always)]
    fn read(frame: &[u8], at: usize, end: usize) -> Option<Read<29>> {
        let address = |frame: &[u8], next, length| ipv6_address(frame, next, length).map(u128::to_be_bytes);
        vpn(frame, at, end, PATH_ID, address)
    }

    #[inline(always)]
    fn route(key: &[u8; 29], sequence: u64) -> DirectRoute {
        DirectRoute {
            path_id: path_id_of::<29, 16>(key, PATH_ID),
            distinguisher: Some(part(key, 21)),
            ..plain(part(key, 0), key[16], sequence)
        }
    }
}
