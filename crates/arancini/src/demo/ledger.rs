//! A consumer of the demo's segments: it keeps the tables and shows the messages as JSON.

use std::io;
use std::path::{Path, PathBuf};

use arancini_client::tables::{Fingerprint, Tables};
use arancini_client::tail::{AtEnd, Begin, SegmentMessage, SegmentTail};
use arancini_core::BatchKind;
use arancini_schema::decode::Messages;
use arancini_schema::json::write_message;
use serde_json::Value;

/// Reads a segment directory and keeps what it has read.
pub(super) struct Ledger {
    directory: PathBuf,
    /// Opened at the first read, since the collector creates the directory.
    tail: Option<SegmentTail>,
    tables: Tables<Fingerprint>,
    /// Events and updates that have been read, as JSON.
    read: Vec<(BatchKind, Value)>,
    /// Updates in `read` that [`Ledger::new_updates`] has returned.
    returned: usize,
}

impl Ledger {
    /// Begins at the start of the directory.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            tail: None,
            tables: Tables::default(),
            read: Vec::new(),
            returned: 0,
        }
    }

    /// Returns the updates that were stored since the last call.
    pub fn new_updates(&mut self) -> io::Result<Vec<Value>> {
        let mut updates = self.events(BatchKind::Updates)?;
        let new = updates.split_off(self.returned);
        self.returned += new.len();
        Ok(new)
    }

    /// Returns the number of updates that [`Ledger::new_updates`] has returned.
    pub const fn stored(&self) -> usize {
        self.returned
    }

    /// Returns the number of routes that a consumer holds now.
    pub fn routes(&self) -> usize {
        self.tables.len()
    }

    /// Returns the number of updates that contradict earlier ones. A right stream has none.
    pub const fn contradictions(&self) -> u64 {
        let counts = self.tables.counts();
        counts.unchanged + counts.unheld
    }

    /// Returns all messages of a kind that are stored.
    pub fn events(&mut self, kind: BatchKind) -> io::Result<Vec<Value>> {
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => SegmentTail::open(&self.directory, Begin::Beginning, AtEnd::Stop)?,
        };
        while let Some(message) = tail.next_present()? {
            self.take(&message)?;
        }
        self.tail = Some(tail);
        let of_kind = self.read.iter().filter(|(of, _)| *of == kind);
        Ok(of_kind.map(|(_, value)| value.clone()).collect())
    }

    fn take(&mut self, message: &SegmentMessage) -> io::Result<()> {
        let damaged =
            |error: &dyn std::error::Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        let taken = self.tables.take(message.kind, &message.bytes);
        taken.map_err(|error| damaged(&error))?;
        for record in Messages::new(&message.bytes) {
            let record = record.map_err(|error| damaged(&error))?;
            let mut line = Vec::new();
            write_message(message.kind, &record, &mut line)?;
            self.read.push((message.kind, serde_json::from_slice(&line)?));
        }
        Ok(())
    }
}
