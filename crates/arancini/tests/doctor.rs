//! `arancini doctor` on the real host: each row shows the value of the system, and its level changes when the host gets worse.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use arancini_collector::doctor::sysctl;
use serde_json::Value;

const ARANCINI: &str = env!("CARGO_BIN_EXE_arancini");
/// Makes io_uring_setup (425 on every architecture) fail with EPERM, as the default profile of containers does, and then
/// executes the command in its arguments.
const WITHOUT_IO_URING: &str = r#"
import ctypes, os, struct, sys
rules = struct.pack("HBBI" * 4,
    0x20, 0, 0, 0,            # load the number of the system call
    0x15, 0, 1, 425,          # io_uring_setup?
    0x06, 0, 0, 0x00050001,   # then EPERM
    0x06, 0, 0, 0x7FFF0000)   # else allowed
rules = ctypes.create_string_buffer(rules, len(rules))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(rules)), 16)
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program)):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
"#;

fn doctor(command: &mut Command) -> (Value, Option<i32>) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.env_remove("ARANCINI_CONFIG").output().unwrap();
    let report = serde_json::from_slice(&stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
    (report, status.code())
}

fn row<'a>(report: &'a Value, check: &str) -> &'a Value {
    let rows = report["rows"].as_array().unwrap();
    rows.iter()
        .find(|row| row["check"] == check)
        .unwrap_or_else(|| panic!("no row {check}: {report}"))
}

/// Returns the output of a shell command with single spaces; `None` if the command fails.
fn says(command: &str) -> Option<String> {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output
        .status
        .success()
        .then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Makes a command from a shell command line, in which `"$@"` stands for `arancini` and its arguments.
fn shell(line: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line, "sh", ARANCINI]).args(arguments);
    command
}

