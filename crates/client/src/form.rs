//! Form of a published payload: its format and its compression, as the headers name them, and how a reader undoes both.
//!
//! A payload in JSON holds one object a line for each message of the batch, in order. [`PayloadForm::read`] makes the Cap'n Proto
//! messages of it that the collector had, so every reader in this crate reads both formats.

use arancini_schema::json::{JsonError, read_lines};
use bytes::Bytes;
use thiserror::Error;

use crate::compression::{Compression, DecompressError, MAX_PLAIN_BYTES};

/// The `Content-Type` of JSON Lines, which has no registered name.
const JSON_LINES: &str = "application/x-ndjson";

/// How the messages of a payload are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Cap'n Proto messages back to back.
    #[default]
    Capnp,
    /// JSON, one object a line.
    Json,
}

impl Format {
    /// Value of the `Content-Type` header; `None` for Cap'n Proto.
    pub const fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Capnp => None,
            Self::Json => Some(JSON_LINES),
        }
    }

    /// Reads a `Content-Type` header. Without a header the payload is Cap'n Proto.
    ///
    /// # Errors
    /// The header names a format that Arancini does not write.
    pub fn from_content_type(value: Option<&str>) -> Result<Self, PayloadError> {
        match value {
            None => Ok(Self::Capnp),
            Some(JSON_LINES) => Ok(Self::Json),
            Some(other) => Err(PayloadError::UnknownFormat(other.to_owned())),
        }
    }
}

/// Format and compression of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PayloadForm {
    /// How the messages are written.
    pub format: Format,
    /// How the written messages are compressed.
    pub compression: Compression,
}

/// Why a payload cannot be read.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// The format is not one that Arancini writes.
    #[error("unknown Content-Type {0:?}")]
    UnknownFormat(String),
    /// It cannot be decompressed.
    #[error(transparent)]
    Compression(#[from] DecompressError),
    /// It is JSON that no collector has written.
    #[error(transparent)]
    Json(#[from] JsonError),
}

impl PayloadForm {
    /// Returns the form of Cap'n Proto messages with this compression.
    pub const fn compressed(compression: Compression) -> Self {
        Self {
            format: Format::Capnp,
            compression,
        }
    }

    /// Returns whether the payload is Cap'n Proto without compression, as the workers write it.
    pub fn is_plain(self) -> bool {
        self == Self::default()
    }

    /// Reads the headers `Content-Type` and `Content-Encoding`.
    ///
    /// # Errors
    /// A header names what Arancini does not write.
    pub fn from_headers(
        content_type: Option<&str>,
        content_encoding: Option<&str>,
    ) -> Result<Self, PayloadError> {
        Ok(Self {
            format: Format::from_content_type(content_type)?,
            compression: Compression::from_content_encoding(content_encoding)?,
        })
    }

    /// Returns the Cap'n Proto messages of a payload. A payload that is plain is returned as it is, without a copy.
    ///
    /// # Errors
    /// The payload is damaged, or grows beyond [`MAX_PLAIN_BYTES`].
    pub fn read(self, payload: Bytes) -> Result<Bytes, PayloadError> {
        let written = self.compression.decompress(payload)?;
        match self.format {
            Format::Capnp => Ok(written),
            Format::Json => {
                let most_bytes = usize::try_from(MAX_PLAIN_BYTES).unwrap_or(usize::MAX);
                Ok(read_lines(&written, most_bytes)?.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_form_and_an_unknown_one_is_told() {
        for format in [Format::Capnp, Format::Json] {
            for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
                let form = PayloadForm { format, compression };
                let read = PayloadForm::from_headers(format.content_type(), compression.content_encoding());
                assert_eq!(read.ok(), Some(form));
            }
        }
        let error = PayloadForm::from_headers(Some("text/xml"), None).err();
        assert!(error.is_some_and(|error| error.to_string().contains("text/xml")));
    }

    #[test]
    fn what_is_no_json_of_a_collector_is_told_with_its_line() {
        let form = PayloadForm {
            format: Format::Json,
            compression: Compression::None,
        };
        let error = form.read(Bytes::from_static(b"\n{}\n")).err();
        assert!(error.is_some_and(|error| error.to_string().contains("line 2")));
        assert!(form.read(Bytes::new()).is_ok_and(|payload| payload.is_empty()));
    }
}
