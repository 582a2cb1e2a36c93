//! Target `segments`: bytes of a segment file, or of a payload from a broker: framing, mending, decoding.

use arancini_client::records::{RecordError, Records};
use arancini_publish::sink;
use arancini_schema::MessageKind;
use arancini_schema::decode::{DecodeErrorKind, Messages};
use arancini_schema::json::write_message;

use crate::scratch::Scratch;

/// Reads the bytes as a payload, and mends a file with these bytes.
pub fn run(input: &[u8]) {
    let kept = frames(input);
    messages(input, kept);
    mend(input, kept);
}

/// Walks over the frames. Returns the end of the last whole one.
fn frames(input: &[u8]) -> usize {
    let mut frames = Records::new(input);
    let mut end = 0;
    while let Some(frame) = frames.next() {
        match frame {
            Ok(frame) => {
                assert_eq!(&input[end..][..frame.len()], frame);
                assert!(frame.len() > 8, "a root pointer at least");
                end += frame.len();
                assert_eq!(frames.position(), end);
            }
            Err(RecordError::Torn { at } | RecordError::Foreign { at, .. }) => {
                assert_eq!((at as usize, frames.position()), (end, end));
                return end;
            }
        }
    }
    assert_eq!(end, input.len());
    end
}

/// Decodes every message that the framing keeps. Its content must not cause a panic.
fn messages(input: &[u8], kept: usize) {
    let mut out = Vec::new();
    let mut messages = Messages::new(input);
    let mut end = 0;
    while let Some(message) = messages.next() {
        match message {
            Ok(message) => {
                assert_eq!(message.offset(), end);
                end += message.bytes().len();
                assert_eq!(messages.offset(), end);
                for kind in MessageKind::ALL {
                    out.clear();
                    if write_message(kind, &message, &mut out).is_ok() {
                        assert!(out.starts_with(b"{") && out.ends_with(b"}\n"));
                        assert!(std::str::from_utf8(&out).is_ok());
                    }
                }
            }
            Err(error) => {
                assert_eq!(error.offset, end);
                assert!(!error.to_string().is_empty());
                if let DecodeErrorKind::Truncated { needed, available } = error.kind {
                    assert!(needed > available as u64);
                    assert!(end >= kept, "whole by its framing, but cut off by its reader");
                }
            }
        }
    }
}

/// Mends the file. The whole messages at its start must stay, and mending it again must change nothing.
fn mend(input: &[u8], kept: usize) {
    let file = Scratch::new("segment", input);
    let torn = sink::mend(file.path()).expect("the file is there");
    match torn {
        Some(torn) => assert_eq!((torn.kept, torn.cut), (kept as u64, (input.len() - kept) as u64)),
        None => assert_eq!(kept, input.len()),
    }
    assert_eq!(file.content(), input[..kept]);
    assert_eq!(sink::mend(file.path()).expect("the file is there"), None);
}
