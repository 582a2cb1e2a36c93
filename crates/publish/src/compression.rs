//! Compression of a batch in the publisher, undone by its readers.
//!
//! Each NATS message is compressed by itself: an LZ4 frame or a Zstandard frame, named by the `Content-Encoding` header.
//! What does not get smaller goes out as it is, without the header: the header says what a payload is, not the setting.

use std::io::{self, Read, Write};

use bytes::Bytes;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use thiserror::Error;
use tracing::warn;

use crate::settings::Compression;

/// Fastest of the regular levels; higher ones cost several times as much for a few percent of size.
const ZSTD_LEVEL: i32 = 1;
/// More than any batch of ours has. A reader stops here instead of filling its memory.
const MOST_PLAIN_BYTES: u64 = 256 << 20;

/// Why a payload can't be decompressed.
#[derive(Debug, Error)]
pub enum DecompressError {
    /// Not one of the encodings that we write.
    #[error("unknown Content-Encoding {0:?}")]
    UnknownEncoding(String),
    /// The payload is not what the header says.
    #[error("damaged {encoding} payload: {source}")]
    Damaged {
        /// The encoding.
        encoding: &'static str,
        /// What its decoder says.
        source: io::Error,
    },
    /// The payload grows beyond all batches.
    #[error("the payload is larger than {MOST_PLAIN_BYTES} bytes when decompressed")]
    TooLarge,
}

impl Compression {
    /// The value of the `Content-Encoding` header; none for what is not compressed.
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lz4 => Some("lz4"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// What a `Content-Encoding` header says; no header says no compression.
    pub fn from_content_encoding(value: Option<&str>) -> Result<Self, DecompressError> {
        match value {
            None => Ok(Self::None),
            Some("lz4") => Ok(Self::Lz4),
            Some("zstd") => Ok(Self::Zstd),
            Some(other) => Err(DecompressError::UnknownEncoding(other.to_owned())),
        }
    }

    /// The payload as it was before it was compressed.
    pub fn decompress(self, payload: Bytes) -> Result<Bytes, DecompressError> {
        let read = match self {
            Self::None => return Ok(payload),
            Self::Lz4 => read_bounded(FrameDecoder::new(Endless(&payload))),
            Self::Zstd => zstd::Decoder::new(&*payload).and_then(read_bounded),
        };
        let plain = read.map_err(|source| DecompressError::Damaged {
            encoding: self.content_encoding().unwrap_or_default(),
            source,
        })?;
        if plain.len() as u64 > MOST_PLAIN_BYTES {
            return Err(DecompressError::TooLarge);
        }
        Ok(plain.into())
    }
}

/// Bytes that must not end before their frame does: the LZ4 decoder takes the end of its input between two blocks for
/// the end of the frame.
struct Endless<'a>(&'a [u8]);

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is cut short"));
        }
        self.0.read(buffer)
    }
}

fn read_bounded(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    decoder.take(MOST_PLAIN_BYTES + 1).read_to_end(&mut plain)?;
    Ok(plain)
}

/// Compresses one payload after the other with one context, which is kept: making one costs more than a batch does.
pub(crate) struct Compressor {
    codec: Codec,
}

enum Codec {
    Lz4(Box<FrameEncoder<Vec<u8>>>),
    Zstd {
        context: Box<zstd::bulk::Compressor<'static>>,
        scratch: Vec<u8>,
    },
}

impl Compressor {
    /// `None` where nothing is to be compressed, or where memory does not reach for a context: then batches go out as
    /// they are, as their headers say.
    pub(crate) fn new(compression: Compression) -> Option<Self> {
        let codec = match compression {
            Compression::None => return None,
            Compression::Lz4 => {
                let frame = FrameInfo::new()
                    .block_size(BlockSize::Max256KB)
                    .block_mode(BlockMode::Independent);
                Codec::Lz4(Box::new(FrameEncoder::with_frame_info(frame, Vec::new())))
            }
            Compression::Zstd => match zstd::bulk::Compressor::new(ZSTD_LEVEL) {
                Ok(context) => Codec::Zstd {
                    context: Box::new(context),
                    scratch: Vec::new(),
                },
                Err(error) => {
                    warn!(%error, "no zstd context can be made; batches are published uncompressed");
                    return None;
                }
            },
        };
        Some(Self { codec })
    }

