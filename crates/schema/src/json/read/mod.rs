//! Reading JSON Lines back: the inverse of [`write_message`](super::write_message).
//!
//! `publish.format = "json"` publishes these lines, and a collector reads them again after a restart. So every field that a collector
//! writes has to come back as it was; `tests/json_read.rs` compares all of them. Members that this version does not know are passed over,
//! as a Cap'n Proto reader passes over fields of a newer schema.

mod text;
mod update;
mod event;

use std::fmt;

use capnp::message::{Builder, HeapAllocator};
use serde::Deserialize;

/// Why lines of JSON cannot be read as messages.
#[derive(Debug)]
pub struct JsonError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: JsonErrorKind,
}

/// The kinds of errors in a line.
#[derive(Debug)]
pub enum JsonErrorKind {
    /// It is no JSON object of a message, or a member has a value that no collector writes.
    Content(serde_json::Error),
    /// Its `type` is none of the messages.
    UnknownType(String),
    /// The messages up to here are larger than the reader allows.
    TooLarge,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the JSON payload: ", self.line)?;
        match &self.kind {
            // The parser counts lines too, but each line was parsed by itself.
            JsonErrorKind::Content(error) => {
                let text = error.to_string();
                let cause = text.rsplit_once(" at line ").map_or(&*text, |(cause, _)| cause);
                write!(f, "{cause} at column {}", error.column())
            }
            JsonErrorKind::UnknownType(found) => write!(f, "its type {found:?} is no message of a collector"),
            JsonErrorKind::TooLarge => f.write_str("the messages are larger than any batch"),
        }
    }
}

impl std::error::Error for JsonError {}

/// The member that says what the others are.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
}

/// Reads JSON Lines and returns the messages as a Cap'n Proto payload of at most `most_bytes`. Empty lines are no messages.
///
/// # Errors
///
/// A line is no object that a collector writes, or the payload would be larger.
pub fn read_lines(lines: &[u8], most_bytes: usize) -> Result<Vec<u8>, JsonError> {
    let mut payload = Vec::new();
    for (line, number) in lines.split(|byte| *byte == b'\n').zip(1..) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let at = |kind| JsonError { line: number, kind };
        read_line(line, &mut payload).map_err(at)?;
        if payload.len() > most_bytes {
            return Err(at(JsonErrorKind::TooLarge));
        }
    }
    Ok(payload)
}

fn read_line(line: &[u8], payload: &mut Vec<u8>) -> Result<(), JsonErrorKind> {
    let head: Head = parse(line)?;
    let mut message = Builder::new_default();
    match head.kind.as_str() {
        "update" => parse::<update::UpdateLine<'_>>(line)?.build(message.init_root()),
        "peer" => parse::<event::PeerLine<'_>>(line)?.build(message.init_root()),
        "router" => parse::<event::RouterLine<'_>>(line)?.build(message.init_root()),
        "statistics" => parse::<event::StatisticsLine<'_>>(line)?.build(message.init_root()),
        "malformed" => parse::<event::MalformedLine<'_>>(line)?.build(message.init_root()),
        _ => return Err(JsonErrorKind::UnknownType(head.kind)),
    }
    append(&message, payload);
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, JsonErrorKind> {
    serde_json::from_slice(line).map_err(JsonErrorKind::Content)
}

fn append(message: &Builder<HeapAllocator>, payload: &mut Vec<u8>) {
    payload.extend_from_slice(&capnp::serialize::write_message_to_words(message));
}
