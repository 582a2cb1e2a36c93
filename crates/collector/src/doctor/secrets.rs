//! Files with secrets: nobody but the collector should be able to read them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::report::{Level, Row};
use crate::config::Config;

/// The permission bit with which every user of the host can read a file.
const READABLE_BY_OTHERS: u32 = 0o004;

/// A file with a secret that every user of this host can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSecret {
    /// The setting that names the file.
    pub setting: &'static str,
    /// The file.
    pub file: PathBuf,
}

/// Returns the files with secrets that every user of this host can read. Files that can't be looked at are left out: whoever needs
/// them says so.
#[must_use]
pub fn open_secrets(config: &Config) -> Vec<OpenSecret> {
    let files = files(config).into_iter();
    files
        .filter_map(|(setting, file)| Some((setting, file?)))
        .filter(|(_, file)| is_open(file))
        .map(|(setting, file)| OpenSecret {
            setting,
            file: file.to_owned(),
        })
        .collect()
}

/// The files with secrets, by their settings.
fn files(config: &Config) -> [(&'static str, Option<&Path>); 8] {
    let (nats, control) = (&config.nats, &config.control);
    [
        ("nats.password_file", nats.password_file.as_deref()),
        ("nats.token_file", nats.token_file.as_deref()),
        ("nats.nkey_seed_file", nats.nkey_seed_file.as_deref()),
        ("nats.credentials_file", nats.credentials_file.as_deref()),
        ("nats.tls_key_file", nats.tls_key_file.as_deref()),
        ("control.token_file", control.token_file.as_deref()),
        ("control.act_token_file", control.act_token_file.as_deref()),
        ("control.tls_key_file", control.tls_key_file.as_deref()),
    ]
}

fn is_open(file: &Path) -> bool {
    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & READABLE_BY_OTHERS != 0)
}

/// A row for each open file.
pub(super) fn rows(config: &Config) -> Vec<Row> {
    let open = open_secrets(config).into_iter();
    open.map(|OpenSecret { setting, file }| {
        let row = Row::new(
            setting,
            format!("every user of this host can read {}", file.display()),
            "readable by the collector only",
            "the file has a secret",
        );
        row.fix_with(Level::Warn, format!("sudo chmod o-rwx {}", file.display()))
    })
    .collect()
}
