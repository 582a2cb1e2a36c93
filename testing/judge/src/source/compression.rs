//! Payloads as they were before they were compressed.

use std::io::{self, Read};

/// More than any payload has. A decoder stops here instead of filling the memory.
const MOST_BYTES: u64 = 256 << 20;

/// Decompresses a payload by what its `Content-Encoding` header says.
pub(super) fn decompress(encoding: Option<&str>, payload: &[u8]) -> io::Result<Vec<u8>> {
    match encoding {
        None => Ok(payload.to_vec()),
        Some("lz4") => read(lz4_flex::frame::FrameDecoder::new(payload)),
        Some("zstd") => read(zstd::Decoder::new(payload)?),
        Some(other) => {
            let text = format!("its Content-Encoding is {other:?}, not lz4 or zstd");
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        }
    }
}

fn read(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let read = decoder.take(MOST_BYTES + 1).read_to_end(&mut plain)? as u64;
    if read > MOST_BYTES {
        let text = format!("it is larger than {MOST_BYTES} bytes when decompressed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(plain)
}
