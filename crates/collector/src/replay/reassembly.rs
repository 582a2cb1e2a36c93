//! TCP reassembly: restores the byte stream of each direction of each connection in a capture.

use std::collections::BTreeMap;

use super::packet::{Direction, Segment, segment};
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

/// A SYN that carried data: its own sequence number and the length of the data.
#[derive(Clone, Copy)]
struct SynWithData {
    sequence: u32,
    length: u32,
}

impl SynWithData {
    fn of(segment: &Segment<'_>) -> Option<Self> {
        let length = u32::try_from(segment.payload.len()).ok()?;
        (segment.is_syn && length > 1).then_some(Self {
            sequence: segment.sequence,
            length,
        })
    }

    /// Returns whether the next segment shows that the SYN took no sequence number of its own. Programs that write captures
    /// from recorded messages number the data so; a TCP stack never does.
    fn took_no_number(self, next: u32) -> bool {
        next == self.sequence.wrapping_add(self.length)
    }
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
    /// The SYN, if it carried data and no other segment has come since.
    syn_with_data: Option<SynWithData>,
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
                    syn_with_data: None,
                    segments: Vec::new(),
                });
                let Some(flow) = all.last_mut() else { continue };
                flow
            }
        };
        let place = flow.place_next(&segment, first);
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

    /// Returns the position of the next segment, whose first byte has the number `first`.
    fn place_next(&mut self, segment: &Segment<'_>, first: u32) -> i64 {
        match std::mem::replace(&mut self.syn_with_data, SynWithData::of(segment)) {
            Some(syn) if !segment.is_syn && syn.took_no_number(first) => i64::from(syn.length),
            _ => self.place(first),
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;

    /// An IPv4 packet with a TCP segment.
    fn packet(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(40 + payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 6, 0, 0];
        bytes.extend([192, 0, 2, 1, 192, 0, 2, 2, 0x9c, 0x40, 0x0f, 0xa0]);
        bytes.extend(sequence.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend(payload);
        bytes
    }

    fn stream(segments: &[(u32, u8, &[u8])]) -> Vec<u8> {
        let data: Vec<Vec<u8>> = segments
            .iter()
            .map(|(sequence, flags, payload)| packet(*sequence, *flags, payload))
            .collect();
        let packets: Vec<Packet<'_>> = data
            .iter()
            .map(|data| Packet {
                time_ns: 0,
                link_type: 101,
                data,
            })
            .collect();
        let mut flows = flows(&packets);
        assert_eq!(flows.len(), 1);
        flows.remove(0).bytes
    }

    #[test]
    fn data_of_a_syn_is_whole_whether_or_not_the_syn_takes_a_number() {
        let whole = b"the whole stream";
        // TCP Fast Open (RFC 7413): the data begins one number after the SYN.
        let fast_open = stream(&[
            (u32::MAX, SYN, &whole[..5]),
            (5, ACK, &whole[5..9]),
            (9, ACK, &whole[9..]),
        ]);
        assert_eq!(fast_open, whole);
        // The server did not take the data of the SYN, so the client sends it again.
        let refused = stream(&[
            (7, SYN, &whole[..5]),
            (8, ACK, &whole[..9]),
            (17, ACK, &whole[9..]),
        ]);
        assert_eq!(refused, whole);
        // A capture made from recorded messages: the numbers count only the data.
        let made = stream(&[
            (u32::MAX, SYN, &whole[..5]),
            (4, ACK, &whole[5..9]),
            (8, ACK, &whole[9..]),
        ]);
        assert_eq!(made, whole);
    }
}
