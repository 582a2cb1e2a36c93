//! Reads recorded streams from raw files, `.zst` files, packet captures and MRT files, and splits them into messages.

use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use arancini_wire::bmp::{COMMON_HEADER_LEN, Message, MessageType, frame_length};

use super::error::ReplayError;
use super::{mrt, pcap, reassembly};

/// The first bytes of a Zstandard frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Other compressions: their first bytes, their names, and the programs that write the content to their standard output.
const OTHER_COMPRESSIONS: [(&[u8], &str, &str); 3] = [
    (&[0x1f, 0x8b], "gzip", "zcat"),
    (b"BZh", "bzip2", "bzcat"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz", "xzcat"),
];
/// The longest plausible BMP message. A longer length means that the bytes are not BMP.
const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;

/// The byte stream of one BMP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The name of the file, and for a capture the source of the connection.
    pub name: String,
    /// The address of the router; known only from a capture.
    pub source: Option<IpAddr>,
    /// The bytes of the stream.
    pub bytes: Vec<u8>,
    /// What the user should know about the recording: an incomplete capture, gaps, records of MRT that are left out.
    pub notes: Vec<String>,
    /// Whether every record of an MRT file could be read. Always set for a stream of BMP.
    pub is_whole: bool,
    /// Rising offsets in `bytes`, each with the time at which the bytes from that offset on were captured. Empty if the
    /// recording is not from a capture.
    arrivals: Vec<(usize, u64)>,
}

/// One message of a recording, or remaining bytes that can't be framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedMessage<'a> {
    /// The bytes of the message.
    pub bytes: &'a [u8],
    /// The type of the message; `None` for bytes that are not a whole BMP version 3 message.
    pub message_type: Option<MessageType>,
    /// When the message was recorded, in nanoseconds since the Unix epoch. From the capture, else from the per-peer header.
    pub time_ns: Option<u64>,
}

impl Recording {
    /// Makes a recording from a stream in memory.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            source: None,
            bytes,
            notes: Vec::new(),
            is_whole: true,
            arrivals: Vec::new(),
        }
    }

    /// Reads the streams in a file; `-` is standard input. A raw file or an MRT file contains one stream, a capture one stream
    /// for each BMP connection.
    ///
    /// # Errors
    /// Fails if the file can't be read, if it is empty, or if it is a capture that is damaged or contains no BMP.
    pub fn read(path: &Path) -> Result<Vec<Self>, ReplayError> {
        let name = path.display().to_string();
        let bytes = if name == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            std::fs::read(path)
        };
        match bytes {
            Ok(bytes) => Self::detect(&name, bytes),
            Err(source) => Err(ReplayError::Read { name, source }),
        }
    }

    /// Detects the kind of a file from its content and returns its streams.
    ///
    /// # Errors
    /// Fails if the content is empty, compressed otherwise than with Zstandard, or damaged, or if it is a capture that is damaged or contains no BMP.
    pub fn detect(name: &str, bytes: Vec<u8>) -> Result<Vec<Self>, ReplayError> {
        let other = OTHER_COMPRESSIONS
            .iter()
            .find(|(magic, ..)| bytes.starts_with(magic));
        if let Some(&(_, compression, program)) = other {
            return Err(ReplayError::Compressed {
                name: name.to_owned(),
                compression,
                program,
            });
        }
        let bytes = if bytes.starts_with(&ZSTD_MAGIC) {
            zstd::decode_all(bytes.as_slice()).map_err(|source| ReplayError::Read {
                name: name.to_owned(),
                source,
            })?
        } else {
            bytes
        };
        if bytes.is_empty() {
            return Err(ReplayError::Empty {
                name: name.to_owned(),
            });
        }
        if pcap::is_capture(&bytes) {
            Self::from_capture(name, &bytes)
        } else if mrt::is_mrt(&bytes) {
            Ok(vec![Self::from_mrt(name, &bytes)])
        } else {
            Ok(vec![Self::from_bytes(name, bytes)])
        }
    }

    /// Makes a recording of one router from the records of an MRT file. What can't be read is told in the notes.
    #[must_use]
    pub fn from_mrt(name: &str, bytes: &[u8]) -> Self {
        let mrt::Converted { bytes, notes } = mrt::convert(name, bytes);
        Self {
            is_whole: notes.is_empty(),
            notes,
            ..Self::from_bytes(name, bytes)
        }
    }

    fn from_capture(name: &str, bytes: &[u8]) -> Result<Vec<Self>, ReplayError> {
        let capture = pcap::read(bytes).map_err(|(problem, offset)| ReplayError::Capture {
            name: name.to_owned(),
            problem,
            offset,
        })?;
        let flows = reassembly::flows(&capture.packets);
        let count = flows.len();
        let streams: Vec<_> = flows
            .into_iter()
            .filter_map(|flow| Self::from_flow(name, flow, capture.is_cut))
            .collect();
        if streams.is_empty() {
            return Err(ReplayError::NoBmp {
                name: name.to_owned(),
                flows: count,
            });
        }
        Ok(streams)
    }

    /// Returns the recording of a flow, if the flow is BMP from its start or from a later message on.
    fn from_flow(name: &str, flow: reassembly::Flow, capture_is_cut: bool) -> Option<Self> {
        let skip = if flow.has_start {
            looks_like_bmp(&flow.bytes).then_some(0)?
        } else {
            (0..flow.bytes.len()).find(|skip| flow.bytes.get(*skip..).is_some_and(looks_like_bmp))?
        };
        let mut notes = Vec::new();
        if capture_is_cut {
            notes.push("the capture ends inside a packet".to_owned());
        }
        if !flow.has_start {
            notes.push(format!(
                "the capture misses the start of the connection; {skip} bytes before the first whole message are left out"
            ));
        }
        if flow.lost_after_gap > 0 {
            let lost = flow.lost_after_gap;
            notes.push(format!(
                "the capture misses packets; the stream ends at the first gap, and {lost} captured bytes after it are left out"
            ));
        }
        let first_time = flow
            .arrivals
            .iter()
            .take_while(|(offset, _)| *offset <= skip)
            .last();
        let arrivals = first_time
            .map(|(_, time)| (0, *time))
            .into_iter()
            .chain(
                flow.arrivals
                    .iter()
                    .filter(|(offset, _)| *offset > skip)
                    .map(|(at, time)| (at - skip, *time)),
            )
            .collect();
        Some(Self {
            name: format!("{name} ({})", flow.direction.from),
            source: Some(flow.direction.from.ip().to_canonical()),
            bytes: flow.bytes.get(skip..)?.to_vec(),
            notes,
            is_whole: true,
            arrivals,
        })
    }

    /// Returns the messages in order. Bytes that can't be framed come last, as one item without a type.
    #[must_use]
    pub fn messages(&self) -> Messages<'_> {
        Messages {
            rest: &self.bytes,
            offset: 0,
            arrivals: &self.arrivals,
        }
    }
}

