//! Compressing payloads.

use std::io::Write;

use arancini_client::Compression;
use bytes::Bytes;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use tracing::warn;

/// Fastest of the regular levels. Higher levels cost several times as much for a few percent of size.
const ZSTD_LEVEL: i32 = 1;

/// Compresses one payload after the other. It keeps its context, since creating one costs more than compressing a batch.
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
    /// Creates a compressor; `None` without compression, or when there is no memory for a context. Batches are then
    /// published plain, and their headers say so.
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
                    warn!(%error, "no memory for a zstd context; batches are published uncompressed");
                    return None;
                }
            },
        };
        Some(Self { codec })
    }

    /// Returns the compression that it applies.
    pub(crate) fn compression(&self) -> Compression {
        match &self.codec {
            Codec::Lz4(_) => Compression::Lz4,
            Codec::Zstd { .. } => Compression::Zstd,
        }
    }

    /// Compresses a payload; `None` if the result is not smaller. The result takes no more memory than its size, since it
    /// may wait in the window for a long time.
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
    use arancini_client::compression::{DecompressError, MAX_PLAIN_BYTES};

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
            .compress(&vec![0; MAX_PLAIN_BYTES as usize + 1])
            .unwrap();
        let outcome = Compression::Zstd.decompress(bomb);
        assert!(matches!(outcome, Err(DecompressError::TooLarge)));
    }
}
