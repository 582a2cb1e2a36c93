//! A copy of a nats-server's store, and putting it back: the server forgets what it stored since.

use std::path::Path;

use tempfile::TempDir;

use crate::broker::NatsServer;

/// A copy of a server's store.
#[derive(Debug)]
pub struct Backup(TempDir);

#[expect(clippy::missing_panics_doc, reason = "a test that can't copy files ends here")]
impl Backup {
    /// Kills the server, copies its store, and starts it again.
    #[must_use]
    pub fn of(server: &mut NatsServer) -> Self {
        server.kill();
        let directory = tempfile::tempdir().expect("a temporary directory");
        copy(&server.directory().join("store"), directory.path());
        server.restart();
        Self(directory)
    }

    /// Kills the server, and starts it with the copy instead of its store.
    pub fn put_back(&self, server: &mut NatsServer) {
        server.kill();
        let store = server.directory().join("store");
        std::fs::remove_dir_all(&store).expect("the store is removed");
        copy(self.0.path(), &store);
        server.restart();
    }
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is created");
    for entry in std::fs::read_dir(from).expect("the folder is read") {
        let entry = entry.expect("the folder is read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("the file is copied");
        }
    }
}
