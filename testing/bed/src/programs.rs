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
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("nats-server"))
            .collect::<Vec<_>>()
    });
    std::iter::once(in_repository)
        .chain(on_path)
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
