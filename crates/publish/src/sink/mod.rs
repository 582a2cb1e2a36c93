//! Sinks that need no network. Each one takes batches from the bridge until the bridge closes.

pub(crate) mod receipt;
pub(crate) mod file;
mod series;
mod mend;
pub(crate) mod stdout;
pub(crate) mod null;
mod gathering;

pub use mend::{Mended, MendedBytes, mend};
