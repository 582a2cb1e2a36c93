//! What people see of each command on a terminal of 80 columns, on one of 160, and through a pipe.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use arancini_bed::broker::NatsServer;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::command::{Process, arancini};
use crate::support::{eventually, small};

/// Where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    Terminal { columns: u16 },
    Pipe,
}

const SCREENS: [Screen; 3] = [
    Screen::Terminal { columns: 80 },
    Screen::Terminal { columns: 160 },
    Screen::Pipe,
];

/// Both ends of a terminal with this many columns.
fn terminal(columns: u16) -> (OwnedFd, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(path.to_str().unwrap())
        .unwrap();
    let size = Winsize {
        ws_row: 40,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).unwrap();
    (ours, theirs.into())
}

/// Runs the command until it ends; returns what stands on the screen.
fn shown(screen: Screen, command: &mut Command) -> String {
    command
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    let Screen::Terminal { columns } = screen else {
        let output = command.output().unwrap();
        return String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    };
    let (ours, theirs) = terminal(columns);
    let mut child = command
        .stdout(theirs.try_clone().unwrap())
        .stderr(theirs)
        .spawn()
        .unwrap();
    // The command holds copies of the other end, which have to be closed here.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut written = Vec::new();
    let mut buffer = [0; 4096];
    // A terminal whose other end is closed ends with an error.
    while let Ok(length @ 1..) = File::from(ours.try_clone().unwrap()).read(&mut buffer) {
        written.extend_from_slice(&buffer[..length]);
    }
    child.wait().unwrap();
    String::from_utf8(written).unwrap().replace("\r\n", "\n")
}

/// A line without colours.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// Whether a line names columns: words in capitals only.
fn is_header(line: &str) -> bool {
    let is_name = |word: &str| word.chars().all(|letter| letter.is_ascii_uppercase());
    line.split_whitespace().count() > 1 && line.split_whitespace().all(is_name)
}

/// Checks what holds for every command on every screen; returns the output.
fn check(screen: Screen, arguments: &[&str]) -> String {
    let text = shown(screen, arancini().args(arguments));
    let said = || format!("arancini {} on {screen:?}:\n{text}", arguments.join(" "));
    assert!(!text.trim().is_empty(), "{}", said());
    assert!(!text.contains("panicked"), "{}", said());
    if let Screen::Terminal { columns } = screen {
        for line in text.lines() {
            assert!(
                plain(line).chars().count() <= usize::from(columns),
                "{line:?} is too long: {}",
                said()
            );
        }
    } else {
        assert!(!text.contains('\u{1b}'), "{}", said());
    }
    // A line that is too long for the terminal goes on behind eight spaces.
    let lines = plain(&text).replace(&format!("\n{}", " ".repeat(8)), " ");
    let lines: Vec<_> = lines.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let next = lines.get(number + 1).map_or("", |next| next.trim());
        assert!(
            !is_header(line) || !next.is_empty() && !is_header(next),
            "an empty table: {}",
            said()
        );
    }
    for debug in [
        "Some(",
        "None",
        "Ok(",
        "Err(",
        " { ",
        "1 routers",
        "1 routes",
        "1 files",
        "1 messages",
        "1 bytes",
    ] {
        assert!(!text.contains(debug), "{debug:?}: {}", said());
    }
    text
}

/// A collector with the tables of a router, whose files are in the directory.
fn collector(directory: &Path, arguments: &[&str]) -> (Process, arancini_bed::Router) {
    let environment = [("ARANCINI_FILE__DATA_DIR", directory.to_str().unwrap())];
    let process = Process::start(arguments, &environment);
    let scenario = small(3);
    let mut router = process.connect(1);
    router.send(&scenario.to_bytes());
    eventually("everything is published", || {
        process.emitted() == scenario.expected().emitted()
    });
    (process, router)
}

