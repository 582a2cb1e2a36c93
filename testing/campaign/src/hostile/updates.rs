//! The UPDATEs that hostile clients send: as long as they may be, and as much work as fits.

use arancini_generate::route_monitoring;

use super::bytes::{old_peer, peer};

/// The longest BGP message there is (RFC 8654).
const LONGEST: usize = 65_535;
/// A BGP header and the two length fields of an UPDATE.
const OVERHEAD: usize = 23;
/// Routes of a wide UPDATE.
const WIDE_ROUTES: u32 = 8000;
/// Segments of 255 AS numbers in the path of a wide UPDATE.
const WIDE_SEGMENTS: u32 = 64;

/// An UPDATE of the largest length with as many routes as fit.
pub(super) fn large(version: u32) -> Vec<u8> {
    let attributes = plain_attributes(version);
    let room = LONGEST - OVERHEAD - attributes.len();
    update(&attributes, room / 4)
}

/// An UPDATE of the largest length for one route, in turns with unknown attributes, the longest AS path, communities, and
/// attributes that are out of order.
pub(super) fn attribute_bomb(turn: u32) -> Vec<u8> {
    let mut attributes = plain_attributes(turn);
    let room = LONGEST - OVERHEAD - attributes.len() - 4;
    match turn % 4 {
        0 => {
            // The type codes that BGP leaves free, again and again: a reader must discard the doubles.
            let free = 50..=255_u8;
            let empty = free.cycle().flat_map(|kind| [0xc0, kind, 0]);
            attributes.extend(empty.take(room / 3 * 3));
        }
        1 => {
            let numbers = (room - 4 - 2 * (room / 1022)) / 4 * 4;
            let mut path = Vec::new();
            for segment in vec![0xfe; numbers].chunks(255 * 4) {
                path.extend([2, (segment.len() / 4) as u8]);
                path.extend(segment);
            }
            // The long path replaces the short one.
            attributes.splice(4..4 + 3 + 10, []);
            write(0x40, 2, &path, &mut attributes);
        }
        2 => {
            let communities = vec![0x55; (room - 4) / 4 * 4];
            write(0xc0, 8, &communities, &mut attributes);
        }
        _ => {
            let falling = (50..=255_u8).rev().cycle().flat_map(|kind| [0xc0, kind, 1, 7]);
            attributes.extend(falling.take(room / 4 * 4));
        }
    }
    update(&attributes, 1)
}

/// An UPDATE with 32,000 bytes of communities and 8,000 routes: 260 MB of updates.
pub(super) fn amplification(turn: u32) -> Vec<u8> {
    let mut attributes = plain_attributes(turn);
    write(0xc0, 8, &[0x55; 32_000], &mut attributes);
    update(&attributes, 8000)
}

/// An UPDATE with 32,000 bytes of two-octet AS numbers and 8,000 routes: 528 MB of updates.
pub(super) fn wide(turn: u32) -> Vec<u8> {
    route_monitoring(&old_peer(), &wide_update(turn, 0))
}

/// A message with four such UPDATEs: 2.1 GB of updates.
pub(super) fn four_wide(turn: u32) -> Vec<u8> {
    let updates = (0..4).flat_map(|number| wide_update(turn, number * WIDE_ROUTES));
    route_monitoring(&old_peer(), &updates.collect::<Vec<u8>>())
}

fn wide_update(turn: u32, first: u32) -> Vec<u8> {
    let mut path = Vec::new();
    for segment in 0..WIDE_SEGMENTS {
        path.extend([2, 255]);
        let number = (1 + (segment + turn) % 60_000) as u16;
        path.extend(number.to_be_bytes().repeat(255));
    }
    let mut attributes = vec![0x40, 1, 1, 0];
    write(0x40, 2, &path, &mut attributes);
    attributes.extend([0x40, 3, 4, 192, 0, 2, 254]);
    bgp_update(&attributes, first, WIDE_ROUTES as usize)
}

fn plain_attributes(version: u32) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 10, 2, 2];
    attributes.extend(65_000_u32.to_be_bytes());
    attributes.extend((100_000 + version % 1000).to_be_bytes());
    attributes.extend([0x40, 3, 4, 192, 0, 2, 254]);
    attributes
}

fn write(flags: u8, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend([flags | 0x10, kind]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

fn update(attributes: &[u8], routes: usize) -> Vec<u8> {
    route_monitoring(&peer(0), &bgp_update(attributes, 0, routes))
}

fn bgp_update(attributes: &[u8], first: u32, routes: usize) -> Vec<u8> {
    let length = OVERHEAD + attributes.len() + routes * 4;
    let mut update = vec![0xff; 16];
    update.extend((length as u16).to_be_bytes());
    update.extend([2, 0, 0]);
    update.extend((attributes.len() as u16).to_be_bytes());
    update.extend(attributes);
    for route in first..first + routes as u32 {
        update.push(24);
        let address = (0x0100_0000 + (route << 8)).to_be_bytes();
        update.extend(address.iter().take(3));
    }
    update
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_as_long_as_a_message_may_be_and_say_their_own_length() {
        for turn in 0..4 {
            for message in [large(turn), attribute_bomb(turn), amplification(turn), wide(turn)] {
                let bgp = message.get(48..).unwrap_or_default();
                let length = bgp
                    .get(16..18)
                    .map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
                assert_eq!(length.map(usize::from), Some(bgp.len()), "turn {turn}");
            }
            assert!(attribute_bomb(turn).len() > 65_500, "turn {turn}");
            assert_eq!(four_wide(turn).len() - 48, 4 * (wide(turn).len() - 48));
        }
    }
}
