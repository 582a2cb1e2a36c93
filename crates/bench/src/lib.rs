//! The bench: generated load over TCP, what a collector makes of it, and how near that is to just receiving the bytes.
//!
//! The collector is a process of its own, so that its CPU seconds are its own. The limit is measured beside it, in turns
//! and with the same bytes: a process that receives and does nothing else. Each scenario has a file of its own and gives
//! [`Case`]s of one [`Report`].

mod broker;
mod cpu;
mod error;
mod figures;
mod floor;
mod latency;
mod limit;
mod load;
mod machine;
mod measure;
mod process;
mod readback;
mod report;
mod scrape;
mod send;
mod spread;
mod stages;
mod stops;
mod subject;
mod sustained;
mod throughput;

pub use broker::Broker;
pub use error::BenchError;
pub use figures::{Figures, Limit, Run};
pub use latency::{PacedLoad, run_latency};
pub use limit::receive_only;
pub use load::{Described, Load, LoadSettings, Stream, Wanted, read_table};
pub use measure::{measure, measure_limit};
pub use report::{Case, Report, What};
pub use spread::{Spread, quantile, ratio};
pub use stages::run_stages;
pub use stops::run_stops;
pub use subject::{StartSettings, Subject};
pub use sustained::{EndlessLoad, run_sustained};
pub use throughput::{run, run_with};