#[test]
fn what_a_running_collector_is_asked_fits_on_each_screen() {
    let directory = tempfile::tempdir().unwrap();
    let (process, _router) = collector(directory.path(), &["--workers", "1"]);
    let control = format!("http://{}", process.control());
    let (_, peers) = process.get("/api/v1/routers/127.0.1.1/peers");
    let peers: serde_json::Value = serde_json::from_str(&peers).unwrap();
    let peer = peers["peers"][0]["key"].as_str().unwrap().to_owned();
    for screen in SCREENS {
        for what in [
            &["routers"][..],
            &["peers", "127.0.1.1"],
            &["peer", "127.0.1.1", &peer],
            &["routes", "--router", "127.0.1.1"],
            &["counts"],
            &["changes", "--limit", "20"],
            &["events"],
            &["malformed"],
            &["workers"],
            &["sink"],
            // Nothing is found.
            &["prefix", "192.0.2.255/32"],
            &["routers", "--router", "192.0.2.99"],
        ] {
            let arguments = [&["show"], what, &["--control", &control]].concat();
            if what != ["routers", "--router", "192.0.2.99"] || understands(&arguments) {
                check(screen, &arguments);
            }
        }
    }
}

/// Whether the program knows these arguments.
fn understands(arguments: &[&str]) -> bool {
    arancini()
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn files_of_a_collector_fit_on_each_screen() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let (process, router) = collector(directory.path(), &["--workers", "1", "--sink", "file"]);
    assert_eq!(process.terminate().code, Some(0));
    drop(router);
    for screen in SCREENS {
        let tail = check(
            screen,
            &[
                "tail",
                "--data-dir",
                data_dir,
                "--all",
                "--from-start",
                "--no-follow",
            ],
        );
        let is_terminal = screen != Screen::Pipe;
        assert_eq!(
            tail.contains("\u{1b}[32m"),
            is_terminal,
            "announces are green on a terminal"
        );
        assert_eq!(
            tail.contains("\u{1b}[33m"),
            is_terminal,
            "events are yellow on a terminal"
        );
        let list = check(screen, &["snapshot", "list", "--data-dir", data_dir]);
        assert!(list.contains("1 router, ") && list.contains("+00:00"), "{list}");
        let verify = check(screen, &["snapshot", "verify", "--data-dir", data_dir]);
        assert!(verify.contains("whole"), "{verify}");
        check(screen, &["doctor"]);
        check(screen, &["config", "check", "/nonexistent/arancini.toml"]);
    }
}

#[test]
fn the_demo_fits_on_each_screen() {
    for screen in SCREENS {
        let text = check(screen, &["demo"]);
        assert!(text.contains("received"), "{text}");
    }
}

#[test]
fn a_stream_fits_on_each_screen() {
    let Some(server) = NatsServer::start() else {
        println!("skipped: no nats-server");
        return;
    };
    let url = server.url();
    for screen in SCREENS {
        check(screen, &["stream", "create", "--nats", &url]);
        check(screen, &["stream", "check", "--nats", &url]);
        let show = check(screen, &["stream", "show", "--nats", &url]);
        assert!(show.contains("duplicate window"), "{show}");
        check(screen, &["stream", "show", "--nats", &url, "--stream", "NONE"]);
        check(screen, &["tail", "--nats", &url, "--stream", "NONE"]);
    }
}

#[test]
fn the_rate_of_a_tail_is_on_the_last_line_of_a_terminal_only() {
    let directory = tempfile::tempdir().unwrap();
    let (process, _router) = collector(directory.path(), &["--workers", "1", "--sink", "file"]);
    let (ours, theirs) = terminal(80);
    let mut tail = arancini()
        .args([
            "tail",
            "--data-dir",
            directory.path().to_str().unwrap(),
            "--from-start",
        ])
        .stdout(theirs.try_clone().unwrap())
        .stderr(theirs)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut screen = File::from(ours);
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(" messages, ") {
        let length = screen.read(&mut buffer).unwrap();
        assert!(length > 0);
        seen.extend_from_slice(&buffer[..length]);
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    drop(process);
}
