//! The collector as a service of systemd: what it reports, and where it finds its configuration and its state.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::command::{Process, arancini};
use crate::support::eventually;

/// A service manager that keeps what it is told.
struct Manager {
    socket: UnixDatagram,
    path: String,
    told: Vec<String>,
    _directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self {
            socket,
            path: path.to_str().unwrap().to_owned(),
            told: Vec::new(),
            _directory: directory,
        }
    }

    /// Whether a line of a message begins so.
    fn is_told(&mut self, beginning: &str) -> bool {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.told.extend(message.lines().map(str::to_owned));
        }
        self.told.iter().any(|line| line.starts_with(beginning))
    }
}

#[test]
fn systemd_is_told_that_routers_can_connect_that_the_workers_go_on_and_that_the_collector_stops() {
    let mut manager = Manager::new();
    let path = manager.path.clone();
    let process = Process::start(
        &["--sink", "null"],
        &[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", "3000000")],
    );
    eventually("systemd is told that routers can connect", || {
        manager.is_told("READY=1")
    });
    assert!(manager.is_told("STATUS=restoring the tables; routers can connect afterwards"));
    eventually("systemd is told what the collector does", || {
        manager.is_told("STATUS=0 sessions, 0 routers, 0 routes; publishing")
    });
    eventually("systemd is told that the workers go on", || {
        manager.is_told("WATCHDOG=1")
    });
    assert!(!manager.is_told("STOPPING=1"));
    assert_eq!(process.terminate().code, Some(0));
    assert!(manager.is_told("STOPPING=1"));
}

#[test]
fn the_watchdog_of_another_process_is_not_answered() {
    let mut manager = Manager::new();
    let path = manager.path.clone();
    let process = Process::start(
        &["--sink", "null"],
        &[
            ("NOTIFY_SOCKET", &path),
            ("WATCHDOG_USEC", "1"),
            ("WATCHDOG_PID", "1"),
        ],
    );
    eventually("a status follows", || manager.is_told("STATUS=0 sessions"));
    assert_eq!(process.terminate().code, Some(0));
    assert!(!manager.is_told("WATCHDOG=1"));
}

/// The unit named `/etc/arancini.toml`, which did not exist after an installation as documented: exit code 2.
#[test]
fn a_service_without_a_configuration_file_starts_and_one_with_a_file_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let environment = [("CONFIGURATION_DIRECTORY", directory.path().to_str().unwrap())];
    let process = Process::start(&["--sink", "null"], &environment);
    assert_eq!(process.terminate().code, Some(0));

    let file = directory.path().join("arancini.toml");
    std::fs::write(&file, "[listen]\nworkers = 1\naddres = \"127.0.0.1:0\"\n").unwrap();
    let refused = arancini().arg("run").envs(environment).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("{}:3", file.display())), "{said}");

    let other = directory.path().join("other.toml");
    std::fs::write(&other, "[listen]\nworkers = 1\n").unwrap();
    let shown = arancini()
        .args(["config", "show", "--config", other.to_str().unwrap()])
        .envs(environment)
        .output()
        .unwrap();
    assert!(shown.status.success(), "--config names another file");
}

#[test]
fn a_sighup_applies_allow_list_level_and_token_and_names_what_needs_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    let file = directory.path().join("arancini.toml");
    let write = |allow: &str, level: &str, workers: u16| {
        let text = format!(
            "[limits]\nallow = [\"{allow}\"]\n[log]\nlevel = \"{level}\"\n[listen]\nworkers = {workers}\n[control]\ntoken_file = {token:?}\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    std::fs::write(&token, "0123456789abcdef").unwrap();
    write("127.0.0.0/8", "info", 1);
    let path = file.to_str().unwrap();
    let process = Process::start(&["--config", path, "--sink", "null"], &[]);
    let asks_with = |token: &str| {
        let head =
            format!("GET /api/v1/routers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n");
        arancini_bed::control::request(process.control(), &head, Duration::from_secs(30))
            .unwrap()
            .status
    };
    let refused = r#"connections_refused_total{reason="not_allowed"}"#;
    assert_eq!(
        (asks_with("0123456789abcdef"), asks_with("fedcba9876543210")),
        (200, 401)
    );

    // A configuration with errors changes nothing.
    std::fs::write(&file, "[limits]\nallow = [\"192.0.2.1/33\"]\n").unwrap();
    process.signal(Signal::HUP);
    let wrong = "configuration not read again: it has errors, so all settings stay as they are";
    eventually("the errors are logged", || process.line(wrong).is_some());

    std::fs::write(&token, "fedcba9876543210").unwrap();
    write("127.0.1.200/32", "debug", 2);
    process.signal(Signal::HUP);
    let again = "configuration read again; limits.allow, log.level, and token and certificate of the control port are in use";
    eventually("the configuration is read again", || {
        process.line(again).is_some()
    });
    let restart = "settings changed that are used only at the start; restart the collector to apply them";
    eventually("what needs a restart is named", || {
        process.line(restart).is_some()
    });
    assert_eq!(process.line(restart).unwrap()["settings"], "listen.workers");
    assert_eq!(
        (asks_with("0123456789abcdef"), asks_with("fedcba9876543210")),
        (401, 200)
    );
    drop(std::net::TcpStream::connect(process.collector()));
    eventually("the connection is refused", || process.metric(refused) == 1);
    drop(std::net::TcpStream::connect(process.collector()));
    eventually("the second connection is refused", || {
        process.metric(refused) == 2
    });
    let ended = process.terminate();
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.count(&["connection refused", "DEBUG"]),
        1,
        "the level is debug"
    );
}
