//! Compression of a published payload, and how a reader undoes it.
//!
//! Each NATS message is compressed by itself, as an LZ4 frame or a Zstandard frame; the `Content-Encoding` header names
//! which. A payload that compression does not make smaller is published plain, without the header. So the header says
//! what the payload is, and not what the collector is set to.

use std::io::{self, Read};

use bytes::Bytes;
use lz4_flex::frame::FrameDecoder;
use thiserror::Error;

/// Size at which decompression stops, so that a damaged payload cannot fill the reader's memory. No batch of a
/// collector is as large.
pub const MAX_PLAIN_BYTES: u64 = 256 << 20;

/// How a payload is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not compressed: ClickHouse reads the payload as it is.
    #[default]
    None,
    /// As an LZ4 frame.
    Lz4,
    /// As a Zstandard frame, level 1.
    Zstd,
}

/// Why a payload cannot be decompressed.
#[derive(Debug, Error)]
pub enum DecompressError {
    /// The encoding is not one that Arancini writes.
    #[error("unknown Content-Encoding {0:?}")]
    UnknownEncoding(String),
    /// The payload is not what the header says.
    #[error("damaged {encoding} payload: {source}")]
    Damaged {
        /// The encoding that the header names.
        encoding: &'static str,
        /// The error of its decoder.
        source: io::Error,
    },
    /// The decompressed payload is larger than any batch.
    #[error("the payload is larger than {MAX_PLAIN_BYTES} bytes when decompressed")]
    TooLarge,
}

impl Compression {
    /// Value of the `Content-Encoding` header; `None` for a plain payload.
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lz4 => Some("lz4"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// Reads a `Content-Encoding` header. Without a header the payload is plain.
    ///
    /// # Errors
    /// The header names an encoding that Arancini does not write.
    pub fn from_content_encoding(value: Option<&str>) -> Result<Self, DecompressError> {
        match value {
            None => Ok(Self::None),
            Some("lz4") => Ok(Self::Lz4),
            Some("zstd") => Ok(Self::Zstd),
            Some(other) => Err(DecompressError::UnknownEncoding(other.to_owned())),
        }
    }

    /// Decompresses a payload. A plain payload is returned as it is, without a copy.
    ///
    /// # Errors
    /// The payload is damaged, or grows beyond [`MAX_PLAIN_BYTES`].
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
        if plain.len() as u64 > MAX_PLAIN_BYTES {
            return Err(DecompressError::TooLarge);
        }
        Ok(plain.into())
    }
}

/// Input that reports an error where it ends. The LZ4 decoder would take an end of input between two blocks for the end
/// of the frame, and a payload that was cut off would pass for a whole one.
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
    decoder.take(MAX_PLAIN_BYTES + 1).read_to_end(&mut plain)?;
    Ok(plain)
}
