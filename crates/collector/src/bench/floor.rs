//! What the machine itself can do, measured beside what we do: the floor under a stage.

use std::hint::black_box;
use std::thread;

use super::cpu::cpu_ns;
use crate::generate::Random;

/// Larger than any cache that a core has to itself.
const LARGE_BYTES: usize = 64 << 20;
/// How often memory is accessed at random.
const ACCESSES: usize = 1_000_000;
/// How many values cross the channel.
const CROSSINGS: u32 = 50_000;
const CACHE_LINE_BYTES: usize = 64;

/// Nanoseconds to copy a byte from one large block of memory to another.
pub(super) fn copy_ns_per_byte() -> f64 {
    let from = vec![1_u8; LARGE_BYTES];
    let mut to = vec![2_u8; LARGE_BYTES];
    let took = cpu_ns(|| to.copy_from_slice(black_box(&from)));
    black_box(&to);
    took / LARGE_BYTES as f64
}

/// Nanoseconds to read a byte of a large block of memory, one after the other.
pub(super) fn read_ns_per_byte() -> f64 {
    let words = vec![1_u64; LARGE_BYTES / 8];
    let mut sum = 0;
    let took = cpu_ns(|| {
        sum = black_box(&words)
            .iter()
            .fold(0_u64, |sum, word| sum.wrapping_add(*word))
    });
    black_box(sum);
    took / LARGE_BYTES as f64
}

/// Nanoseconds for one access to a random cache line of a block of this size, when nobody knows the next one before
/// this one is there.
pub(super) fn random_access_ns(bytes: usize) -> f64 {
    let lines = (bytes / CACHE_LINE_BYTES).max(2);
    // One cycle through all lines in random order (Sattolo's shuffle).
    let mut order: Vec<u32> = (0..lines as u32).collect();
    let mut random = Random::new(1);
    for last in (1..lines).rev() {
        order.swap(last, random.below(last as u32) as usize);
    }
    let mut memory = vec![[0_u32; CACHE_LINE_BYTES / 4]; lines];
    for (line, next) in memory.iter_mut().zip(order) {
        line[0] = next;
    }
    let mut place = 0;
    let took = cpu_ns(|| {
        for _ in 0..ACCESSES {
            place = memory[place as usize][0];
        }
    });
    black_box(place);
    took / ACCESSES as f64
}

/// Nanoseconds of the sender to hand one value to another thread.
pub(super) fn channel_ns() -> f64 {
    let (send, receive) = kanal::bounded::<u32>(256);
    let drain = thread::spawn(move || while receive.recv().is_ok() {});
    let took = cpu_ns(|| {
        for number in 0..CROSSINGS {
            // Fails only when the thread is gone.
            let _ = send.send(number);
        }
    });
    drop(send);
    // It can't panic.
    let _ = drain.join();
    took / f64::from(CROSSINGS)
}
