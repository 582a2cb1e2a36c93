//! The command lines of README and docs are run against running collectors and a real broker. Those that can't be run here are in
//! [`NOT_RUN`] with their reason; `documented_commands.rs` still parses them.

#[path = "../pages/mod.rs"]
mod pages;

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use arancini_bed::broker::NatsServer;
use arancini_bed::programs;
use arancini_generate::{Attributes, Open, Prefix, Update, initiation, peer_up, route_monitoring};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::command::{Process, arancini};
use crate::support::{Router, eventually, peer, router_address, small};
use pages::{Said, commands, root};

/// Lines that are not run here: what they contain, and why.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "https://bmp.example.net:8080",
        "needs certificates and a host of that name; process/asking/tls.rs runs it",
    ),
    ("cargo ", "builds the program"),
    ("scripts/", "takes minutes, and is run by itself"),
    ("docker ", "needs a container engine"),
    ("kubectl ", "needs a cluster"),
    ("systemctl", "needs systemd"),
    ("journalctl", "needs systemd"),
    ("sudoedit", "needs a person"),
    (
        "apt install",
        "changes the machine; tests/packaging installs into a root of its own",
    ),
    ("sudo install", "needs root"),
    ("sudo tee", "needs root"),
    ("sudo prlimit", "needs root"),
    ("dpkg-deb", "needs a package; tests/packaging unpacks it"),
    (
        "man arancini",
        "needs the package; tests/packaging renders the manual pages",
    ),
    (
        "clickhouse-client",
        "needs a server; tests/integration imports into one",
    ),
    ("gobgp bmp", "is asked of a router; tests/live has one"),
    ("bzcat", "needs a file of a route collector"),
    ("numactl", "needs a machine with NUMA"),
    ("/sys/class/net/eth0", "needs a network card of this name"),
    ("https://raw.githubusercontent.com", "needs the internet"),
    ("pgrep", "finds every collector of the machine"),
    ("fuzz/target", "needs an input that failed"),
];

/// What the routers of the bed announce again and again, for those who follow.
const FLAPPING: (Ipv4Addr, u8) = (Ipv4Addr::new(203, 0, 113, 0), 24);
const FLAPPING_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0);
/// The number of the flapping router.
const FLAPPER: u8 = 5;

