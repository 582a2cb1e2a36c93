//! Packing batches into messages: as JSON if that format is set, compressed if compression is set, and none larger than the server takes.
//!
//! The size of the result counts against the server's limit. If it is too large, the batch is split between its records, and each
//! part is formed by itself.

use std::sync::Arc;

use arancini_client::{Format, PayloadForm};
use arancini_core::Batch;
use arancini_schema::json::write_lines;
use bytes::Bytes;

use crate::compressor::Compressor;
use crate::hooks::Hooks;
use crate::message::Message;
use crate::status::SinkStatus;

/// Makes messages of batches. Owns a compression context.
pub(crate) struct Packer {
    format: Format,
    compressor: Option<Compressor>,
    /// The buffer in which JSON is written.
    lines: Vec<u8>,
    status: Arc<SinkStatus>,
    hooks: Hooks,
}

/// What was done to the payload of a message.
struct Formed {
    /// The payload before; `None` if the message stays plain.
    plain: Option<Bytes>,
    /// Size of the payload before compression.
    uncompressed_bytes: usize,
}

impl Packer {
    pub(crate) fn new(form: PayloadForm, status: Arc<SinkStatus>, hooks: Hooks) -> Self {
        Self {
            format: form.format,
            compressor: Compressor::new(form.compression),
            lines: Vec::new(),
            status,
            hooks,
        }
    }

    /// Packs a batch into as few messages as fit, in order. A single record that is larger than `most` bytes stays whole.
    pub(crate) fn pack(&mut self, batch: Batch, most: usize) -> Vec<Message> {
        let mut message = Message::from(batch);
        let Formed {
            plain,
            uncompressed_bytes: before,
        } = self.form(&mut message);
        let messages = if fits(&message, most) {
            plain.into_iter().for_each(|plain| self.recycle(plain));
            vec![message]
        } else {
            self.cut(message, plain, most)
        };
        if self.compressor.is_some() {
            let after: usize = messages.iter().map(|message| message.payload.len()).sum();
            SinkStatus::add(&self.status.bytes_before_compression, before as u64);
            SinkStatus::add(&self.status.bytes_after_compression, after as u64);
        }
        messages
    }

    /// Splits a message that was packed for a server which takes more. A message that is a part already stays as it is: the
    /// server may know its id.
    pub(crate) fn fit(&mut self, message: Message, most: usize) -> Vec<Message> {
        if fits(&message, most) || message.part > 0 {
            return vec![message];
        }
        self.cut(message, None, most)
    }

    /// Splits a whole batch. `plain` is its payload before it was formed, if it is still in memory.
    fn cut(&mut self, message: Message, plain: Option<Bytes>, most: usize) -> Vec<Message> {
        let packed_bytes = message.payload.len();
        let plain = match plain.map_or_else(|| message.form.read(message.payload.clone()), Ok) {
            Ok(plain) => plain,
            // These are the publisher's own bytes in memory, so this cannot happen. If it did, the message would be
            // published as it is, and the server would refuse it.
            Err(_) => return vec![message],
        };
        // Parts that grow or shrink as the whole does fit at the first attempt.
        let mut target =
            usize::try_from(plain.len() as u128 * most as u128 / packed_bytes.max(1) as u128).unwrap_or(most);
        let whole = Message {
            payload: plain,
            form: PayloadForm::default(),
            ..message
        };
        loop {
            let mut parts = whole.clone().split(target);
            for part in &mut parts {
                self.form(part);
            }
            if parts.iter().all(|part| fits(part, most)) {
                self.recycle(whole.payload);
                return parts;
            }
            target /= 2;
        }
    }

    /// Writes the payload, which is plain, in the format that is set, and compresses it.
    fn form(&mut self, message: &mut Message) -> Formed {
        let mut plain = None;
        if self.format == Format::Json && self.write_json(message) {
            message.form.format = Format::Json;
            // What waits in the window takes no more memory than its size.
            let lines = Bytes::copy_from_slice(&self.lines);
            plain = Some(std::mem::replace(&mut message.payload, lines));
        }
        let uncompressed_bytes = message.payload.len();
        if let Some(compressor) = &mut self.compressor
            && let Some(compressed) = compressor.compress(&message.payload)
        {
            message.form.compression = compressor.compression();
            let before = std::mem::replace(&mut message.payload, compressed);
            plain.get_or_insert(before);
        }
        Formed {
            plain,
            uncompressed_bytes,
        }
    }

    /// Writes the records of a message as lines of JSON. Returns whether that was possible. The core writes whole records, so it is; if
    /// it were not, the message would be published as Cap'n Proto, and its headers would say so.
    fn write_json(&mut self, message: &Message) -> bool {
        self.lines.clear();
        write_lines(message.kind, &message.payload, &mut self.lines).is_ok()
    }

    /// Returns a plain buffer that is no longer needed, since a resend uses the formed payload.
    fn recycle(&self, plain: Bytes) {
        if plain.is_unique() {
            self.hooks.recycle(Vec::from(plain));
        }
    }
}

