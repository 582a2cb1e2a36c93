//! `ingest.driver = "auto"` uses epoll if there is too little locked memory for the rings of all workers.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A regression test, found by `arancini doctor`: the collector ended with "Cannot allocate memory" instead of using epoll.
#[test]
fn too_little_locked_memory_gives_epoll_and_not_an_error() {
    let binary = env!("CARGO_BIN_EXE_arancini");
    let run = format!(
        "ulimit -l 0 && exec setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock --reuid=65534 --clear-groups \
         {binary} run --listen 127.0.0.1:0 --no-control --workers 3 --sink null"
    );
    let mut collector = Command::new("bash")
        .args(["-c", &run])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(collector.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok)
    {
        lines.push(line);
        if lines
            .last()
            .is_some_and(|line| line.contains("collector started"))
        {
            break;
        }
    }
    let _ = collector.kill();
    let _ = collector.wait();
    let Some(started) = lines.iter().find(|line| line.contains("collector started")) else {
        assert!(
            lines.iter().any(|line| line.contains("setpriv")),
            "it did not start: {lines:#?}"
        );
        println!("skipped: no right to drop capabilities");
        return;
    };
    assert!(started.contains("workers=3"), "{started}");
}
