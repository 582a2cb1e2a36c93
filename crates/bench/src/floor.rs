//! The floor: how fast this host can do the simplest version of a stage.

use std::hint::black_box;
use std::thread;

use crate::cpu::cpu_ns;
use arancini_generate::Random;

/// The size of the memory block. It matches the receive slot of a worker and fits into the cache of a core.
const HOT_BYTES: usize = 256 << 10;
/// How many times the block is processed.
const PASSES: usize = 500;
/// How many random accesses are measured.
const ACCESSES: usize = 1_000_000;
/// How many values pass through the channel.
const CROSSINGS: u32 = 50_000;
const CACHE_LINE_BYTES: usize = 64;

/// Returns the nanoseconds per byte to copy one cached block of memory to another.
pub(crate) fn copy_ns_per_byte() -> f64 {
    let from = vec![1_u8; HOT_BYTES];
    let mut to = vec![2_u8; HOT_BYTES];
    let took = cpu_ns(|| {
        for _ in 0..PASSES {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
        }
    });
    took / (PASSES * HOT_BYTES) as f64
}

/// Returns the nanoseconds per byte to read a cached block of memory from start to end.
pub(crate) fn read_ns_per_byte() -> f64 {
    let words = vec![1_u64; HOT_BYTES / 8];
    let took = cpu_ns(|| {
        for _ in 0..PASSES {
            let words = black_box(&words);
            black_box(words.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
        }
    });
    took / (PASSES * HOT_BYTES) as f64
}

/// Returns the nanoseconds per access to a random cache line in a block of this size. The next addresses are known before an
/// access completes, so the processor fetches as many cache lines at a time as it can.
pub(crate) fn random_access_ns(bytes: usize) -> f64 {
    let lines = (bytes / CACHE_LINE_BYTES).max(2);
    let memory = vec![[1_u64; CACHE_LINE_BYTES / 8]; lines];
    let mut random = Random::new(1);
    let places: Vec<u32> = (0..ACCESSES).map(|_| random.below(lines as u32)).collect();
    let took = cpu_ns(|| {
        let memory = black_box(&memory);
        black_box(
            places
                .iter()
                .fold(0_u64, |sum, &place| sum.wrapping_add(memory[place as usize][0])),
        );
    });
    took / ACCESSES as f64
}

/// Returns the nanoseconds that a sender needs to pass one value to another thread.
pub(crate) fn channel_ns() -> f64 {
    let (send, receive) = kanal::bounded::<u32>(256);
    let drain = thread::spawn(move || while receive.recv().is_ok() {});
    let took = cpu_ns(|| {
        for number in 0..CROSSINGS {
            // This fails only if the thread has ended.
            let _ = send.send(number);
        }
    });
    drop(send);
    // The thread can't panic.
    let _ = drain.join();
    took / f64::from(CROSSINGS)
}