#[test]
fn each_value_is_what_the_system_says() {
    let (report, code) = doctor(Command::new(ARANCINI).args(["doctor", "--json"]));
    for setting in sysctl::WANTED {
        match says(&format!("sysctl -n {}", setting.name)) {
            Some(value) => assert_eq!(row(&report, setting.name)["value"], value),
            None => println!("skipped: no sysctl {} here", setting.name),
        }
    }
    let files = says("echo soft $(ulimit -Sn), hard $(ulimit -Hn)").unwrap();
    assert_eq!(row(&report, "open files")["value"], files);
    // The option -l is not in POSIX, so the test uses bash.
    let locked = says("bash -c 'ulimit -Sl'").map(|kib| match kib.as_str() {
        "unlimited" => kib,
        _ => format!("{kib} KiB"),
    });
    if let Some(locked) = locked {
        let value = row(&report, "locked memory")["value"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(value.split(" (").next().unwrap(), locked);
    }
    if let Some(cores) = says("sed -n 's/^Cpus_allowed_list://p' /proc/self/status") {
        let value = row(&report, "cores")["value"].as_str().unwrap().to_owned();
        assert!(value.contains(&format!("({cores})")), "{value} {cores}");
    }
    let pages = "sed 's/.*\\[\\(.*\\)\\].*/\\1/' /sys/kernel/mm/transparent_hugepage/enabled";
    if let Some(pages) = says(pages) {
        assert_eq!(row(&report, "transparent huge pages")["value"], pages);
    }
    // Each row that is not ok has a remedy, and the exit code depends on the rows that fail.
    let rows = report["rows"].as_array().unwrap();
    for row in rows {
        assert_eq!(row["level"] == "ok", row["command"].is_null(), "{row}");
    }
    let fails = rows.iter().filter(|row| row["level"] == "fail").count();
    assert_eq!(report["fail"], fails);
    assert_eq!(code, Some(i32::from(fails > 0)));
}

#[test]
fn a_lowered_limit_of_files_fails_and_names_the_remedy() {
    let (report, code) = doctor(&mut shell("ulimit -n 256; exec \"$@\"", &["doctor", "--json"]));
    let row = row(&report, "open files");
    assert_eq!(
        (&row["level"], &row["value"]),
        (&"fail".into(), &"soft 256, hard 256".into())
    );
    assert!(row["command"].as_str().unwrap().contains("--nofile="), "{row}");
    assert_eq!(code, Some(1));
}

#[test]
fn little_locked_memory_fails_and_names_the_remedy() {
    // The limit does not apply to root unless root drops this capability.
    let root = says("id -u").is_some_and(|id| id == "0");
    let line = if root {
        "ulimit -l 64; exec setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock \"$@\""
    } else {
        "ulimit -l 64; exec \"$@\""
    };
    // Some shells can't set this limit.
    let mut command = Command::new("bash");
    command.args(["-c", line, "bash", ARANCINI, "doctor", "--json"]);
    // Run the command only once: the kernel returns the memory locked by a first run late, and a second run would lack it.
    let Ok(Output { stdout, status, .. }) = command.output() else {
        println!("skipped: no bash");
        return;
    };
    if stdout.is_empty() {
        println!("skipped: no setpriv");
        return;
    }
    let report: Value = serde_json::from_slice(&stdout).unwrap();
    let row = row(&report, "locked memory");
    let value = row["value"].as_str().unwrap();
    assert!(value.starts_with("64 KiB"), "{row}");
    if value != "64 KiB" {
        println!("skipped: {value}");
        return;
    }
    assert_eq!(row["level"], "fail");
    assert!(row["command"].as_str().unwrap().contains("--memlock="), "{row}");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn fewer_cores_than_workers_warn() {
    let Some(core) = says(
        "taskset -pc $$ >/dev/null && sed -n 's/^Cpus_allowed_list:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/self/status",
    ) else {
        println!("skipped: no taskset");
        return;
    };
    let line = format!("ARANCINI_LISTEN__WORKERS=3 exec taskset -c {core} \"$@\"");
    let (report, _) = doctor(&mut shell(&line, &["doctor", "--json"]));
    let row = row(&report, "cores");
    assert_eq!(
        (&row["level"], &row["value"]),
        (&"warn".into(), &format!("1 allowed ({core}), 3 workers").into())
    );
    assert_eq!(row["command"], "arancini run --workers 1");
}

#[test]
fn run_warns_once_of_what_fails_and_raises_a_soft_limit_by_itself() {
    let warnings = |line: &str| {
        let directory = tempfile::tempdir().unwrap();
        let run = [
            "run",
            "--listen",
            "127.0.0.1:0",
            "--sink",
            "null",
            "--no-control",
            "--workers",
            "1",
        ];
        let mut collector = shell(line, &run)
            .current_dir(directory.path())
            .env("ARANCINI_LIMITS__MAX_SESSIONS", "300")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(collector.stderr.take().unwrap()).lines();
        let mut warnings = Vec::new();
        for line in lines.map(Result::unwrap) {
            if line.contains("arancini doctor") {
                warnings.push(line);
            } else if line.contains("collector started") {
                break;
            }
        }
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", collector.id())).unwrap();
        collector.kill().unwrap();
        collector.wait().unwrap();
        let soft = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"))
            .and_then(|line| line.split_whitespace().next())
            .unwrap()
            .to_owned();
        (warnings, soft)
    };
    let (low, soft) = warnings("ulimit -n 256; exec \"$@\"");
    assert_eq!(soft, "256");
    assert_eq!(low.len(), 1, "{low:?}");
    assert!(low[0].contains("open files"), "{low:?}");
    let (raised, soft) = warnings("ulimit -Sn 256; ulimit -Hn 1024; exec \"$@\"");
    assert_eq!(soft, "1024");
    assert!(
        !raised.iter().any(|line| line.contains("open files")),
        "{raised:?}"
    );
}

#[test]
fn io_uring_refused_by_a_seccomp_filter() {
    let python = |driver: &str| {
        let mut command = Command::new("python3");
        command
            .args(["-c", WITHOUT_IO_URING, ARANCINI, "doctor", "--json"])
            .env("ARANCINI_INGEST__DRIVER", driver);
        command
    };
    let Ok(Output { status, stderr, .. }) = python("auto").output() else {
        println!("skipped: no python3 to set a seccomp filter");
        return;
    };
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(
        status.code().is_some_and(|code| code < 2) && stderr.is_empty(),
        "{stderr}"
    );
    let (report, code) = doctor(python("auto").env("ARANCINI_INGEST__BACKEND", "registered"));
    assert_eq!(row(&report, "receive backend")["level"], "fail");
    assert_eq!(code, Some(1));
    for (driver, level) in [("auto", "warn"), ("io_uring", "fail"), ("epoll", "ok")] {
        let (report, code) = doctor(&mut python(driver));
        let row = row(&report, "io_uring");
        assert_eq!(row["level"], level, "{row}");
        if level != "ok" {
            assert!(row["value"].as_str().unwrap().contains("seccomp"), "{row}");
            assert!(
                row["command"]
                    .as_str()
                    .unwrap()
                    .contains("--security-opt seccomp="),
                "{row}"
            );
        }
        if level == "fail" {
            assert_eq!(code, Some(1));
        }
    }
}

#[test]
fn the_file_to_install_is_the_one_in_packaging() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/60-arancini.conf");
    let printed = Command::new(ARANCINI)
        .args(["doctor", "--print-sysctl"])
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == printed,
        "packaging/60-arancini.conf differs from what doctor prints; UPDATE_GOLDEN=1 cargo test -p arancini --test doctor"
    );
    // The file sets exactly the settings that doctor checks.
    let set: Vec<_> = found.lines().filter_map(|line| line.split_once(" = ")).collect();
    let wanted: Vec<_> = sysctl::WANTED
        .iter()
        .map(|setting| (setting.name, setting.value))
        .collect();
    assert_eq!(set, wanted);
    let page = std::fs::read_to_string(path.with_file_name("../docs/tuning.md")).unwrap();
    for (name, value) in wanted {
        assert!(
            page.contains(&format!("\n| `{name}` | {value} |")),
            "docs/tuning.md has another value for {name}"
        );
    }
}

