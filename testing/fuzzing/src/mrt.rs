//! Target `mrt`: the records of an MRT file, as `arancini decode` and `arancini replay` read them.

use arancini_collector::offline::{Decoder, write_json};
use arancini_collector::replay::Recording;
use arancini_rib::CurationMode;

/// Converts the bytes. Whatever they are, the BMP stream made of them must be whole, because the core leaves out everything
/// behind a damaged message, and its events must be readable.
pub fn run(input: &[u8]) {
    let recording = Recording::from_mrt("input", input);
    assert_eq!(recording.is_whole, recording.notes.is_empty());
    assert!(recording.notes.iter().all(|note| !note.is_empty()));
    for message in recording.messages() {
        assert!(message.message_type.is_some(), "a message that can't be framed");
    }
    let mut decoder = Decoder::new(CurationMode::Off);
    let mut events = Vec::new();
    let ended = decoder
        .decode(&recording, [192, 0, 2, 1].into(), |batch| {
            write_json(batch, &mut events)
        })
        .expect("memory takes all events");
    assert_eq!(ended, None);
    assert!(std::str::from_utf8(&events).is_ok());
}
