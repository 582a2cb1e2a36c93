//! The JetStream stream: created, checked and shown with the settings that delivery relies on.

mod configuration;
mod deviations;
mod report;
pub(crate) mod ensure;

pub use deviations::{Deviation, Severity, deviations};
pub use ensure::{check, create, show};
pub use report::StreamReport;
