//! BMP and BGP as zero-copy views over bytes.
//!
//! A view is checked once, when it is made; after that its accessors cannot fail. Nothing here allocates,
//! does I/O or keeps state: what two BGP speakers negotiated is an argument of the parser ([`bgp::SessionContext`]),
//! never guessed. Every error names what was wrong and at which byte offset ([`WireError`]).
// Without std there is no allocator to reach: that nothing here allocates is checked by the compiler.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod bgp;
pub mod bmp;
mod error;
pub mod iana;

pub use error::{WireError, WireErrorKind};
