//! BMP and BGP as zero-copy views of bytes.
//!
//! A view is checked once, when it is made. After that, its accessors cannot fail. This crate does not allocate, does no
//! I/O and keeps no state: what two BGP speakers negotiated is an argument of the parser ([`bgp::SessionContext`]), never
//! a guess. Each error says what is wrong and at which byte ([`WireError`]).
// Without std there is no allocator, so the compiler checks that nothing here allocates.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod bmp;
mod rib_view;
pub mod bgp;
pub mod iana;
mod error;

pub use error::{WireError, WireErrorKind};
