//! Operations that need processor-specific instructions: prefetch and comparison of 40 tags.
//!
//! On other processors than x86-64, the comparison is plain code and the prefetch does nothing.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _MM_HINT_T0, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_prefetch, _mm_set1_epi8,
};

/// Prefetches the cache line where `item` starts.
#[inline]
pub(crate) fn prefetch<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64. A prefetch loads no value into the program and cannot fault, whatever the address is.
    // This address comes from a reference.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

/// Compares each byte with `wanted`, which is not zero. Bit `n` of the result is set if byte `n` is equal.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn equal_bytes(bytes: &[u8; 40], wanted: u8) -> u64 {
    // SAFETY: SSE2 is part of x86-64. Sixteen bytes are read from each of the offsets 0, 16 and 24 of 40 bytes.
    unsafe {
        let wanted = _mm_set1_epi8(wanted as i8);
        let equal = |offset: usize| {
            let sixteen = _mm_loadu_si128(bytes.as_ptr().add(offset).cast());
            u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(sixteen, wanted)) as u32) << offset
        };
        // Bytes 24 to 31 are compared twice, because no load may end behind byte 39.
        equal(0) | equal(16) | equal(24)
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn equal_bytes(bytes: &[u8; 40], wanted: u8) -> u64 {
    let places = bytes.iter().enumerate();
    places.fold(0, |found, (place, &byte)| {
        found | u64::from(byte == wanted) << place
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_bytes_are_found_where_they_stand(
            bytes in prop::array::uniform32(0..4_u8),
            more in prop::array::uniform8(0..4_u8),
            wanted in 1..4_u8,
        ) {
            let mut all = [0; 40];
            all[..32].copy_from_slice(&bytes);
            all[32..].copy_from_slice(&more);
            let found = equal_bytes(&all, wanted);
            for (place, &byte) in all.iter().enumerate() {
                prop_assert_eq!(found >> place & 1 == 1, byte == wanted);
            }
            prop_assert_eq!(found >> 40, 0);
        }
    }
}
