//! What a command says if it finds nothing, or is asked for two things that exclude each other. A reader who tried the commands got an
//! empty answer and no word.
#![allow(clippy::unwrap_used)]

use std::process::Command;

/// Runs a command without the environment's settings. Returns its exit code, its output and what it told.
fn arancini(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arancini"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARANCINI_") {
            command.env_remove(name);
        }
    }
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_empty_recording_is_told_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.bmp");
    std::fs::write(&empty, "").unwrap();
    for file in ["/dev/null", empty.to_str().unwrap()] {
        for command in [&["decode", file][..], &["replay", "--to", "127.0.0.1:1", file]] {
            let (code, output, told) = arancini(command);
            assert_eq!((code, output.as_str()), (Some(1), ""), "{command:?}: {told}");
            assert!(
                told.contains(&format!(
                    "{file} is empty, so there is no message in it; check the path"
                )),
                "{told}"
            );
        }
    }
}

#[test]
fn a_stream_and_a_data_directory_exclude_each_other() {
    for command in [
        &["export", "--format", "json", "--output", "-"][..],
        &["tail", "--no-follow"],
    ] {
        let both = [command, &["--data-dir", "d", "--stream", "S"]].concat();
        let (code, _, told) = arancini(&both);
        assert_eq!(code, Some(2), "{told}");
        assert!(
            told.contains("--data-dir <DIR>") && told.contains("--stream <NAME>"),
            "{told}"
        );
    }
}

#[test]
fn a_router_of_which_there_is_nothing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("segments")).unwrap();
    let data_dir = directory.path().to_str().unwrap();
    for command in [
        &["export", "--format", "json", "--output", "-"][..],
        &["tail", "--no-follow"],
    ] {
        let (code, output, told) = arancini(&[command, &["--data-dir", data_dir]].concat());
        assert_eq!((code, output.as_str(), told.as_str()), (Some(0), "", ""));
        let filtered = [command, &["--data-dir", data_dir, "--router", "192.0.2.9"]].concat();
        let (code, output, told) = arancini(&filtered);
        assert_eq!((code, output.as_str()), (Some(0), ""));
        let expected = format!("nothing of the router 192.0.2.9 was found in {data_dir}/segments;");
        assert!(
            told.contains(&expected) && told.contains("arancini show routers"),
            "{told}"
        );
    }
}
