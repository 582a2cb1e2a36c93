//! BMP messages found in a byte stream (RFC 7854 §4.1).
//!
//! Frames are handed out where they lie in the receive slot. Only a frame that straddles two slots is copied, once,
//! into the session's spill buffer, which never holds more than one message.

use arancini_wire::WireError;
use arancini_wire::bmp::frame_length;

/// A larger spill buffer is given back once its message is done: a session must not hold memory for one large message that
/// it sent long ago. A Route Monitoring message about an UPDATE of 4096 bytes fits.
const SPILL_KEPT_BYTES: usize = 8 * 1024;

/// How the framer goes on after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// With the next message.
    Message,
    /// It stops here. The message is done.
    Pause,
    /// It stops here. The message is not done, and is handed out again when its bytes come again.
    SameMessage,
}

/// Finds the messages of one session.
#[derive(Debug)]
pub struct Framer {
    spill: Vec<u8>,
    max_message_bytes: usize,
    position: u64,
}

impl Framer {
    /// A framer that refuses messages longer than `max_message_bytes`.
    #[must_use]
    pub const fn new(max_message_bytes: usize) -> Self {
        Self {
            spill: Vec::new(),
            max_message_bytes,
            position: 0,
        }
    }

    /// Takes the next bytes of the stream and hands each whole message to `frame`, which says how to go on. With the message come
    /// the bytes that stand behind it, to look ahead. Returns how many bytes were taken: the others have to come again, before
    /// any later ones.
    ///
    /// # Errors
    /// The stream is not BMP version 3, or a length is out of bounds; the offset counts from the session's first
    /// byte. Nothing after that place can be trusted: the session has to end.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut frame: impl FnMut(&[u8], &[u8]) -> Next,
    ) -> Result<usize, WireError> {
        let mut input = bytes;
        while !self.spill.is_empty() {
            let length = self.length_of(&self.spill)?;
            let missing = length.unwrap_or(arancini_wire::bmp::COMMON_HEADER_LEN) - self.spill.len();
            let Some((head, rest)) = input.split_at_checked(missing) else {
                self.spill.extend_from_slice(input);
                return Ok(bytes.len());
            };
            self.spill.extend_from_slice(head);
            if self.length_of(&self.spill)? == Some(self.spill.len()) {
                let next = frame(&self.spill, rest);
                if next == Next::SameMessage {
                    // Its last bytes come again, and complete the spill again.
                    self.spill.truncate(self.spill.len() - head.len());
                    return Ok(bytes.len() - input.len());
                }
                self.position += self.spill.len() as u64;
                self.spill.clear();
                self.spill.shrink_to(SPILL_KEPT_BYTES);
                if next == Next::Pause {
                    return Ok(bytes.len() - rest.len());
                }
            }
            input = rest;
        }
        while let Some(length) = self.length_of(input)? {
            let Some((message, rest)) = input.split_at_checked(length) else {
                break;
            };
            let next = frame(message, rest);
            if next == Next::SameMessage {
                return Ok(bytes.len() - input.len());
            }
            self.position += length as u64;
            input = rest;
            if next == Next::Pause {
                return Ok(bytes.len() - input.len());
            }
        }
        self.spill.extend_from_slice(input);
        Ok(bytes.len())
    }

    /// Bytes of the message whose end has not come yet.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.spill.len()
    }

    /// Bytes of all whole messages so far.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    #[inline]
    fn length_of(&self, bytes: &[u8]) -> Result<Option<usize>, WireError> {
        frame_length(bytes, self.max_message_bytes)
            .map_err(|error| error.at(usize::try_from(self.position).unwrap_or(usize::MAX)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn message(body: usize) -> Vec<u8> {
        let mut bytes = vec![3];
        bytes.extend(u32::try_from(body + 6).unwrap().to_be_bytes());
        bytes.push(4);
        bytes.resize(body + 6, 0xaa);
        bytes
    }

    proptest! {
        #[test]
        fn any_cut_of_the_stream_gives_the_same_messages(
            bodies in proptest::collection::vec(0..300_usize, 1..40),
            cuts in proptest::collection::vec(1..200_usize, 1..40),
        ) {
            let messages: Vec<Vec<u8>> = bodies.iter().map(|&body| message(body)).collect();
            let stream = messages.concat();
            let mut framer = Framer::new(1000);
            let mut seen = Vec::new();
            let mut handed_out = 0;
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                // Every message is handed out three times. The framer stops behind every other one.
                let mut given = head;
                while !given.is_empty() {
                    let taken = framer.feed(given, |frame, _| {
                        handed_out += 1;
                        if handed_out % 3 != 0 {
                            return Next::SameMessage;
                        }
                        seen.push(frame.to_vec());
                        if seen.len() % 2 == 0 { Next::Message } else { Next::Pause }
                    }).unwrap();
                    given = &given[taken..];
                }
                rest = tail;
                if rest.is_empty() { break }
            }
            prop_assert_eq!(seen, messages);
            prop_assert_eq!(framer.pending_bytes(), 0);
            prop_assert_eq!(framer.position(), stream.len() as u64);
        }
    }

    #[test]
    fn a_wrong_version_or_length_ends_the_session_and_names_the_place() {
        let mut stream = message(10);
        stream.extend([4, 0, 0]);
        let mut framer = Framer::new(1000);
        let mut count = 0;
        let error = framer
            .feed(&stream, |_, _| {
                count += 1;
                Next::Message
            })
            .unwrap_err();
        assert_eq!((count, error.offset), (1, 16));
        let mut framer = Framer::new(1000);
        assert_eq!(
            framer
                .feed(&[3, 0, 1, 0, 0, 0], |_, _| Next::Message)
                .unwrap_err()
                .offset,
            1
        );
        let mut framer = Framer::new(1000);
        assert!(framer.feed(&[3, 0, 0, 0, 5, 0], |_, _| Next::Message).is_err());
    }
}
