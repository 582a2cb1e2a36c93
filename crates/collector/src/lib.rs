//! The collector: everything around the sans-I/O core that needs a machine, such as sockets, threads, files and HTTP.
//!
//! The modules are listed in the order of a run: settings, the log, the check of the host, start and stop, the way of received
//! bytes, snapshots, the history, metrics and the control port. Recordings, which need no running collector, come last.
#![deny(unsafe_code)]

pub mod config;
pub mod log_queue;
pub mod doctor;
pub mod tls;
mod small_file;
pub mod token;
mod core_settings;
mod start_error;
mod assembly;
pub mod ingest;
pub mod snapshots;
pub mod message_filter;
pub mod history;
pub mod live;
mod tap;
mod telemetry;
pub mod control;
pub mod replay;
pub mod offline;

pub use assembly::{Collector, StopReport};
pub use core_settings::core_settings;
pub use start_error::StartError;
pub use telemetry::Telemetry;
