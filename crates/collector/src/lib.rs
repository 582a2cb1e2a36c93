//! The collector: everything around the sans-I/O core that needs a machine.
#![deny(unsafe_code)]

mod assembly;
pub mod config;
pub mod control;
pub mod doctor;
pub mod ingest;
pub mod offline;
pub mod replay;
pub mod snapshots;
mod telemetry;

pub use assembly::{Collector, StartError, StopReport, core_settings};
pub use telemetry::Telemetry;
