//! JSON Lines: the objects of `arancini tail --json`.

use std::io::Write;

use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use arancini_schema::json::write_message;

use crate::writer::{Finished, MessageWriter, WriteError};

/// Writes one object of JSON and a newline for each message.
pub struct JsonLines<W: Write> {
    out: W,
    with_events: bool,
    line: Vec<u8>,
    messages: u64,
}

impl<W: Write> JsonLines<W> {
    /// Writes updates only.
    pub fn of_updates(out: W) -> Self {
        Self {
            out,
            with_events: false,
            line: Vec::new(),
            messages: 0,
        }
    }

    /// Also writes events of peers and routers, statistics, and malformed messages.
    pub fn of_all(out: W) -> Self {
        Self {
            with_events: true,
            ..Self::of_updates(out)
        }
    }
}

impl<W: Write> MessageWriter for JsonLines<W> {
    fn write(&mut self, kind: MessageKind, message: &Message<'_>) -> Result<(), WriteError> {
        if kind != MessageKind::Updates && !self.with_events {
            return Ok(());
        }
        self.line.clear();
        write_message(kind, message, &mut self.line)
            .map_err(|error| WriteError::Message(error.to_string()))?;
        self.out.write_all(&self.line)?;
        self.messages += 1;
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<Finished> {
        self.out.flush()?;
        Ok(Finished::whole(self.messages))
    }
}