fn fits(message: &Message, most: usize) -> bool {
    message.payload.len() <= most || message.messages <= 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;
    use std::sync::Mutex;
    use std::sync::atomic::Ordering::Relaxed;

    use arancini_client::Compression;
    use arancini_client::records::Records;
    use arancini_core::BatchKind;

    use super::*;

    const ALL: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::Zstd];

    fn packer(compression: Compression) -> Packer {
        Packer::new(
            PayloadForm::compressed(compression),
            Arc::default(),
            Hooks::default(),
        )
    }

    /// Messages of these numbers of words; `noise` is the part of each that does not compress.
    fn batch(words: &[u32], noise: u32) -> Batch {
        let mut payload = Vec::new();
        let mut random = 1_u64;
        for words in words {
            payload.extend([0, 0, 0, 0]);
            payload.extend(words.to_le_bytes());
            for word in 0..*words {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let value = if word < noise { random ^ random >> 29 } else { 7 };
                payload.extend(value.to_le_bytes());
            }
        }
        Batch {
            kind: BatchKind::Updates,
            subject: "arancini.updates.v4_192_0_2_1.64512.1_1".into(),
            router: IpAddr::from([192, 0, 2, 1]),
            payload,
            messages: words.len() as u32,
            first_sequence: 10,
            last_sequence: 20,
            worker: 3,
            number: 77,
        }
    }

    fn plain(messages: &[Message]) -> Vec<u8> {
        let payloads = messages
            .iter()
            .map(|message| message.form.read(message.payload.clone()));
        payloads.flat_map(|payload| payload.unwrap().to_vec()).collect()
    }

    fn assert_whole(messages: &[Message], payload: &[u8], most: usize, count: u32) {
        assert_eq!(plain(messages), payload);
        assert_eq!(
            messages.iter().map(|message| message.messages).sum::<u32>(),
            count
        );
        assert_eq!(messages.iter().filter(|message| message.is_last).count(), 1);
        assert!(messages.last().unwrap().is_last);
        for (index, message) in messages.iter().enumerate() {
            let one = plain(std::slice::from_ref(message));
            assert_eq!(
                Records::new(&one).count(),
                message.messages as usize,
                "whole messages"
            );
            assert!(message.payload.len() <= most || message.messages == 1);
            let part = if messages.len() == 1 { 0 } else { index as u32 + 1 };
            assert_eq!(message.part, part);
        }
    }

    #[test]
    fn whatever_the_limit_nothing_is_lost_and_all_fits() {
        for compression in ALL {
            for noise in [0, 3, 100] {
                let words = [4, 5, 60, 7, 1, 2, 30, 1, 40, 40, 40];
                let payload = batch(&words, noise).payload;
                for most in (1..payload.len() + 2).step_by(13) {
                    let messages = packer(compression).pack(batch(&words, noise), most);
                    assert_whole(&messages, &payload, most, words.len() as u32);
                }
            }
        }
    }

    #[test]
    fn the_compressed_size_decides_whether_to_cut() {
        let words = [40; 50];
        let size = batch(&words, 1).payload.len();
        assert!(packer(Compression::None).pack(batch(&words, 1), size / 2).len() > 1);
        let whole = packer(Compression::Zstd).pack(batch(&words, 1), size / 2);
        assert_eq!(whole.len(), 1);
        let compressed = whole[0].payload.len();
        let cut = packer(Compression::Zstd).pack(batch(&words, 1), compressed - 1);
        assert!((2..5).contains(&cut.len()), "few parts: {}", cut.len());
    }

    #[test]
    fn a_smaller_broker_gets_what_was_packed_for_a_larger_one() {
        for compression in ALL {
            let mut packer = packer(compression);
            let words = [40; 50];
            let payload = batch(&words, 2).payload;
            let mut whole = packer.pack(batch(&words, 2), usize::MAX);
            let whole = whole.pop().unwrap();
            let most = whole.payload.len() / 3;
            let parts = packer.fit(whole.clone(), most);
            assert!(parts.len() > 2);
            assert_whole(&parts, &payload, most, 50);
            let kept = packer.fit(parts[0].clone(), 1);
            assert_eq!(kept.len(), 1, "a part stays a part");
            assert_eq!(packer.fit(whole, usize::MAX).len(), 1);
        }
    }

    #[test]
    fn plain_buffers_come_back_at_once_and_bytes_are_counted() {
        let status = Arc::<SinkStatus>::default();
        let recycled = Arc::new(Mutex::new(Vec::new()));
        let give = Arc::clone(&recycled);
        let hooks = Hooks {
            recycle: Some(Arc::new(move |buffer: Vec<u8>| {
                give.lock().unwrap().push(buffer.len())
            })),
            ..Hooks::default()
        };
        let mut packer = Packer::new(
            PayloadForm::compressed(Compression::Lz4),
            Arc::clone(&status),
            hooks,
        );
        let size = batch(&[40; 50], 1).payload.len();
        let whole = packer.pack(batch(&[40; 50], 1), usize::MAX);
        let parts = packer.pack(batch(&[40; 50], 1), whole[0].payload.len() / 2);
        assert_eq!(*recycled.lock().unwrap(), [size, size]);
        let sent: usize = whole
            .iter()
            .chain(&parts)
            .map(|message| message.payload.len())
            .sum();
        assert_eq!(status.bytes_before_compression.load(Relaxed), 2 * size as u64);
        assert_eq!(status.bytes_after_compression.load(Relaxed), sent as u64);
    }

    #[test]
    fn what_cannot_be_written_as_json_is_published_as_it_is() {
        let form = PayloadForm {
            format: Format::Json,
            compression: Compression::Zstd,
        };
        let mut packer = Packer::new(form, Arc::default(), Hooks::default());
        let payload = batch(&[40; 50], 0).payload;
        let messages = packer.pack(batch(&[40; 50], 0), usize::MAX);
        assert_eq!(messages[0].form, PayloadForm::compressed(Compression::Zstd));
        assert_whole(&messages, &payload, usize::MAX, 50);
    }
}