/// Iterator over the messages of a [`Recording`].
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
    offset: usize,
    arrivals: &'a [(usize, u64)],
}

impl<'a> Iterator for Messages<'a> {
    type Item = RecordedMessage<'a>;

    fn next(&mut self) -> Option<RecordedMessage<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let length = frame_length(self.rest, LONGEST_MESSAGE).ok().flatten();
        let Some((bytes, rest)) = length.and_then(|length| self.rest.split_at_checked(length)) else {
            let bytes = std::mem::take(&mut self.rest);
            return Some(RecordedMessage {
                bytes,
                message_type: None,
                time_ns: None,
            });
        };
        self.rest = rest;
        self.offset += bytes.len();
        // A message is complete when its last byte arrives, so that byte determines the time.
        while let Some(later) = self
            .arrivals
            .get(1..)
            .filter(|later| later.first().is_some_and(|(at, _)| *at < self.offset))
        {
            self.arrivals = later;
        }
        let captured = self.arrivals.first().map(|(_, time)| *time);
        let recorded = || {
            Message::new_checked(bytes)
                .ok()?
                .peer()
                .map(|peer| peer.timestamp_ns())
        };
        Some(RecordedMessage {
            bytes,
            message_type: bytes
                .get(COMMON_HEADER_LEN - 1)
                .map(|code| MessageType::from_code(*code)),
            time_ns: captured.or_else(recorded).filter(|time| *time > 0),
        })
    }
}

/// Returns whether these bytes start with a BMP message of any version, followed by another message or by the end.
fn looks_like_bmp(bytes: &[u8]) -> bool {
    let Some(first) = plausible_length(bytes) else {
        return false;
    };
    match bytes.get(first..) {
        Some([]) => true,
        Some(next) if next.len() >= COMMON_HEADER_LEN => plausible_length(next).is_some(),
        Some([version, ..]) => bytes.first() == Some(version),
        // The first message is longer than the captured bytes. An Initiation is convincing enough for the start of a
        // connection.
        None => bytes.get(5) == Some(&MessageType::Initiation.code()),
    }
}

fn plausible_length(bytes: &[u8]) -> Option<usize> {
    let [version, a, b, c, d, kind] = *bytes.first_chunk::<COMMON_HEADER_LEN>()?;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let known_type = kind <= MessageType::RouteMirroring.code();
    ((1..=4).contains(&version) && known_type && (COMMON_HEADER_LEN..=1 << 20).contains(&length))
        .then_some(length)
}
