//! The collector without a machine.
//!
//! Framing, sessions, curation, batching and the publish window as synchronous state machines: time, bytes and
//! acknowledgements are arguments, effects are return values. The collector, `arancini decode`, fuzzers and the
//! simulator all run this same code.
#![forbid(unsafe_code)]

pub mod batch;
pub mod time;
pub mod window;

pub use batch::{Batch, BatchKind};
pub use time::Now;