/// How a line is run.
enum Way {
    /// It ends by itself.
    Ends,
    /// It goes on until it is stopped, and writes something meanwhile.
    Follows,
    /// It goes on until it is stopped, and says so on standard error.
    Runs(&'static str),
}

impl Way {
    fn of(line: &str) -> Self {
        let is_tail = line.contains("arancini tail") && !line.contains("--no-follow");
        if line.contains("arancini run") || line.contains(" run --log-format") {
            Self::Runs("collector started")
        } else if line.starts_with("nats-server") {
            Self::Runs("Server is ready")
        } else if is_tail || line.contains("curl -sN") {
            Self::Follows
        } else {
            Self::Ends
        }
    }
}

/// What the lines of the pages find: two collectors, a broker, files, and programs.
struct Bed {
    directory: tempfile::TempDir,
    broker: NatsServer,
    files: Process,
    nats: Process,
    goes_on: AtomicBool,
}

impl Bed {
    fn start() -> Option<Self> {
        let broker = NatsServer::start()?;
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        for name in ["bin", "target/release", "lib/arancini", "backup", "copy"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        let program = arancini().get_program().to_owned();
        for name in [
            "bin/arancini",
            "target/release/arancini",
            "arancini",
            "arancini-old",
        ] {
            symlink(&program, at(name)).unwrap();
        }
        symlink(programs::nats_server().unwrap(), at("bin/nats-server")).unwrap();
        for name in ["testdata", "crates", "packaging"] {
            symlink(root().canonicalize().unwrap().join(name), at(name)).unwrap();
        }
        std::fs::copy(
            root().join("packaging/arancini.example.toml"),
            at("arancini.toml"),
        )
        .unwrap();
        for (name, digit) in [("token", "1"), ("act-token", "2")] {
            std::fs::write(at(name), digit.repeat(32)).unwrap();
        }
        // The data directory of a collector that has stopped.
        let data_dir = at("lib/arancini/data");
        let stopped = Process::start(&["--sink", "file"], &[("ARANCINI_FILE__DATA_DIR", &data_dir)]);
        let mut router = stopped.connect(1);
        router.send(&small(1).to_bytes());
        eventually("it is published", || {
            stopped.emitted() == small(1).expected().emitted()
        });
        assert_eq!(stopped.terminate().code, Some(0));
        symlink(&data_dir, at("copy/data")).unwrap();

        let url = broker.url();
        let (data_dir, token, act_token) = (at("arancini-data"), at("token"), at("act-token"));
        let own = [
            ("ARANCINI_FILE__DATA_DIR", &*data_dir),
            // README's lines read a closed segment, and the collector does not stop for them.
            ("ARANCINI_FILE__SEGMENT_AGE_S", "1"),
            ("ARANCINI_RIB__ATTRIBUTES", "retain"),
            ("ARANCINI_COLLECTOR_NAME", "files"),
        ];
        let files = Process::start(&["--sink", "file", "--workers", "1"], &own);
        let own = [
            ("ARANCINI_COLLECTOR_NAME", "edge-1"),
            ("ARANCINI_SNAPSHOTS__STORE", "nats"),
            ("ARANCINI_SNAPSHOTS__INTERVAL_MS", "500"),
            ("ARANCINI_CONTROL__TOKEN_FILE", &token),
            ("ARANCINI_CONTROL__ACT_TOKEN_FILE", &act_token),
            ("ARANCINI_RIB__ATTRIBUTES", "retain"),
        ];
        let nats = Process::start(&["--nats", &url, "--workers", "1"], &own);
        Some(Self {
            directory,
            broker,
            files,
            nats,
            goes_on: AtomicBool::new(true),
        })
    }

    fn at(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Fills the collector with files with the recording that docs/api.md asks about.
    fn replay_the_recording(&self) {
        let to = self.files.collector().to_string();
        let recording = root().join("testdata/frr-8.4.4-prepost-c0-170k.bmp.zst");
        let replayed = arancini()
            .arg("replay")
            .arg(recording)
            .args(["--to", &to])
            .output()
            .unwrap();
        assert!(
            replayed.status.success(),
            "{}",
            String::from_utf8_lossy(&replayed.stderr)
        );
    }

    /// Announces a prefix again and again, each time with another path, until the lines are run.
    fn flap(&self, to: &Process) {
        let peer = peer(FLAPPER);
        let next_hop = Ipv4Addr::new(192, 0, 2, 254);
        let open = Open::new(peer.asn, peer.bgp_id);
        let mut router = Router::connect(to.collector(), FLAPPER);
        router.send(&initiation("edge-5", "test"));
        router.send(&peer_up(&peer, next_hop.into(), &open, &open));
        for number in 0_u32.. {
            if !self.goes_on.load(Ordering::Relaxed) {
                return;
            }
            let attributes = Attributes::new(
                &[peer.asn, 64_500 + number % 7],
                next_hop,
                next_hop.to_ipv6_mapped(),
            );
            let prefix = Prefix::new(FLAPPING.0.into(), FLAPPING.1);
            let of_ipv6 = Prefix::new(FLAPPING_IPV6.into(), 48);
            router.send(&route_monitoring(
                &peer,
                &Update::announce([prefix], attributes.clone()).to_bytes(),
            ));
            router.send(&route_monitoring(
                &peer,
                &Update::announce([of_ipv6], attributes).to_bytes(),
            ));
            // No more often than a follower reads.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// A line of a page with the addresses and paths of this bed.
    fn line(&self, said: &str) -> String {
        let router = router_address(FLAPPER);
        let token_control = self.nats.control().to_string();
        let control = self.files.control().to_string();
        let listen = self.files.collector().to_string();
        let mut line = said.to_owned();
        for (from, to) in [
            ("sudo ", ""),
            ("target/release/arancini", "arancini"),
            ("/etc/arancini/arancini.toml", &self.at("arancini.toml")),
            ("/etc/arancini.token", &self.at("token")),
            ("/etc/arancini-act.token", &self.at("act-token")),
            ("192.0.2.10:8080", &token_control),
            ("127.0.0.1:8080", &control),
            ("routers/192.0.2.1/", &format!("routers/{router}/")),
            ("resync 192.0.2.1", &format!("resync {router}")),
            (
                "--peer 198.51.100.7",
                &format!("--peer {}", peer(FLAPPER).address),
            ),
            ("nats://127.0.0.1:4222", &self.broker.url()),
            ("nats://nats.example.net:4222", &self.broker.url()),
            ("'[::]:11019'", "'[::1]:0'"),
            ("/var/lib/arancini", &self.at("lib/arancini")),
            ("/srv/copy", &self.at("copy")),
            ("/srv/backup", &self.at("backup")),
            (
                "nats-server -js",
                &format!("nats-server -js -a 127.0.0.1 -p -1 -sd {}", self.at("jetstream")),
            ),
            // A request that is refused is a failure.
            ("curl -s", "curl -f -s"),
            (".bmp.zst ", &format!(".bmp.zst --to {listen} ")),
        ] {
            line = line.replace(from, to);
        }
        line
    }

    /// The line as a process of its own, in a directory with what the pages take for granted.
    fn command(&self, line: &str, way: &Way) -> Command {
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ARANCINI_") {
                command.env_remove(name);
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.at("bin")));
        let directory = match way {
            // A collector needs a data directory of its own.
            Way::Runs(_) => {
                command.env("ARANCINI_CONTROL__ADDRESS", "127.0.0.1:0");
                if !line.contains("--listen") {
                    command.env("ARANCINI_LISTEN__ADDRESS", "127.0.0.1:0");
                }
                command.env("ARANCINI_LOG__FORMAT", "human");
                tempfile::tempdir_in(self.directory.path()).unwrap().keep()
            }
            _ => {
                command.env("ARANCINI_CONTROL__ADDRESS", self.files.control().to_string());
                if line.starts_with("arancini stream") {
                    command.env("ARANCINI_NATS__URLS", self.broker.url());
                }
                PathBuf::from(self.directory.path())
            }
        };
        command
            .arg("-c")
            .arg(line)
            .current_dir(directory)
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Runs a line; an error says what was wrong.
    fn run(&self, said: &str) -> Result<(), String> {
        let line = self.line(said);
        let way = Way::of(said);
        let mut command = self.command(&line, &way);
        match way {
            Way::Ends => {
                let output = command.output().unwrap();
                let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                // The host of the tests need not be fit for a collector.
                let may_fail = line.contains("doctor");
                match output.status.code() {
                    Some(0) => Ok(()),
                    Some(1) if may_fail => Ok(()),
                    code => Err(format!("{line}: exit code {code:?}\n{said}")),
                }
            }
            Way::Follows => {
                let mut child = command
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let read = child.stdout.take().unwrap().read(&mut [0; 64]).unwrap();
                let said = stop(child);
                if read > 0 {
                    Ok(())
                } else {
                    Err(format!("{line}: ended without a word\n{said}"))
                }
            }
            Way::Runs(started) => {
                let mut child = command
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
                let mut said = String::new();
                let has_started = lines.by_ref().map_while(Result::ok).any(|line| {
                    said.push_str(&line);
                    said.push('\n');
                    line.contains(started)
                });
                stop(child);
                if has_started {
                    Ok(())
                } else {
                    Err(format!("{line}: did not start\n{said}"))
                }
            }
        }
    }
}

/// Ends the flapping, also if a test fails meanwhile.
struct EndOfFlapping<'b>(&'b AtomicBool);

impl Drop for EndOfFlapping<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Stops a process with everything that it has started; returns the rest of what it says on standard error.
fn stop(mut child: Child) -> String {
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    child.wait().unwrap();
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    said
}

/// Why a line is not run; `None` if it is.
fn not_run(line: &str) -> Option<&'static str> {
    if line.contains('…') {
        return Some("is cut short");
    }
    let found = NOT_RUN.iter().find(|(part, _)| line.contains(part));
    found.map(|(_, reason)| *reason)
}

/// A program that a line needs and this machine does not have.
fn missing_program(line: &str) -> Option<&'static str> {
    let path = std::env::var("PATH").unwrap_or_default();
    let is_here = |program: &str| {
        path.split(':')
            .any(|folder| Path::new(folder).join(program).exists())
    };
    let needed = ["curl", "jq", "capnp", "openssl"];
    needed
        .into_iter()
        .find(|program| line.contains(program) && !is_here(program))
}

#[test]
fn every_command_line_of_readme_and_docs_is_run_or_has_a_reason_not_to_be() {
    let lines: Vec<Said> = pages::pages()
        .iter()
        .flat_map(|(page, text)| commands(page, text))
        .collect();
    for (part, reason) in NOT_RUN {
        assert!(
            lines.iter().any(|said| said.text.contains(part)),
            "no line contains {part:?}: {reason}"
        );
    }
    let Some(bed) = Bed::start() else {
        println!("skipped: no nats-server");
        return;
    };
    bed.replay_the_recording();
    let segment = bed.at("arancini-data/segments/updates-00000000000000000001.capnp");
    eventually("a segment is closed", || Path::new(&segment).exists());
    eventually("a snapshot is in the broker", || {
        bed.nats.metric("snapshot_timestamp_seconds") > 0
    });
    let (mut run, mut left_out, mut faults) = (0, Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let _end = EndOfFlapping(&bed.goes_on);
        scope.spawn(|| bed.flap(&bed.files));
        scope.spawn(|| bed.flap(&bed.nats));
        for said in &lines {
            let reason = not_run(&said.text).map(str::to_owned);
            let reason = reason.or_else(|| Some(format!("needs {}", missing_program(&said.text)?)));
            if let Some(reason) = reason {
                left_out.push(format!("{}: {} ({reason})", said.place, said.text));
                continue;
            }
            run += 1;
            let begun = std::time::Instant::now();
            if let Err(fault) = bed.run(&said.text) {
                faults.push(format!("{}: {fault}", said.place));
            }
            println!("{:.1} s: {}", begun.elapsed().as_secs_f64(), said.text);
        }
    });
    println!(
        "{run} command lines were run, {} were not:\n{}",
        left_out.len(),
        left_out.join("\n")
    );
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(run >= 50, "only {run} lines were run");
}
