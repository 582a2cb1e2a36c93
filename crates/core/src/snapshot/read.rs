//! Reading a snapshot from its first byte to its last, block by block, each checked.

use std::io::{self, Read};

use super::block::{BlockHeader, BlockKind, HEADER_BYTES, SnapshotError, check_start, read_json};
use super::ends::{End, Head};

/// Why a snapshot cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// Reading the bytes failed. It may succeed later.
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

/// Hands each block whose checksum is right to `block`. Returns `Ok` only if the snapshot is whole; after an error the caller
/// throws away everything that `block` has made.
///
/// # Errors
/// The snapshot cannot be read, is not whole, or `block` refused.
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
        // The buffer grows with the bytes that are really there, so a damaged length costs no memory.
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
            (Some(head), BlockKind::End) => {
                block(BlockKind::End, &payload)?;
                return Ok((head.clone(), read_json(&payload)?));
            }
            (Some(_), kind) => block(kind, &payload)?,
        }
    }
}
