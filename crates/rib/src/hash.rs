//! The hash of a key in a table.

/// Where the hash of the first table begins. All its bits are random, so that short keys are multiplied with many bits.
const BEGIN: u64 = 0xa076_1d64_78bd_642f;
/// Distance between the begins of a table and its overflow.
const LEVEL: u64 = 0xe703_7ed1_a0b4_28db;
/// Mixed into the second eight octets of sixteen.
const SECOND: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes a key. The low bits of the hash choose the segment, the high bits are the tag in the segment.
///
/// Sixteen octets take one multiplication. Tables of different levels have different hashes: routes that collide in one do
/// not collide in the next.
#[inline(always)]
pub(crate) fn hash_of<const N: usize>(key: &[u8; N], level: u64) -> u64 {
    let mut state = BEGIN ^ level.wrapping_mul(LEVEL);
    let mut at = 0;
    while at < N {
        state = fold(state ^ word(key, at), SECOND ^ word(key, at + 8));
        at += 16;
    }
    state
}

/// Eight octets of a key, as a number. Octets behind the end are zero.
#[inline(always)]
fn word<const N: usize>(key: &[u8; N], at: usize) -> u64 {
    let mut word = [0; 8];
    if at < N {
        let part = &key[at..N.min(at + 8)];
        word[..part.len()].copy_from_slice(part);
    }
    u64::from_le_bytes(word)
}

/// Multiplies two words and combines the high and the low half of the 128-bit product.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that keys spread over segments as random numbers do, and that the tags within a segment do too.
    fn check<const N: usize>(name: &str, key: impl Fn(u32) -> [u8; N]) {
        const KEYS: u32 = 40_000;
        const SEGMENTS: usize = 2048;
        for level in 0..2 {
            let mut tags = vec![Vec::new(); SEGMENTS];
            for number in 0..KEYS {
                let hash = hash_of(&key(number), level);
                tags[hash as usize % SEGMENTS].push((hash >> 56) as u8);
            }
            let mean = f64::from(KEYS) / SEGMENTS as f64;
            let off = |tags: &Vec<u8>| (tags.len() as f64 - mean).powi(2) / mean;
            let spread = tags.iter().map(off).sum::<f64>() / SEGMENTS as f64;
            assert!(spread < 2.0, "{name}: {spread} times as uneven as random numbers");
            let (mut pairs, mut equal) = (0.0, 0.0);
            for tags in &tags {
                for (place, tag) in tags.iter().enumerate() {
                    pairs += place as f64;
                    equal += tags[..place].iter().filter(|other| *other == tag).count() as f64;
                }
            }
            let tags = equal * 256.0 / pairs;
            assert!(
                tags < 1.5,
                "{name}: {tags} times as many equal tags as random ones"
            );
        }
    }

    fn filled<const N: usize>(parts: &[(usize, &[u8])]) -> [u8; N] {
        let mut key = [0; N];
        for &(at, part) in parts {
            key[at..at + part.len()].copy_from_slice(part);
        }
        key
    }

    #[test]
    fn keys_as_routers_have_them_spread_evenly() {
        check::<5>("neighbouring /24", |n| {
            filled(&[(0, &(n << 8).to_be_bytes()), (4, &[24])])
        });
        check::<5>("neighbouring hosts", |n| {
            filled(&[(0, &(0x0a00_0000 + n).to_be_bytes()), (4, &[32])])
        });
        check::<5>("nested prefixes", |n| {
            let length = 16 + (n % 512 + 1).ilog2();
            let within = n % 512 + 1 - (1 << (length - 16));
            filled(&[
                (0, &((n / 512) << 16 | within << (32 - length)).to_be_bytes()),
                (4, &[length as u8]),
            ])
        });
        check::<9>("few paths each", |n| {
            filled(&[
                (0, &((n / 4) << 8).to_be_bytes()),
                (4, &[24]),
                (5, &(n % 4).to_be_bytes()),
            ])
        });
        check::<9>("many paths each", |n| {
            filled(&[
                (0, &((n / 500) << 8).to_be_bytes()),
                (4, &[24]),
                (5, &(n % 500).to_be_bytes()),
            ])
        });
        check::<17>("neighbouring /48", |n| {
            filled(&[(0, &[0x20, 1]), (2, &n.to_be_bytes()), (16, &[48])])
        });
        check::<17>("neighbouring IPv6 hosts", |n| {
            filled(&[(0, &[0x20, 1]), (12, &n.to_be_bytes()), (16, &[128])])
        });
        check::<17>("many VPNs with the same prefixes", |n| {
            filled(&[
                (0, &((n % 10) << 8).to_be_bytes()),
                (4, &[24]),
                (13, &(n / 10).to_be_bytes()),
            ])
        });
        check::<21>("IPv6 with many paths each", |n| {
            filled(&[
                (2, &(n / 500).to_be_bytes()),
                (16, &[48]),
                (17, &(n % 500).to_be_bytes()),
            ])
        });
        check::<29>("IPv6 in many VPNs", |n| {
            filled(&[
                (2, &(n % 100).to_be_bytes()),
                (16, &[48]),
                (25, &(n / 100).to_be_bytes()),
            ])
        });
        check::<16>("hashes", |n| {
            filled(&[
                (0, &hash_of(&n.to_be_bytes(), 7).to_be_bytes()),
                (8, &n.to_be_bytes()),
            ])
        });
    }

    /// A factor of zero makes the hash of all second octets zero. Keys with this factor collide, but not in the overflow.
    #[test]
    fn keys_that_cancel_a_factor_collide_in_one_level_only() {
        let keys = |n: u32| filled::<16>(&[(0, &BEGIN.to_le_bytes()), (8, &n.to_be_bytes())]);
        assert!((0..100).all(|n| hash_of(&keys(n), 0) == 0));
        let mut next: Vec<_> = (0..100).map(|n| hash_of(&keys(n), 1) % 1024).collect();
        next.sort_unstable();
        next.dedup();
        assert!(next.len() > 80, "{}", next.len());
    }
}
