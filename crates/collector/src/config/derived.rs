//! Values derived from several settings, or from a setting and the host.

use std::path::PathBuf;

use super::settings::{Config, Control, table};
use super::types::{CurationKind, SinkKind};
use crate::tls::TlsFiles;

impl Control {
    /// The files of TLS; `None` if the control port has no certificate or no key.
    #[must_use]
    pub fn tls_files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            cert: self.tls_cert_file.clone()?,
            key: self.tls_key_file.clone()?,
            client_ca: self.tls_client_ca_file.clone(),
        })
    }
}

impl Config {
    /// Returns the sink. If none is configured: `nats` if a URL of NATS is given, else `file`.
    #[must_use]
    pub fn sink(&self) -> SinkKind {
        match self.publish.sink {
            Some(sink) => sink,
            None if self.nats.urls.is_empty() => SinkKind::File,
            None => SinkKind::Nats,
        }
    }

    /// Returns the name of the collector: the configured name, else the host's name. In the host's name, each character
    /// that a message id can't contain, such as a dot, is replaced by `-`.
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

    /// Returns the names of the settings whose values differ from those of another configuration. Secrets that are written in the
    /// configuration itself are not compared.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let settings = table().into_iter().flat_map(|section| section.settings);
        settings
            .filter(|setting| {
                self.shown(setting.section, setting.key) != other.shown(setting.section, setting.key)
            })
            .map(|setting| setting.path())
            .collect()
    }

    /// Returns whether snapshots are taken and restored. This needs a sink that acknowledges what consumers can read, and
    /// a curation mode that keeps tables.
    #[must_use]
    pub fn takes_snapshots(&self) -> bool {
        let acknowledges = matches!(self.sink(), SinkKind::Nats | SinkKind::File);
        self.snapshots.enabled && acknowledges && self.curation.mode != CurationKind::Off
    }

    /// Returns the memory for the history; 0 if nobody can ask for it.
    #[must_use]
    pub fn history_bytes(&self) -> usize {
        if self.control.enabled {
            self.control.history_bytes
        } else {
            0
        }
    }

    /// Returns the directory of the snapshots, used with `snapshots.store = "local"`.
    #[must_use]
    pub fn snapshots_directory(&self) -> PathBuf {
        let directory = self.snapshots.directory.clone();
        directory.unwrap_or_else(|| self.file.data_dir.join("snapshots"))
    }

    /// Returns the number of workers to start: the configured number, else one per core.
    #[must_use]
    pub fn workers(&self) -> usize {
        match self.listen.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => usize::from(workers),
        }
    }
}

/// Replaces each character that a message id can't contain by `-`.
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
