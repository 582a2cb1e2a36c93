//! What the host gives the collector and what it should give (SPEC §9): rows that say ok, warn or fail, each with the
//! value found, the value wanted, why, and the command that mends it. Examining changes nothing.
//!
//! A row *fails* where the configuration can't be kept: sessions would be refused, a size silently cut, a worker would
//! not start. It *warns* where the collector works, only slower or less evenly.
//!
//! Everything is judged from a [`HostReader`], so that any host can be imitated. In the order of the rows:
//! `ring` io_uring and its memory, `limits` descriptors, `processors` cores, NUMA and huge pages, `network`
//! queues and interrupts of the cards, [`sysctl`] the kernel's settings.

mod host;
mod limits;
mod network;
mod processors;
mod report;
mod ring;
pub mod sysctl;

pub use host::{Host, HostReader, Limit};
pub use limits::raise_open_files;
pub use report::{Level, Report, Row};

use crate::config::Config;

/// Examines a host for a collector with this configuration.
#[must_use]
pub fn examine(host: &impl HostReader, config: &Config) -> Report {
    let mut rows = vec![
        ring::io_uring(host, config),
        ring::backend(host, config),
        ring::locked_memory(host, config),
        limits::open_files(host, config),
        processors::cores(host, config),
        processors::numa(host, config),
        processors::huge_pages(host),
    ];
    rows.extend(network::rows(host, config));
    rows.extend(sysctl::rows(host, config));
    Report { rows }
}
