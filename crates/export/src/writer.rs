//! What every format can do: take messages, and end the file.

use std::io;

use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use thiserror::Error;

/// Why a message was not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The message cannot be read. The writer goes on with the next one.
    #[error("{0}")]
    Message(String),
    /// The file cannot be written. The export ends.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// A writer of one format.
pub trait MessageWriter {
    /// Writes a message, or leaves out what the format has no place for.
    ///
    /// # Errors
    /// The message cannot be read, or the file cannot be written.
    fn write(&mut self, kind: MessageKind, message: &Message<'_>) -> Result<(), WriteError>;

    /// Writes what is still in memory, and what belongs at the end of the file.
    ///
    /// # Errors
    /// The file cannot be written.
    fn finish(&mut self) -> io::Result<Finished>;
}

/// A file that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How many messages it has.
    pub messages: u64,
    /// What its format has no place for, one sentence each.
    pub left_out: Vec<String>,
}

impl Finished {
    /// A file of a format that has a place for everything.
    pub(crate) const fn whole(messages: u64) -> Self {
        Self {
            messages,
            left_out: Vec::new(),
        }
    }
}
