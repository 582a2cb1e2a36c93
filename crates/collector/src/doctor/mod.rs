//! Checks whether a host suits the collector (`docs/tuning.md`). Each row has the level `ok`, `warn` or `fail`, the value found,
//! the value wanted, the reason, and the command that fixes the problem. The checks change nothing.
//!
//! A row *fails* if the host can't run the collector as it is configured: sessions would be refused, a size would be cut
//! silently, or a worker would not start. A row *warns* if the collector works, but slower or with load spread less evenly.
//!
//! All checks read the host through [`HostReader`], so tests can imitate any host. The modules are in the order of the rows.

mod examine;
mod io_uring;
mod locked_memory;
mod limits;
mod processors;
mod network;
mod kernel_settings;
mod secrets;
pub mod sysctl;
mod cards;
mod kernel;
mod lists;
mod host;
#[cfg(test)]
mod imitated;
mod report;

pub use examine::examine;
pub use host::{Host, HostReader, Limit};
pub use limits::raise_open_files;
pub use report::{Level, Report, Row};
pub use secrets::{OpenSecret, open_secrets};
