//! TCP reassembly: restores the byte stream of each direction of each connection in a capture.

use std::collections::BTreeMap;

use super::packet::{Direction, segment};
use super::pcap::Packet;

/// The bytes of one direction of one connection.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) direction: Direction,
    /// Whether the start of the connection was captured.
    pub(super) has_start: bool,
    pub(super) bytes: Vec<u8>,
    /// Rising offsets in `bytes`, each with the time at which the bytes from that offset on were captured.
    pub(super) arrivals: Vec<(usize, u64)>,
    /// How many bytes were captured after the first gap. The stream ends at the gap, so these bytes are left out.
    pub(super) lost_after_gap: usize,
}

/// The start of a segment: its sequence number, which wraps, and its position in the stream, which does not.
#[derive(Clone, Copy)]
struct Start {
    sequence: u32,
    place: i64,
}

/// A segment with its position in the stream and the time at which it was captured.
struct PlacedSegment<'a> {
    place: i64,
    time_ns: u64,
    payload: &'a [u8],
}

/// The segments of one direction, each with its position in the stream.
struct Collected<'a> {
    direction: Direction,
    has_start: bool,
    /// The start of the last segment.
    last: Start,
    segments: Vec<PlacedSegment<'a>>,
}

/// Returns all flows with payload, in the order of their first packets.
pub(super) fn flows(packets: &[Packet<'_>]) -> Vec<Flow> {
    let mut current: BTreeMap<Direction, usize> = BTreeMap::new();
    let mut all: Vec<Collected<'_>> = Vec::new();
    for packet in packets {
        let Some(segment) = segment(packet) else { continue };
        let known = current
            .get(&segment.direction)
            .and_then(|index| all.get_mut(*index));
        // A SYN occupies one sequence number; the first byte has the next number.
        let first = if segment.is_syn {
            segment.sequence.wrapping_add(1)
        } else {
            segment.sequence
        };
        let flow = match known {
            // A second SYN with a different sequence number means that a new connection reuses the ports.
            Some(flow) if !segment.is_syn || flow.place(first) == 0 => flow,
            _ => {
                current.insert(segment.direction, all.len());
                all.push(Collected {
                    direction: segment.direction,
                    has_start: segment.is_syn,
                    last: Start {
                        sequence: first,
                        place: 0,
                    },
                    segments: Vec::new(),
                });
                let Some(flow) = all.last_mut() else { continue };
                flow
            }
        };
        let place = flow.place(first);
        flow.last = Start {
            sequence: first,
            place,
        };
        if !segment.payload.is_empty() {
            flow.segments.push(PlacedSegment {
                place,
                time_ns: packet.time_ns,
                payload: segment.payload,
            });
        }
    }
    all.into_iter()
        .map(Collected::assemble)
        .filter(|flow| !flow.bytes.is_empty())
        .collect()
}

impl Collected<'_> {
    /// Returns the position of a sequence number in the stream: the possible position nearest to the last segment.
    fn place(&self, sequence: u32) -> i64 {
        self.last.place + i64::from(sequence.wrapping_sub(self.last.sequence).cast_signed())
    }

    fn assemble(mut self) -> Flow {
        self.segments.sort_by_key(|segment| segment.place);
        let start = if self.has_start {
            0
        } else {
            self.segments.first().map_or(0, |segment| segment.place)
        };
        let mut bytes: Vec<u8> = Vec::new();
        let mut arrivals: Vec<(usize, u64)> = Vec::new();
        let mut lost_after_gap = 0;
        for PlacedSegment {
            place,
            time_ns,
            payload,
        } in self.segments
        {
            let have = start + bytes.len() as i64;
            if place > have || lost_after_gap > 0 {
                lost_after_gap += payload.len();
                continue;
            }
            let known = usize::try_from(have - place).unwrap_or(usize::MAX);
            let Some(news) = payload.get(known..).filter(|news| !news.is_empty()) else {
                continue;
            };
            let time_ns = arrivals.last().map_or(time_ns, |(_, last)| time_ns.max(*last));
            arrivals.push((bytes.len(), time_ns));
            bytes.extend(news);
        }
        Flow {
            direction: self.direction,
            has_start: self.has_start,
            bytes,
            arrivals,
            lost_after_gap,
        }
    }
}
