//! The error of this crate: what is wrong with the bytes, and at which byte.

use core::fmt;

/// An error in a message, with the place of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// What is wrong.
    pub kind: WireErrorKind,
    /// Byte offset of the wrong field in the slice that the parser was given.
    pub offset: usize,
}

/// The kinds of errors in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireErrorKind {
    /// The message ends before a field ends.
    Truncated {
        /// Number of bytes that the field needs.
        needed: usize,
        /// Number of bytes that are left in the message.
        available: usize,
    },
    /// A field has a value that the protocol forbids.
    Invalid {
        /// Name of the field in the RFC.
        field: &'static str,
        /// Value of the field.
        value: u64,
    },
    /// Bytes follow a structure that should fill its space.
    TrailingBytes {
        /// Number of bytes after the structure.
        count: usize,
    },
}

impl WireError {
    /// Converts the offset to an enclosing slice in which the parsed slice starts at `base`.
    #[must_use]
    pub const fn at(self, base: usize) -> Self {
        Self {
            kind: self.kind,
            offset: self.offset + base,
        }
    }

    /// Makes the error of a field at `offset` that needs `needed` bytes, of which `available` are there.
    #[must_use]
    pub const fn truncated(offset: usize, needed: usize, available: usize) -> Self {
        Self {
            kind: WireErrorKind::Truncated { needed, available },
            offset,
        }
    }

    /// Makes the error of `count` bytes from `offset` on that should not be there.
    #[must_use]
    pub const fn trailing(offset: usize, count: usize) -> Self {
        Self {
            kind: WireErrorKind::TrailingBytes { count },
            offset,
        }
    }

    /// Makes the error of a `field` at `offset` that has a forbidden `value`.
    #[must_use]
    pub const fn invalid(offset: usize, field: &'static str, value: u64) -> Self {
        Self {
            kind: WireErrorKind::Invalid { field, value },
            offset,
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            WireErrorKind::Truncated { needed, available } => {
                let needed = Bytes(needed);
                write!(
                    f,
                    "cut short: the field at byte {} needs {needed}, {available} left",
                    self.offset
                )
            }
            WireErrorKind::Invalid { field, value } => {
                write!(f, "{field} is {value} at byte {}", self.offset)
            }
            WireErrorKind::TrailingBytes { count } => {
                write!(f, "{} too many at byte {}", Bytes(count), self.offset)
            }
        }
    }
}

impl core::error::Error for WireError {}

/// A number of bytes, as `1 byte` or `2 bytes`.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} byte{plural}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::WireError;

    #[test]
    fn an_error_names_what_is_wrong_and_where() {
        for (error, text) in [
            (
                WireError::truncated(5, 1, 0),
                "cut short: the field at byte 5 needs 1 byte, 0 left",
            ),
            (
                WireError::truncated(68, 19, 7),
                "cut short: the field at byte 68 needs 19 bytes, 7 left",
            ),
            (
                WireError::invalid(0, "BMP version", 4),
                "BMP version is 4 at byte 0",
            ),
            (WireError::trailing(48, 1), "1 byte too many at byte 48"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
