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
    SettingInfo, Snapshots, table,
};
pub use types::{
    BackendKind, CompressionKind, CurationKind, DriverKind, IpPrefix, LogFormat, OnFull, Secret, SinkKind,
    StoreKind, mask_url,
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

    /// The collector's name: the configured one, else the host's with a `-` for each character that message ids can't
    /// hold, like the dots of a full host name.
    #[must_use]
    pub fn collector_name(&self) -> String {
        if let Some(name) = &self.collector_name {
            return name.clone();
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = plain_name(host.trim());
        if host.is_empty() {
            "arancini".to_owned()
        } else {
            host
        }
    }

    /// Whether snapshots are taken and restored: only with a sink that can say what consumers have got, and where the
    /// tables say anything.
    #[must_use]
    pub fn takes_snapshots(&self) -> bool {
        let keeps = matches!(self.sink(), SinkKind::Nats | SinkKind::File);
        self.snapshots.enabled && keeps && self.curation.mode != CurationKind::Off
    }

    /// Where snapshots go with `snapshots.store = "local"`.
    #[must_use]
    pub fn snapshots_directory(&self) -> std::path::PathBuf {
        let directory = self.snapshots.directory.clone();
        directory.unwrap_or_else(|| self.file.data_dir.join("snapshots"))
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

fn plain_name(host: &str) -> String {
    host.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn a_full_host_name_makes_a_collector_name() {
        assert_eq!(plain_name("bmp-1.example.net"), "bmp-1-example-net");
    }
}
