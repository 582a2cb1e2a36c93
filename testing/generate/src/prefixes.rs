//! Distinct prefixes whose lengths are spread as in the global table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::random::Random;
use super::update::Prefix;

/// Distinct IPv4 prefixes with lengths spread as in the global table, from 1.0.0.0 upwards.
pub(super) fn prefixes_v4(count: u32, random: &mut Random) -> Vec<Prefix> {
    let mut next = 0x0100_0000;
    (0..count)
        .map(|_| {
            let length = match random.below(200) {
                0 => 16,
                1..=5 => 19,
                6..=15 => 20,
                16..=27 => 21,
                28..=53 => 22,
                54..=77 => 23,
                _ => 24,
            };
            let start = take_block(&mut next, 32 - length);
            Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(start as u32)), length)
        })
        .collect()
}

/// Distinct IPv6 prefixes with lengths spread as in the global table, from 2a00:: upwards.
pub(super) fn prefixes_v6(count: u32, random: &mut Random) -> Vec<Prefix> {
    let mut next = 0x2a00 << 112;
    (0..count)
        .map(|_| {
            let length = match random.below(100) {
                0..=9 => 32,
                10..=15 => 36,
                16..=29 => 40,
                30..=43 => 44,
                _ => 48,
            };
            let start = take_block(&mut next, 128 - length);
            Prefix::new(IpAddr::V6(Ipv6Addr::from_bits(start)), length)
        })
        .collect()
}

/// Takes the first aligned block with this number of host bits from `next` on. Returns its first address.
const fn take_block(next: &mut u128, host_bits: u8) -> u128 {
    let size = 1 << host_bits;
    let start = next.next_multiple_of(size);
    *next = start + size;
    start
}
