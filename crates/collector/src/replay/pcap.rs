//! Reads packet captures: the classic pcap format and pcapng, in both byte orders.

/// A captured packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// When the packet was captured, in nanoseconds since the Unix epoch.
    pub(super) time_ns: u64,
    /// The type of the link layer (LINKTYPE_ registry of tcpdump.org).
    pub(super) link_type: u32,
    /// The captured bytes of the packet.
    pub(super) data: &'a [u8],
}

/// The content of a capture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Capture<'a> {
    pub(super) packets: Vec<Packet<'a>>,
    /// Whether the file ends inside a packet, for example because the recorder was killed.
    pub(super) is_cut: bool,
}

/// The damage of a capture: what is wrong, and at which byte.
pub(super) type Damage = (&'static str, usize);

/// The byte order in which a capture was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrder {
    Little,
    Big,
}

/// Block type of the section header of pcapng. It reads the same in both byte orders.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Returns whether the bytes start like a capture.
pub(super) fn is_capture(bytes: &[u8]) -> bool {
    classic_format(bytes).is_some() || word(bytes, 0, ByteOrder::Little) == Some(SECTION_HEADER)
}

/// Returns all packets of a capture.
pub(super) fn read(bytes: &[u8]) -> Result<Capture<'_>, Damage> {
    match classic_format(bytes) {
        Some((order, tick_ns)) => read_classic(bytes, order, tick_ns),
        None => read_next_generation(bytes),
    }
}

/// Returns the byte order and the nanoseconds per tick, which follow from the magic number.
fn classic_format(bytes: &[u8]) -> Option<(ByteOrder, u64)> {
    [
        (ByteOrder::Little, 0xa1b2_c3d4, 1000),
        (ByteOrder::Big, 0xa1b2_c3d4, 1000),
        (ByteOrder::Little, 0xa1b2_3c4d, 1),
        (ByteOrder::Big, 0xa1b2_3c4d, 1),
    ]
    .into_iter()
    .find(|(order, magic, _)| word(bytes, 0, *order) == Some(*magic))
    .map(|(order, _, tick_ns)| (order, tick_ns))
}

fn read_classic(bytes: &[u8], order: ByteOrder, tick_ns: u64) -> Result<Capture<'_>, Damage> {
    let link_type = word(bytes, 20, order).ok_or(("incomplete file header", bytes.len()))?;
    // The upper bits say whether frames end with a checksum (FCS). The length in the IP header makes them irrelevant.
    let link_type = link_type & 0xffff;
    let mut packets = Vec::new();
    let mut offset = 24;
    while offset < bytes.len() {
        let header = (
            word(bytes, offset, order),
            word(bytes, offset + 4, order),
            word(bytes, offset + 8, order),
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
    /// The option `if_tsresol`: ticks per second as a power of 10, or as a power of 2 if the top bit is set.
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
    let mut order = ByteOrder::Little;
    let mut offset = 0;
    while offset < bytes.len() {
        if word(bytes, offset, ByteOrder::Little) == Some(SECTION_HEADER) {
            order = match word(bytes, offset + 8, ByteOrder::Little) {
                Some(0x1a2b_3c4d) => ByteOrder::Little,
                Some(0x4d3c_2b1a) => ByteOrder::Big,
                _ => return Err(("section header without a valid byte order", offset)),
            };
            interfaces.clear();
        }
        let (Some(kind), Some(length)) = (word(bytes, offset, order), word(bytes, offset + 4, order)) else {
            return Ok(Capture {
                packets,
                is_cut: true,
            });
        };
        let length = length as usize;
        if length < 12 || !length.is_multiple_of(4) {
            return Err(("block with an impossible length", offset));
        }
        let Some(body) = slice(bytes, offset + 8, length - 12) else {
            return Ok(Capture {
                packets,
                is_cut: true,
            });
        };
        match kind {
            INTERFACE => {
                let link_type = half_word(body, 0, order).ok_or(("incomplete interface block", offset))?;
                let resolution = time_resolution(body.get(8..).unwrap_or_default(), order);
                interfaces.push(Interface {
                    link_type: u32::from(link_type),
                    resolution,
                });
            }
            ENHANCED_PACKET => packets.extend(enhanced_packet(body, &interfaces, order)),
            SIMPLE_PACKET => {
                if let (Some(interface), Some(original)) = (interfaces.first(), word(body, 0, order)) {
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

fn enhanced_packet<'a>(body: &'a [u8], interfaces: &[Interface], order: ByteOrder) -> Option<Packet<'a>> {
    let interface = interfaces.get(word(body, 0, order)? as usize)?;
    let ticks = u64::from(word(body, 4, order)?) << 32 | u64::from(word(body, 8, order)?);
    let data = slice(body, 20, word(body, 12, order)? as usize)?;
    Some(Packet {
        time_ns: interface.nanoseconds(ticks),
        link_type: interface.link_type,
        data,
    })
}

/// Returns the option `if_tsresol` (9) of an interface; without the option, the resolution is microseconds.
fn time_resolution(mut options: &[u8], order: ByteOrder) -> u8 {
    while let (Some(code), Some(length)) = (half_word(options, 0, order), half_word(options, 2, order)) {
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

fn word(bytes: &[u8], offset: usize, order: ByteOrder) -> Option<u32> {
    let bytes = *bytes.get(offset..)?.first_chunk::<4>()?;
    Some(match order {
        ByteOrder::Big => u32::from_be_bytes(bytes),
        ByteOrder::Little => u32::from_le_bytes(bytes),
    })
}

fn half_word(bytes: &[u8], offset: usize, order: ByteOrder) -> Option<u16> {
    let bytes = *bytes.get(offset..)?.first_chunk::<2>()?;
    Some(match order {
        ByteOrder::Big => u16::from_be_bytes(bytes),
        ByteOrder::Little => u16::from_le_bytes(bytes),
    })
}
