//! Packet captures: the classic pcap format and pcapng, both byte orders.

/// A captured packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// Nanoseconds since the Unix epoch.
    pub(super) time_ns: u64,
    /// What the packet starts with (LINKTYPE_ registry of tcpdump.org).
    pub(super) link_type: u32,
    /// Its bytes, as many as were captured.
    pub(super) data: &'a [u8],
}

/// What a capture holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Capture<'a> {
    pub(super) packets: Vec<Packet<'a>>,
    /// Whether the file ends inside a packet, as when the recorder was killed.
    pub(super) is_cut: bool,
}

/// Damage: what, and at which byte.
pub(super) type Damage = (&'static str, usize);

/// Section header block type of pcapng; the same in both byte orders.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Whether the bytes begin like a capture.
pub(super) fn is_capture(bytes: &[u8]) -> bool {
    classic_format(bytes).is_some() || word(bytes, 0, false) == Some(SECTION_HEADER)
}

/// All packets of a capture.
pub(super) fn read(bytes: &[u8]) -> Result<Capture<'_>, Damage> {
    match classic_format(bytes) {
        Some((big_endian, tick_ns)) => read_classic(bytes, big_endian, tick_ns),
        None => read_next_generation(bytes),
    }
}

/// Byte order and nanoseconds per tick, from the magic number.
fn classic_format(bytes: &[u8]) -> Option<(bool, u64)> {
    [
        (false, 0xa1b2_c3d4, 1000),
        (true, 0xa1b2_c3d4, 1000),
        (false, 0xa1b2_3c4d, 1),
        (true, 0xa1b2_3c4d, 1),
    ]
    .into_iter()
    .find(|(big_endian, magic, _)| word(bytes, 0, *big_endian) == Some(*magic))
    .map(|(big_endian, _, tick_ns)| (big_endian, tick_ns))
}

fn read_classic(bytes: &[u8], big_endian: bool, tick_ns: u64) -> Result<Capture<'_>, Damage> {
    let link_type = word(bytes, 20, big_endian).ok_or(("the file header is cut", bytes.len()))?;
    // The upper bits say whether frames end with a checksum (FCS); the IP length makes that irrelevant.
    let link_type = link_type & 0xffff;
    let mut packets = Vec::new();
    let mut offset = 24;
    while offset < bytes.len() {
        let header = (
            word(bytes, offset, big_endian),
            word(bytes, offset + 4, big_endian),
            word(bytes, offset + 8, big_endian),
        );
        let (Some(seconds), Some(ticks), Some(length)) = header else {
            return Ok(Capture {
                packets,
                is_cut: true,
            });
        };
        let Some(data) = slice(bytes, offset + 16, length as usize) else {
            return Ok(Capture {
                packets,
                is_cut: true,
            });
        };
        let time_ns = u64::from(seconds) * 1_000_000_000 + u64::from(ticks) * tick_ns;
        packets.push(Packet {
            time_ns,
            link_type,
            data,
        });
        offset += 16 + data.len();
    }
    Ok(Capture {
        packets,
        is_cut: false,
    })
}

/// An interface of a pcapng section.
#[derive(Clone, Copy)]
struct Interface {
    link_type: u32,
    /// `if_tsresol`: ticks per second as a power of 10, or of 2 where the top bit is set.
    resolution: u8,
}

impl Interface {
    fn nanoseconds(self, ticks: u64) -> u64 {
        let exponent = u32::from(self.resolution & 0x7f);
        let per_second = if self.resolution & 0x80 == 0 {
            10_u128.checked_pow(exponent)
        } else {
            1_u128.checked_shl(exponent)
        };
        match per_second {
            Some(per_second) if per_second > 0 => {
                u64::try_from(u128::from(ticks) * 1_000_000_000 / per_second).unwrap_or(u64::MAX)
            }
            _ => 0,
        }
    }
}

fn read_next_generation(bytes: &[u8]) -> Result<Capture<'_>, Damage> {
    let mut packets = Vec::new();
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut big_endian = false;
    let mut offset = 0;
    while offset < bytes.len() {
        if word(bytes, offset, false) == Some(SECTION_HEADER) {
            big_endian = match word(bytes, offset + 8, false) {
                Some(0x1a2b_3c4d) => false,
                Some(0x4d3c_2b1a) => true,
                _ => return Err(("a section has no byte order", offset)),
            };
            interfaces.clear();
        }
        let (Some(kind), Some(length)) = (
            word(bytes, offset, big_endian),
            word(bytes, offset + 4, big_endian),
        ) else {
            return Ok(Capture {
                packets,
                is_cut: true,
            });
        };
        let length = length as usize;
        if length < 12 || !length.is_multiple_of(4) {
            return Err(("a block has an impossible length", offset));
        }
        let Some(body) = slice(bytes, offset + 8, length - 12) else {
            return Ok(Capture {
                packets,
                is_cut: true,
            });
        };
        match kind {
            INTERFACE => {
                let link_type =
                    half_word(body, 0, big_endian).ok_or(("an interface block is cut", offset))?;
                let resolution = time_resolution(body.get(8..).unwrap_or_default(), big_endian);
                interfaces.push(Interface {
                    link_type: u32::from(link_type),
                    resolution,
                });
            }
            ENHANCED_PACKET => packets.extend(enhanced_packet(body, &interfaces, big_endian)),
            SIMPLE_PACKET => {
                if let (Some(interface), Some(original)) = (interfaces.first(), word(body, 0, big_endian)) {
                    let captured = body.get(4..).unwrap_or_default();
                    let data = captured.get(..original as usize).unwrap_or(captured);
                    packets.push(Packet {
                        time_ns: 0,
                        link_type: interface.link_type,
                        data,
                    });
                }
            }
            _ => {}
        }
        offset += length;
    }
    Ok(Capture {
        packets,
        is_cut: false,
    })
}

fn enhanced_packet<'a>(body: &'a [u8], interfaces: &[Interface], big_endian: bool) -> Option<Packet<'a>> {
    let interface = interfaces.get(word(body, 0, big_endian)? as usize)?;
    let ticks = u64::from(word(body, 4, big_endian)?) << 32 | u64::from(word(body, 8, big_endian)?);
    let data = slice(body, 20, word(body, 12, big_endian)? as usize)?;
    Some(Packet {
        time_ns: interface.nanoseconds(ticks),
        link_type: interface.link_type,
        data,
    })
}

/// The option `if_tsresol` (9) of an interface; microseconds where it is missing.
fn time_resolution(mut options: &[u8], big_endian: bool) -> u8 {
    while let (Some(code), Some(length)) = (
        half_word(options, 0, big_endian),
        half_word(options, 2, big_endian),
    ) {
        if code == 0 {
            break;
        }
        if code == 9
            && let Some(resolution) = options.get(4)
        {
            return *resolution;
        }
        options = options
            .get(4 + usize::from(length).next_multiple_of(4)..)
            .unwrap_or_default();
    }
    6
}

fn slice(bytes: &[u8], offset: usize, length: usize) -> Option<&[u8]> {
    bytes.get(offset..offset.checked_add(length)?)
}

fn word(bytes: &[u8], offset: usize, big_endian: bool) -> Option<u32> {
    let bytes = *bytes.get(offset..)?.first_chunk::<4>()?;
    Some(if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    })
}

fn half_word(bytes: &[u8], offset: usize, big_endian: bool) -> Option<u16> {
    let bytes = *bytes.get(offset..)?.first_chunk::<2>()?;
    Some(if big_endian {
        u16::from_be_bytes(bytes)
    } else {
        u16::from_le_bytes(bytes)
    })
}
