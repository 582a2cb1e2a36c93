//! The messages of a payload, one after the other into a writer.

use std::fmt::Display;
use std::io;

use arancini_client::records::Records;
use arancini_schema::MessageKind;
use arancini_schema::decode::Messages;

use crate::filter::Filter;
use crate::problems::Problems;
use crate::writer::{MessageWriter, WriteError};

/// Where messages go.
pub struct Destination<'a> {
    /// Chooses messages.
    pub filter: &'a Filter,
    /// Writes them.
    pub writer: &'a mut dyn MessageWriter,
    /// Is told what cannot be exported.
    pub problems: &'a mut Problems,
}

impl Destination<'_> {
    /// Exports the messages of a payload that pass the filter. A message that cannot be read is a problem; `place` says where
    /// the message with a number is; the first has number 0.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn take<P: Display>(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        place: impl Fn(u64) -> P,
    ) -> io::Result<()> {
        for (number, record) in (0..).zip(Records::new(payload)) {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    self.problems.add(format_args!(
                        "{}: {error}; the rest of the message is not exported, because no collector has written it so",
                        place(number)
                    ));
                    return Ok(());
                }
            };
            let written = match Messages::new(record).next() {
                Some(Ok(message)) if self.filter.passes(kind, &message) => self.writer.write(kind, &message),
                Some(Err(error)) => Err(WriteError::Message(error.to_string())),
                Some(Ok(_)) | None => Ok(()),
            };
            match written {
                Ok(()) => {}
                Err(WriteError::Message(why)) => self.problems.add(format_args!(
                    "{} can't be read and is not exported: {why}; the file or the stream holds what no collector has published",
                    place(number)
                )),
                Err(WriteError::Output(error)) => return Err(error),
            }
        }
        Ok(())
    }
}
