//! Target `segments`: bytes of a segment file, or of a payload from a broker: framing, mending, decoding.

use std::path::PathBuf;

use arancini_client::records::{RecordError, Records};
use arancini_client::segments::{segment_path, set_aside_path};
use arancini_publish::sink::{self, Mended};
use arancini_schema::MessageKind;
use arancini_schema::decode::{DecodeErrorKind, Messages};
use arancini_schema::json::write_message;

use crate::scratch::ScratchDirectory;

/// Reads the bytes as a payload, and mends a segment with these bytes.
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

/// Mends a series whose last segment has these bytes. The whole messages at its start must stay. What is mended must be
/// whole, and the bytes of a damaged segment must still be there under another name.
fn mend(input: &[u8], kept: usize) {
    let directory = ScratchDirectory::new("segments");
    let kind = MessageKind::Updates;
    let path = |number| segment_path(directory.path(), kind, number);
    std::fs::write(path(1), input).expect("a temporary file can be written");
    let read = |path: PathBuf| std::fs::read(path).expect("the file is there");
    let mend = || sink::mend(directory.path(), kind).expect("the directory is there");
    match mend() {
        None => assert_eq!(kept, input.len()),
        Some(Mended::Torn(bytes)) => {
            assert_eq!(
                (bytes.kept, bytes.lost),
                (kept as u64, (input.len() - kept) as u64)
            );
            assert_eq!(read(path(1)), input[..kept]);
        }
        Some(Mended::Damaged(bytes)) => {
            let mended = read(path(2));
            assert_eq!(
                (bytes.kept, bytes.kept + bytes.lost),
                (mended.len() as u64, input.len() as u64)
            );
            assert!(mended.starts_with(&input[..kept]));
            assert!(Records::new(&mended).all(|record| record.is_ok()));
            assert_eq!(read(set_aside_path(&path(1))), input);
            assert!(!path(1).exists());
        }
    }
    assert_eq!(mend(), None);
}
