//! Export: writes what was published into a file that other tools read.
//!
//! In the order of a message's way: a source reads messages ([`export_segments`], [`export_stream`]); a [`Filter`] chooses
//! some of them; a [writer](MessageWriter) of one format writes them: [`JsonLines`], [`Parquet`],
//! [`MrtMessages`], [`MrtTables`]. The [`OutputFile`] gets its name only when it is whole. What cannot be read or written is told as a [problem](Problems),
//! and everything else is exported. `docs/export.md` describes the formats.
#![forbid(unsafe_code)]

mod segments;
mod stream;
mod filter;
mod writer;
mod payload;
mod json;
mod parquet;
mod mrt;
mod output;
mod problems;
mod error;

pub use error::ExportError;
pub use filter::Filter;
pub use json::JsonLines;
pub use mrt::{MrtMessages, MrtTables};
pub use output::{Existing, OutputError, OutputFile};
pub use parquet::Parquet;
pub use payload::Destination;
pub use problems::Problems;
pub use segments::export_segments;
pub use stream::export_stream;
pub use writer::{Finished, MessageWriter, WriteError};
