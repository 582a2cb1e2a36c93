//! What commands that end by themselves report: their exit codes, and how they end when nobody reads their output.

use std::net::TcpListener;

use crate::command::arancini;
use crate::place::{NEVER, Place, dump};
use crate::support::small;

#[test]
fn a_command_whose_output_is_not_read_ends_with_its_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("snapshots")).unwrap();
    let data_dir = directory.path().to_str().unwrap();
    for arguments in [
        vec!["doctor"],
        vec!["doctor", "--json"],
        vec!["doctor", "--print-sysctl"],
        vec!["config", "show"],
        vec!["config", "schema"],
        vec!["snapshot", "list", "--data-dir", data_dir],
    ] {
        let read = arancini().args(&arguments).output().unwrap();
        assert!(!read.stdout.is_empty(), "{arguments:?}: {read:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let unread = arancini().args(&arguments).stdout(writer).output().unwrap();
        assert_eq!(
            unread.status.code(),
            read.status.code(),
            "{arguments:?}: {unread:?}"
        );
        assert!(unread.stderr.is_empty(), "{arguments:?}: {unread:?}");
    }
}

#[test]
fn a_replay_without_any_bmp_message_fails() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = collector.local_addr().unwrap().to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "this is no BMP stream\n").unwrap();
    let replay = arancini()
        .args(["replay", "--to", &address])
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8(replay.stderr).unwrap();
    assert_eq!(replay.status.code(), Some(1), "{text}");
    assert!(text.contains("there is no BMP version 3 message"), "{text}");
}

#[test]
fn an_output_on_a_full_disk_is_a_failure() {
    let place = Place::files();
    let process = place.start("1", NEVER);
    drop(dump(&process, 1, &small(1)));
    assert_eq!(process.terminate().code, Some(0));
    let data_dir = place.directory.path().to_str().unwrap();
    let recording = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(recording.path(), small(1).to_bytes()).unwrap();
    let recording = recording.path().to_str().unwrap();
    for arguments in [
        vec!["tail", "--data-dir", data_dir, "--no-follow"],
        vec!["tail", "--data-dir", data_dir, "--no-follow", "--all", "--json"],
        vec!["decode", recording],
        vec!["decode", "--summary", recording],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = arancini().args(&arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains("can't write to standard output"),
            "{arguments:?}: {said}"
        );
    }
}
