//! The log on a standard error that nobody reads, and what strangers can write into it.

use arancini_generate::{Open, PeerDown, initiation, peer_down, peer_up};

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

#[test]
fn the_log_tells_the_data_directory_and_open_secrets_and_no_paths_of_modules() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o604)).unwrap();
    let data_dir = directory.path().join("data");
    let settings = [
        ("ARANCINI_CONTROL__TOKEN_FILE", token.to_str().unwrap()),
        ("ARANCINI_FILE__DATA_DIR", data_dir.to_str().unwrap()),
    ];
    let process = Process::start(&["--sink", "file"], &settings);
    let started = process.line(STARTED).unwrap();
    assert_eq!(started["data_dir"], data_dir.to_str().unwrap());
    assert_eq!(started["sink"], "file");
    let open = process.line("every user of this host can read a file with a secret; run `chmod o-rwx` on it");
    assert_eq!(open.unwrap()["setting"], "control.token_file");
    let mut router = process.connect(1);
    let peer = crate::support::peer(1);
    let open = Open::new(peer.asn, peer.bgp_id);
    let down = peer_down(&peer, &PeerDown::RemoteSilent);
    router.send(
        &[
            initiation("edge", "test"),
            peer_up(&peer, peer.address, &open, &open),
            down,
        ]
        .concat(),
    );
    eventually("the Peer Down is logged", || {
        process.line("peer down; its routes are withdrawn").is_some()
    });
    let line = process.line("peer down; its routes are withdrawn").unwrap();
    assert_eq!(
        line["reason"],
        "the peer closed the session without a NOTIFICATION (4)"
    );
    let ended = process.terminate();
    let with_paths: Vec<_> = ended
        .lines
        .iter()
        .filter(|line| line.contains("arancini_collector::"))
        .collect();
    assert!(with_paths.is_empty(), "{with_paths:#?}");
}
