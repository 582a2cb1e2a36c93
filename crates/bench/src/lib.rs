//! The bench: measures a collector under generated load over TCP, and compares it with a process that only receives.
//!
//! The collector runs as a separate process, so that its CPU time can be measured alone. The limit is measured in turns with
//! the collector and with the same bytes: a process that receives and does nothing else. Each scenario has a file of its own
//! and adds [`Case`]s to one [`Report`].
//!
//! The modules are in this order: the scenarios; the load and how it is sent; the measured process and what is read from it;
//! the limits of the host; the figures and the report.
#![forbid(unsafe_code)]

mod throughput;
mod ideal_share;
mod stages;
mod walk;
mod slots;
mod stops;
mod latency;
mod sustained;
mod questions;
mod asking;
mod rounds;
mod content;
mod load_settings;
mod named;
mod load;
mod table;
mod described;
mod send;
mod measure;
mod subject;
mod broker;
mod process;
mod scrape;
mod readback;
mod limit;
mod floor;
mod cpu;
mod machine;
mod figures;
mod spread;
mod digits;
mod report;
mod error;

pub use broker::Broker;
pub use described::Described;
pub use error::BenchError;
pub use figures::{Figures, Limit, Run};
pub use latency::{PacedLoad, run_latency};
pub use limit::receive_only;
pub use load::{Load, Stream};
pub use load_settings::{LoadSettings, Wanted};
pub use measure::{measure, measure_limit};
pub use named::Named;
pub use questions::{AskedLoad, run_questions};
pub use report::{Case, Report, What};
pub use spread::{Spread, quantile, ratio};
pub use stages::run_stages;
pub use stops::run_stops;
pub use subject::{StartSettings, Subject};
pub use sustained::{EndlessLoad, run_sustained};
pub use table::read_table;
pub use throughput::{run, run_with};
