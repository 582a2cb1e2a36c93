//! Blocks of a snapshot: `kind (1) ‖ length (4, little endian) ‖ checksum (8, little endian) ‖ payload`.
//!
//! The checksum is XXH3-64 of the payload with the kind as seed.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The first bytes of a snapshot.
pub const MAGIC: [u8; 8] = *b"ARANSNAP";
/// The latest version of the format, which stands behind [`MAGIC`] as four bytes, little endian. It rises when an older reader
/// would misread. A file without attribute sets is still written in version 1, so that earlier versions of Arancini read it.
pub const VERSION: u32 = 2;
/// The version of a file without attribute sets.
pub const VERSION_WITHOUT_SETS: u32 = 1;
/// Bytes before a block's payload.
pub const HEADER_BYTES: usize = 13;
/// Largest payload of a block. A walk's blocks are far smaller; a larger length is damage.
const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockKind {
    /// [`super::ends::Head`] as JSON.
    Head = 1,
    /// A router as JSON.
    Router = 2,
    /// A peer as JSON.
    Peer = 3,
    /// Length of a JSON text (4, little endian), that text naming a table, then its routes.
    Routes = 4,
    /// [`super::ends::End`] as JSON.
    End = 5,
    /// Attribute sets (`super::sets`). Only with [`VERSION`] 2.
    Sets = 6,
}

impl BlockKind {
    const ALL: [Self; 6] = [
        Self::Head,
        Self::Router,
        Self::Peer,
        Self::Routes,
        Self::End,
        Self::Sets,
    ];
}

/// Why bytes are not a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotError {
    /// The file does not begin like a snapshot.
    Foreign,
    /// The file was written by a later version.
    Version(u32),
    /// The file ends before its last block.
    Truncated,
    /// The bytes of a block are not those that were written.
    Checksum,
    /// A block makes no sense.
    Content(String),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a snapshot of Arancini"),
            Self::Version(version) => {
                write!(
                    f,
                    "written in format {version}; this version of Arancini reads formats up to {VERSION}"
                )
            }
            Self::Truncated => f.write_str("cut off: its last block is missing"),
            Self::Checksum => f.write_str("damaged: a checksum does not match"),
            Self::Content(what) => write!(f, "damaged: {what}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// Checks the first 12 bytes of a snapshot.
///
/// # Errors
/// The bytes are not the start of a snapshot, or it was written by a later version.
pub fn check_start(start: &[u8]) -> Result<(), SnapshotError> {
    let (magic, version) = start.split_first_chunk::<8>().ok_or(SnapshotError::Foreign)?;
    let version = version.first_chunk::<4>().ok_or(SnapshotError::Foreign)?;
    if *magic != MAGIC {
        return Err(SnapshotError::Foreign);
    }
    match u32::from_le_bytes(*version) {
        VERSION_WITHOUT_SETS..=VERSION => Ok(()),
        other => Err(SnapshotError::Version(other)),
    }
}

/// The header of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// What the block holds.
    pub kind: BlockKind,
    /// Bytes of the payload.
    pub length: usize,
    checksum: u64,
}

impl BlockHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// No block begins here.
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, SnapshotError> {
        let [kind, a, b, c, d, checksum @ ..] = *bytes;
        let kind = BlockKind::ALL
            .into_iter()
            .find(|known| *known as u8 == kind)
            .ok_or_else(|| SnapshotError::Content(format!("a block of kind {kind}")))?;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Err(SnapshotError::Content(format!("a block of {length} bytes")));
        }
        Ok(Self {
            kind,
            length,
            checksum: u64::from_le_bytes(checksum),
        })
    }

    /// Checks that a payload is the one that was written.
    ///
    /// # Errors
    /// Length or checksum differ.
    pub fn check(&self, payload: &[u8]) -> Result<(), SnapshotError> {
        if payload.len() == self.length && checksum(self.kind, payload) == self.checksum {
            Ok(())
        } else {
            Err(SnapshotError::Checksum)
        }
    }
}

/// Appends a block whose payload `write` appends.
pub fn append_block(kind: BlockKind, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    write(out);
    let payload = &out[start + HEADER_BYTES..];
    // Blocks are written in slices, far below 4 GiB.
    let length = payload.len() as u32;
    let checksum = checksum(kind, payload);
    let header = &mut out[start..start + HEADER_BYTES];
    header[0] = kind as u8;
    header[1..5].copy_from_slice(&length.to_le_bytes());
    header[5..].copy_from_slice(&checksum.to_le_bytes());
}

/// Appends a value as JSON. Writing cannot fail, since all keys are strings.
pub(super) fn append_json(value: &impl Serialize, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok());
}

pub(super) fn read_json<T: DeserializeOwned>(payload: &[u8]) -> Result<T, SnapshotError> {
    serde_json::from_slice(payload).map_err(|error| SnapshotError::Content(error.to_string()))
}

fn checksum(kind: BlockKind, payload: &[u8]) -> u64 {
    xxh3_64_with_seed(payload, kind as u64)
}
