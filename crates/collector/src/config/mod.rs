//! Configuration: defaults, then a TOML file, then the environment (`ARANCINI_SECTION__KEY`), then flags; later wins.
//!
//! [`table`] is the one table of what can be set. An error names the key, where it was given and what to do.

mod error;
mod load;
mod render;
mod settings;
mod sink;
mod types;
mod validate;
mod value;

pub use error::{ConfigError, ConfigErrors, Place};
pub use load::{FlagValue, load};
pub use render::{markdown, show, template};
pub use settings::{
    Config, Control, Curation, File, Ingest, Limits, Listen, Log, Nats, Publish, Routers, SectionInfo,
    SettingInfo, table,
};
pub use types::{
    BackendKind, CompressionKind, CurationKind, DriverKind, IpPrefix, LogFormat, OnFull, Secret, SinkKind,
    mask_url,
};

impl Config {
    /// Where updates go, when nothing says so: to NATS where a URL is given, else to files.
    #[must_use]
    pub fn sink(&self) -> SinkKind {
        match self.publish.sink {
            Some(sink) => sink,
            None if self.nats.urls.is_empty() => SinkKind::File,
            None => SinkKind::Nats,
        }
    }

    /// The collector's name: the configured one, else the host's.
    #[must_use]
    pub fn collector_name(&self) -> String {
        self.collector_name
            .clone()
            .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "arancini".to_owned())
    }

    /// How many workers to start: the configured number, else one per core.
    #[must_use]
    pub fn workers(&self) -> usize {
        match self.listen.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => usize::from(workers),
        }
    }
}
