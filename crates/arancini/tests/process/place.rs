//! What a restarted collector finds again: its files, its sink, its snapshots.

use arancini_bed::NatsServer;
use arancini_generate::Scenario;

use crate::command::Process;
use crate::support::{Router, Stored, eventually};

/// The collector's files, its sink, and where its snapshots are.
pub struct Place {
    pub directory: tempfile::TempDir,
    pub server: Option<NatsServer>,
    /// Snapshots are in NATS as well.
    pub buckets: bool,
}

impl Place {
    pub fn files() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            server: None,
            buckets: false,
        }
    }

    pub fn stream() -> Option<Self> {
        let server = NatsServer::start()?;
        Some(Self {
            server: Some(server),
            ..Self::files()
        })
    }

    /// With the snapshots in NATS.
    pub fn buckets() -> Option<Self> {
        Some(Self {
            buckets: true,
            ..Self::stream()?
        })
    }

    /// Both sinks and both stores, as far as they are to be had.
    pub fn each(test: impl Fn(&Self)) {
        test(&Self::files());
        for place in [Self::stream(), Self::buckets()].into_iter().flatten() {
            test(&place);
        }
    }

    pub fn start(&self, workers: &str, interval_ms: &str) -> Process {
        self.start_with(workers, interval_ms, &[])
    }

    pub fn start_with(&self, workers: &str, interval_ms: &str, settings: &[(&str, &str)]) -> Process {
        let directory = self.directory.path().to_str().unwrap();
        let url = self.server.as_ref().map(NatsServer::url);
        let mut arguments = vec!["--workers", workers, "--data-dir", directory];
        if let Some(url) = &url {
            arguments.extend(["--nats", url]);
        }
        let environment = [
            ("ARANCINI_SNAPSHOTS__INTERVAL_MS", interval_ms),
            ("ARANCINI_ROUTERS__QUIET_PERIOD_MS", "500"),
            ("ARANCINI_COLLECTOR_NAME", NAME),
            (
                "ARANCINI_SNAPSHOTS__STORE",
                if self.buckets { "nats" } else { "local" },
            ),
        ];
        let process = Process::start(&arguments, &[&environment[..], settings].concat());
        process.until_ready();
        process
    }

    /// Where each life listens again.
    pub fn start_at(&self, listen: &str) -> Process {
        let directory = self.directory.path().to_str().unwrap();
        let arguments = [
            "--listen",
            listen,
            "--control",
            "127.0.0.1:0",
            "--data-dir",
            directory,
        ];
        let process = Process::spawn(&arguments, &[]);
        eventually("it listens again", || process.line("collector started").is_some());
        process
    }

    pub fn stored(&self) -> Stored {
        match &self.server {
            Some(server) => Stored::from_stream(&server.url()),
            None => Stored::from_segments(self.directory.path()),
        }
    }

    /// What `arancini snapshot` says.
    pub fn snapshot(&self, action: &str) -> (Option<i32>, String) {
        let mut command = crate::command::arancini();
        command.args(["snapshot", action]).env("TZ", "UTC");
        match &self.server {
            Some(server) if self.buckets => command.args(["--nats", &server.url(), "--collector", NAME]),
            _ => command.arg("--data-dir").arg(self.directory.path()),
        };
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// The generations that are current, the newest first.
    pub fn generations(&self) -> Vec<u64> {
        let (code, said) = self.snapshot("list");
        assert_eq!(code, Some(0), "{said}");
        let numbers = said.lines().filter_map(|line| line.strip_prefix("generation "));
        numbers
            .map(|line| line.split(':').next().unwrap().parse().unwrap())
            .collect()
    }

    pub fn snapshots(&self) -> std::path::PathBuf {
        self.directory.path().join("snapshots")
    }
}

/// The collector's name.
pub const NAME: &str = "one";
/// So long that there is none before the end.
pub const NEVER: &str = "100000000";
pub const OFTEN: &str = "20";

/// Connects, dumps, and waits until all of it is durable.
pub fn dump(process: &Process, number: u8, scenario: &Scenario) -> Router {
    let mut router = process.connect(number);
    let before = process.metric("received_bytes_total");
    let bytes = router.send(&scenario.to_bytes()) as u64;
    eventually("the dump is read", || {
        process.metric("received_bytes_total") == before + bytes
    });
    durable(process);
    router
}

pub fn durable(process: &Process) {
    eventually("everything is durable", || {
        process.metric("sink_messages_acknowledged_total")
            == process.emitted() + process.metric("events_total")
    });
}