#[test]
fn systemd_takes_the_service_and_its_limits_are_those_for_logins() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    let service = std::fs::read_to_string(packaging.join("arancini.service")).unwrap();
    let limits = std::fs::read_to_string(packaging.join("arancini.limits.conf")).unwrap();
    let limit = |name: &str| -> u64 {
        let line = limits
            .lines()
            .find(|line| !line.starts_with('#') && line.contains(name))
            .unwrap();
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    assert!(service.contains(&format!("\nLimitNOFILE={}\n", limit("nofile"))));
    // The service has the limit in MiB, the file for logins in KiB.
    assert!(service.contains(&format!("\nLimitMEMLOCK={}M\n", limit("memlock") / 1024)));

    // A setting in the unit would silently override the configuration file.
    assert!(!service.contains("ARANCINI_"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("arancini.service");
    std::fs::write(&path, service.replace("/usr/bin/arancini", ARANCINI)).unwrap();
    let drop_ins = directory.path().join("arancini.service.d");
    std::fs::create_dir(&drop_ins).unwrap();
    std::fs::copy(packaging.join("secrets.conf"), drop_ins.join("secrets.conf")).unwrap();
    let Ok(verified) = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
    else {
        println!("skipped: no systemd-analyze");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.is_empty(), "{said}");
    // The exposure to the host, on a scale from 0 to 10, is at most 1.5.
    let rated = Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=yes", "--threshold=15"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        rated.status.success(),
        "{}",
        String::from_utf8_lossy(&rated.stdout)
    );
}

#[test]
fn a_secret_that_everybody_can_read_is_a_row_with_the_command_that_closes_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    let mode = |mode| std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
    let report = || {
        let mut command = Command::new(ARANCINI);
        command
            .args(["doctor", "--json"])
            .env("ARANCINI_CONTROL__TOKEN_FILE", &token);
        doctor(&mut command).0
    };
    mode(0o644);
    let open = report();
    let row = row(&open, "control.token_file");
    assert_eq!(row["level"], "warn");
    assert_eq!(row["command"], format!("sudo chmod o-rwx {}", token.display()));
    mode(0o640);
    let closed = report();
    let rows = closed["rows"].as_array().unwrap();
    assert!(
        rows.iter().all(|row| row["check"] != "control.token_file"),
        "{closed}"
    );
}
