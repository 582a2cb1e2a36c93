//! Mending a segment after a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::Path;

use arancini_client::records::{RecordError, record_length};

/// A segment table that is not complete within this many bytes is not one of a collector.
const LONGEST_TABLE: usize = 4 + 4 * 512;
const READ_AHEAD: usize = 1 << 20;

/// The end of a segment that a crash has cut short, as [`mend`] found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Bytes of whole records, which were kept.
    pub kept: u64,
    /// Bytes behind them, which were cut off.
    pub cut: u64,
}

/// Cuts off what a crash has left behind the last whole record of a segment.
///
/// # Errors
/// The file cannot be read or cut.
pub fn mend(path: &Path) -> io::Result<Option<TornTail>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let kept = whole_bytes(&file, size)?;
    if kept == size {
        return Ok(None);
    }
    file.set_len(kept)?;
    file.sync_all()?;
    Ok(Some(TornTail {
        kept,
        cut: size - kept,
    }))
}

/// Returns where the last whole record ends.
fn whole_bytes(file: &File, size: u64) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(READ_AHEAD, file);
    let mut at = 0;
    let mut head = Vec::with_capacity(64);
    while at < size {
        head.clear();
        let length = loop {
            match record_length(&head, at) {
                Ok(Some(length)) => break length,
                Ok(None) if head.len() >= LONGEST_TABLE => return Ok(at),
                Ok(None) => {}
                Err(RecordError::Foreign { .. } | RecordError::Torn { .. }) => return Ok(at),
            }
            let more = if head.is_empty() { 8 } else { 4 };
            if (&mut reader).take(more).read_to_end(&mut head)? < more as usize {
                return Ok(at);
            }
        };
        let Some(end) = at.checked_add(length).filter(|end| *end <= size) else {
            return Ok(at);
        };
        let rest = i64::try_from(length).unwrap_or(i64::MAX) - head.len() as i64;
        reader.seek_relative(rest)?;
        at = end;
    }
    Ok(at)
}
