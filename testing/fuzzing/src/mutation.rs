//! Mutations that follow from a seed, for tests without libFuzzer.

use arancini_generate::Random;

/// Longest input that a mutation makes.
const MAX_OCTETS: usize = 8192;
/// Octets with values at an edge.
const EDGES: [u8; 12] = [0, 1, 2, 3, 4, 8, 24, 32, 33, 128, 129, 255];

/// Changes the input in one to four places; `other` is an input to take pieces from.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(3) {
        once(input, other, random);
    }
    input.truncate(MAX_OCTETS);
}

fn once(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len() as u32) as usize;
    let Some(place) = input.get_mut(at) else {
        input.push(random.next_u64() as u8);
        return;
    };
    match random.below(8) {
        0 => *place ^= 1 << random.below(8),
        1 => *place = random.next_u64() as u8,
        2 => *place = EDGES[random.below(EDGES.len() as u32) as usize],
        3 => *place = place.wrapping_add(random.below(9) as u8).wrapping_sub(4),
        4 => {
            let end = (at + 1 + random.below(16) as usize).min(input.len());
            input.drain(at..end);
        }
        5 => {
            let end = (at + 1 + random.below(64) as usize).min(input.len());
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
        6 => {
            let from = random.below(other.len() as u32) as usize;
            let to = (from + 1 + random.below(64) as usize).min(other.len());
            let end = (at + (to - from)).min(input.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        _ => input.truncate(at),
    }
}
