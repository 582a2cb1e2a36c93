//! What the machine itself can do, measured beside what we do: the floor under a stage.

use std::hint::black_box;
use std::thread;

use crate::cpu::cpu_ns;
use arancini_generate::Random;

/// As much as a worker has in hand at a time: it stays in the core's own cache.
const HOT_BYTES: usize = 256 << 10;
/// How often that is gone over.
const PASSES: usize = 500;
/// How often memory is accessed at random.
const ACCESSES: usize = 1_000_000;
/// How many values cross the channel.
const CROSSINGS: u32 = 50_000;
const CACHE_LINE_BYTES: usize = 64;

/// Nanoseconds to copy a byte from one hot block of memory to another.
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

/// Nanoseconds to read a byte of a hot block of memory, one after the other.
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

/// Nanoseconds for one access to a random cache line of a block of this size, when the next ones are known before this one
/// is there: the processor fetches as many at a time as it can.
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

/// Nanoseconds of the sender to hand one value to another thread.
pub(crate) fn channel_ns() -> f64 {
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