    /// What it compresses to.
    pub(crate) fn compression(&self) -> Compression {
        match &self.codec {
            Codec::Lz4(_) => Compression::Lz4,
            Codec::Zstd { .. } => Compression::Zstd,
        }
    }

    /// The compressed payload, in memory of just its size, since it may wait in the window for long; `None` if it is
    /// not smaller.
    pub(crate) fn compress(&mut self, plain: &[u8]) -> Option<Bytes> {
        if plain.is_empty() {
            return None;
        }
        let compressed = match &mut self.codec {
            Codec::Lz4(encoder) => {
                encoder.get_mut().clear();
                encoder.write_all(plain).ok()?;
                encoder.try_finish().ok()?;
                encoder.get_ref()
            }
            Codec::Zstd { context, scratch } => {
                scratch.clear();
                scratch.reserve(zstd::zstd_safe::compress_bound(plain.len()));
                context.compress_to_buffer(plain, scratch).ok()?;
                scratch
            }
        };
        (compressed.len() < plain.len()).then(|| Bytes::copy_from_slice(compressed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BOTH: [Compression; 2] = [Compression::Lz4, Compression::Zstd];

    fn repetitive(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at % 300 / 7) as u8).collect()
    }

    #[test]
    fn one_context_after_the_other_payload_reads_back() {
        for compression in BOTH {
            let mut compressor = Compressor::new(compression).unwrap();
            // Around the block size of LZ4, smaller and larger in turn.
            for bytes in [100, 262_143, 262_144, 262_145, 5000, 1 << 20, 64] {
                let plain = repetitive(bytes);
                let compressed = compressor.compress(&plain).unwrap();
                assert!(compressed.len() < plain.len());
                assert_eq!(
                    compression.decompress(compressed).unwrap(),
                    plain,
                    "{compression:?} {bytes}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_get_smaller_is_left_alone() {
        for compression in BOTH {
            let mut compressor = Compressor::new(compression).unwrap();
            assert!(compressor.compress(&[1, 2, 3, 4, 5, 6, 7, 8]).is_none());
            assert!(compressor.compress(&[]).is_none());
            assert!(
                compressor.compress(&repetitive(4000)).is_some(),
                "and the next one is compressed"
            );
        }
    }

    #[test]
    fn frames_are_those_of_the_formats() {
        let lz4 = Compressor::new(Compression::Lz4)
            .unwrap()
            .compress(&repetitive(900));
        assert_eq!(lz4.unwrap()[..4], 0x184d_2204_u32.to_le_bytes());
        let zstd = Compressor::new(Compression::Zstd)
            .unwrap()
            .compress(&repetitive(900));
        assert_eq!(zstd.unwrap()[..4], 0xfd2f_b528_u32.to_le_bytes());
    }

    #[test]
    fn damage_and_unknown_encodings_are_told() {
        for compression in BOTH {
            let mut compressor = Compressor::new(compression).unwrap();
            let whole = compressor.compress(&repetitive(9000)).unwrap();
            let encoding = compression.content_encoding();
            assert_eq!(Compression::from_content_encoding(encoding).unwrap(), compression);
            for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
                let outcome = compression.decompress(whole.slice(..cut));
                let is_told = match outcome {
                    Err(error) => error.to_string().contains(encoding.unwrap()),
                    Ok(plain) => plain.is_empty() && cut == 0,
                };
                assert!(is_told, "{compression:?} cut at {cut}");
            }
            let foreign = Bytes::from_static(b"no frame of any kind");
            assert!(compression.decompress(foreign).is_err());
        }
        let unknown = Compression::from_content_encoding(Some("br")).unwrap_err();
        assert!(unknown.to_string().contains("br"));
    }

    #[test]
    fn a_payload_that_grows_without_end_is_stopped() {
        let mut compressor = Compressor::new(Compression::Zstd).unwrap();
        let bomb = compressor
            .compress(&vec![0; MOST_PLAIN_BYTES as usize + 1])
            .unwrap();
        let outcome = Compression::Zstd.decompress(bomb);
        assert!(matches!(outcome, Err(DecompressError::TooLarge)));
    }
}
