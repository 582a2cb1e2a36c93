//! Runs all checks.

use super::host::HostReader;
use super::report::Report;
use super::{io_uring, kernel_settings, limits, locked_memory, network, processors, secrets};
use crate::config::Config;

/// Examines a host for a collector with this configuration.
#[must_use]
pub fn examine(host: &impl HostReader, config: &Config) -> Report {
    let mut rows = vec![
        io_uring::io_uring(host, config),
        io_uring::backend(host, config),
        locked_memory::locked_memory(host, config),
        limits::open_files(host, config),
        processors::cores(host, config),
        processors::numa(host, config),
        processors::huge_pages(host),
    ];
    rows.extend(network::rows(host, config));
    rows.extend(kernel_settings::rows(host, config));
    rows.extend(secrets::rows(config));
    Report { rows }
}
