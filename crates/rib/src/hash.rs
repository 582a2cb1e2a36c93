//! The hash of a key in a table.

/// Hashes a key. The low bits of the hash choose the segment, the high bits are the tag in the segment.
///
/// Tables of different levels have different hashes: routes that collide in one do not collide in the next.
#[inline]
pub(crate) fn hash_of<const N: usize>(key: &[u8; N], level: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = N as u64 | level << 32;
    let mut chunks = key.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    fold(state ^ MULTIPLIER, 0xd6e8_feb8_6659_fd93)
}

/// Multiplies two words and combines the high and the low half of the 128-bit product.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}
