//! The log on a standard error that nobody reads, and what strangers can write into it.

use crate::command::Process;
use crate::support::{Router, eventually, small};

const STARTED: &str = "collector started";

/// 64 KiB fill the pipe and 2 MiB the queue.
const MUCH: u64 = 3 * 1024 * 1024;

#[test]
fn a_log_that_nobody_reads_stops_no_worker_and_drops_are_counted_and_said() {
    let mut process = Process::spawn_read_while(
        &[
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--workers",
            "1",
        ],
        // Every refused connection is a line.
        &[
            ("ARANCINI_LOG__LEVEL", "debug"),
            ("ARANCINI_LIMITS__ALLOW", "127.0.1.200"),
        ],
        |line| !line.contains(STARTED),
    );
    let collector = process.collector();
    let scenario = small(5);
    let mut router = Router::connect(collector, 200);
    let bytes = scenario.to_bytes();
    router.send(&bytes);
    // A line is some 200 bytes.
    for _ in 0..MUCH / 200 {
        drop(std::net::TcpStream::connect(collector));
        if process.metric("log_lines_dropped_total") > 0 {
            break;
        }
    }
    eventually("what the router sent is published", || {
        process.emitted() == scenario.expected().emitted()
    });
    assert!(process.metric("log_lines_dropped_total") > 0);
    process.read_on();
    eventually("the log tells how much is missing", || {
        process.line("log lines dropped: standard error was not read fast enough; arancini_log_lines_dropped_total counts them").is_some()
    });
    drop(router);
    let ended = process.terminate();
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.count(&["collector stopped"]), 1, "the last line gets out");
}
