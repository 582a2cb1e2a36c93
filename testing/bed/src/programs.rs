//! Where the programs under test are on this machine.

use std::path::{Path, PathBuf};

/// Finds nats-server: `$ARANCINI_NATS_SERVER`, else `.venv/bin/nats-server` of the repository, else the one on the
/// PATH. A program that the variable names and that does not exist counts as missing.
#[must_use]
pub fn nats_server() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ARANCINI_NATS_SERVER") {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    let in_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/nats-server");
    Some(in_repository)
        .filter(|path| path.is_file())
        .or_else(|| on_path("nats-server", &[]))
}

/// Finds HAProxy: the one on the PATH, else where Debian has it, which is not on everybody's PATH.
#[must_use]
pub fn haproxy() -> Option<PathBuf> {
    on_path("haproxy", &["/usr/sbin"])
}

/// Finds a program in the folders of the PATH, and then in these.
fn on_path(program: &str, more: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(more.iter().map(PathBuf::from));
    folders
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Finds the collector's program: `$ARANCINI_BIN`, else `$ARANCINI_BINARY`, else `arancini` beside the running program.
#[must_use]
pub fn collector() -> Option<PathBuf> {
    for name in ["ARANCINI_BIN", "ARANCINI_BINARY"] {
        if let Some(path) = std::env::var_os(name) {
            return Some(PathBuf::from(path)).filter(|path| path.is_file());
        }
    }
    // Cargo puts a test's own program one folder below the other programs.
    let own = std::env::current_exe().ok()?;
    let folders = own.ancestors().skip(1).take(2);
    folders
        .map(|folder| folder.join("arancini"))
        .find(|candidate| candidate.is_file())
}
