//! A snapshot read from its first byte to its last, block by block, checked.

use std::io::{self, Read};

use super::block::{BlockHeader, BlockKind, HEADER_BYTES, SnapshotError, check_start, read_json};
use super::ends::{End, Head};

/// Why a snapshot can't be read.
#[derive(Debug)]
pub enum ReadError {
    /// The bytes can't be had; they may be had later.
    Io(io::Error),
    /// The bytes are not a whole snapshot.
    Snapshot(SnapshotError),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Snapshot(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<SnapshotError> for ReadError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Snapshot(SnapshotError::Truncated),
            _ => Self::Io(error),
        }
    }
}

/// Hands each block to `block` once its checksum was found right. `Ok` only if the snapshot is whole: what `block` made
/// of a snapshot that is not must be thrown away.
///
/// # Errors
/// The snapshot can't be read, is not whole, or `block` refused.
pub fn read_snapshot(
    mut from: impl Read,
    mut block: impl FnMut(BlockKind, &[u8]) -> Result<(), SnapshotError>,
) -> Result<(Head, End), ReadError> {
    let mut start = [0; 12];
    from.read_exact(&mut start).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::Snapshot(SnapshotError::Foreign),
        _ => ReadError::Io(error),
    })?;
    check_start(&start)?;
    let mut head: Option<Head> = None;
    let mut payload = Vec::new();
    loop {
        let mut header = [0; HEADER_BYTES];
        from.read_exact(&mut header)?;
        let header = BlockHeader::read(&header)?;
        payload.clear();
        // Grows with what is really there: a damaged length costs no memory.
        from.by_ref()
            .take(header.length as u64)
            .read_to_end(&mut payload)?;
        if payload.len() < header.length {
            return Err(SnapshotError::Truncated.into());
        }
        header.check(&payload)?;
        match (&head, header.kind) {
            (None, BlockKind::Head) => head = Some(read_json(&payload)?),
            (None, _) | (Some(_), BlockKind::Head) => {
                return Err(SnapshotError::Content("its blocks are out of order".to_owned()).into());
            }
            (Some(head), BlockKind::End) => return Ok((head.clone(), read_json(&payload)?)),
            (Some(_), kind) => block(kind, &payload)?,
        }
    }
}
