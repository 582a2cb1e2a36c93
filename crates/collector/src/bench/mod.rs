//! The bench: generated load over TCP, what a collector makes of it, and how near that is to just receiving the bytes.
//!
//! The collector is a process of its own, so that its CPU seconds are its own. The limit is measured beside it, in turns
//! and with the same bytes: a process that receives and does nothing else.

mod error;
mod figures;
mod limit;
mod load;
mod measure;
mod process;
mod report;
mod scrape;
mod send;
mod subject;

pub use error::BenchError;
pub use figures::{Figures, Limit, Run, Spread};
pub use limit::receive_only;
pub use load::{Load, LoadSettings, Wanted};
pub use measure::{measure, measure_limit};
pub use report::Report;
pub use subject::{StartSettings, Subject};
