//! The one error of this crate: what was wrong, and at which byte.

use core::fmt;

/// What was wrong, and where: `offset` counts bytes from the start of the slice that was given to the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// What was wrong.
    pub kind: WireErrorKind,
    /// Byte offset of the field that was wrong, from the start of the parsed slice.
    pub offset: usize,
}

/// The kinds of damage a message can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireErrorKind {
    /// The bytes end before the field does: `needed` bytes were asked for, `available` were there.
    Truncated {
        /// Bytes the field needs.
        needed: usize,
        /// Bytes that were left.
        available: usize,
    },
    /// A field holds a value that the protocol forbids there.
    Invalid {
        /// Name of the field, in the words of the RFC.
        field: &'static str,
        /// The value found.
        value: u64,
    },
    /// Bytes are left over after a structure that should fill its space.
    TrailingBytes {
        /// How many bytes are left over.
        count: usize,
    },
}

impl WireError {
    /// The same error seen from an enclosing slice in which the parsed one starts at `base`.
    #[must_use]
    pub const fn at(self, base: usize) -> Self {
        Self {
            kind: self.kind,
            offset: self.offset + base,
        }
    }

    /// A field of `needed` bytes at `offset`, of which only `available` are there.
    #[must_use]
    pub const fn truncated(offset: usize, needed: usize, available: usize) -> Self {
        Self {
            kind: WireErrorKind::Truncated { needed, available },
            offset,
        }
    }

    /// `count` bytes left over from `offset` on.
    #[must_use]
    pub const fn trailing(offset: usize, count: usize) -> Self {
        Self {
            kind: WireErrorKind::TrailingBytes { count },
            offset,
        }
    }

    /// A forbidden `value` of `field` at `offset`.
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
                write!(
                    f,
                    "{needed} bytes needed at byte {}, {available} left",
                    self.offset
                )
            }
            WireErrorKind::Invalid { field, value } => {
                write!(f, "{field} is {value} at byte {}", self.offset)
            }
            WireErrorKind::TrailingBytes { count } => {
                write!(f, "{count} bytes left over at byte {}", self.offset)
            }
        }
    }
}

impl core::error::Error for WireError {}
