//! A sidecar that dies ends the process: a collector that went on curating while nobody publishes would lie to consumers.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;
use std::sync::Arc;

use arancini_publish::{EXIT_SIDECAR_DIED, Hooks, Sidecar, SidecarSettings, SinkSettings, SinkStatus};
use support::Worker;

const CHILD: &str = "ARANCINI_TEST_DYING_CHILD";

#[test]
fn a_dead_sidecar_ends_the_process_with_70() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child_that_dies", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(
        child.status.code(),
        Some(EXIT_SIDECAR_DIED),
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

/// Runs only in the child process of the other test.
#[test]
fn the_child_that_dies() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (bridge, input) = kanal::bounded(1);
    let hooks = Hooks {
        recycle: Some(Arc::new(|_| panic!("on purpose"))),
        ..Hooks::default()
    };
    let settings = SidecarSettings::new(SinkSettings::Null);
    let _sidecar = Sidecar::spawn(settings, input, Arc::new(SinkStatus::default()), hooks).unwrap();
    bridge.send(Worker::new(1, 1).batch()).unwrap();
    std::thread::sleep(support::PATIENCE);
}
