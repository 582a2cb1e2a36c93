//! The measured process: one that the bench starts, or a running collector.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::error::BenchError;
use crate::process::Usage;

/// How long a process may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a process may take to end before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// How the bench starts a collector.
#[derive(Debug, Clone, Default)]
pub struct StartSettings {
    /// The configuration file, if any.
    pub config: Option<PathBuf>,
    /// Further arguments of `arancini run`.
    pub arguments: Vec<String>,
    /// Settings as environment variables.
    pub environment: Vec<(&'static str, String)>,
}

/// The measured process. Dropping it ends a process that the bench has started.
#[derive(Debug)]
pub struct Subject {
    /// The address on which the process receives BMP.
    pub address: SocketAddr,
    /// The control port; a process that only receives has none.
    pub control: Option<SocketAddr>,
    /// The process id, if the process runs on this host.
    pub pid: Option<u32>,
    child: Option<Child>,
}

impl Subject {
    /// Makes a subject of a running collector.
    #[must_use]
    pub const fn running(address: SocketAddr, control: SocketAddr, pid: Option<u32>) -> Self {
        Self {
            address,
            control: Some(control),
            pid,
            child: None,
        }
    }

    /// Starts a collector on free ports of this host.
    ///
    /// # Errors
    /// Fails if the collector does not start. Its warnings and errors are on standard error.
    pub fn collector(settings: &StartSettings) -> Result<Self, BenchError> {
        let mut command = own_command()?;
        match &settings.config {
            Some(config) => command.arg("--config").arg(config),
            // Without this, the collector would restore what an earlier run left in the sink.
            None => command.env("ARANCINI_SNAPSHOTS__ENABLED", "false"),
        };
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).to_string();
        command
            .args(["run", "--listen", &anywhere, "--control", &anywhere])
            .args(["--log-format", "json"])
            .args(&settings.arguments)
            // The bench reads the addresses from the log, so the log is needed whatever the configuration says.
            .env("ARANCINI_LOG__LEVEL", "info")
            .env("ARANCINI_CONTROL__ENABLED", "true")
            .envs(settings.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut subject = Self::spawn(command)?;
        let (found, addresses) = channel::<Listener>();
        if let Some(log) = subject.child.as_mut().and_then(|child| child.stderr.take()) {
            thread::spawn(move || follow_log(log, &found));
        }
        // The control port opens first. Routers can connect after the tables are restored.
        loop {
            match addresses.recv_timeout(START_TIMEOUT) {
                Ok(Listener::Control(address)) => subject.control = Some(address),
                Ok(Listener::Routers(address)) => {
                    subject.address = address;
                    return Ok(subject);
                }
                Err(_) => {
                    return Err(BenchError::Start(
                        "it did not report the address it listens on".to_owned(),
                    ));
                }
            }
        }
    }

    /// Starts a process that only receives.
    ///
    /// # Errors
    /// Fails if the process does not start.
    pub fn receive_only() -> Result<Self, BenchError> {
        let mut command = own_command()?;
        command
            .args(["bench", "receive-only"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut subject = Self::spawn(command)?;
        let mut line = String::new();
        if let Some(output) = subject.child.as_mut().and_then(|child| child.stdout.take()) {
            BufReader::new(output)
                .read_line(&mut line)
                .map_err(BenchError::io(
                    "can't read the address that the process listens on",
                ))?;
        }
        let address = line.trim().strip_prefix("listening ");
        subject.address = address
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| BenchError::Start("it did not report the address it listens on".to_owned()))?;
        Ok(subject)
    }

    /// Returns the control port.
    pub(crate) fn control_port(&self) -> Result<SocketAddr, BenchError> {
        let missing = || BenchError::Start("it has no control port".to_owned());
        self.control.ok_or_else(missing)
    }

    /// Returns what the process has used; zeros if the process is not known.
    pub(crate) fn usage(&self) -> Result<Usage, BenchError> {
        self.pid.map_or(Ok(Usage::default()), Usage::of)
    }

    fn spawn(mut command: Command) -> Result<Self, BenchError> {
        let child = command.spawn().map_err(BenchError::io("can't start a process"))?;
        Ok(Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            control: None,
            pid: Some(child.id()),
            child: Some(child),
        })
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        // SIGTERM lets the process end normally, so that a profiler can write its data. An error does not matter.
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < END_TIMEOUT && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn own_command() -> Result<Command, BenchError> {
    let own = std::env::current_exe().map_err(BenchError::io("can't find the path of this program"))?;
    Ok(Command::new(own))
}

/// Reads the log of a collector to its end: finds the two addresses, and prints warnings and errors.
fn follow_log(log: ChildStderr, found: &Sender<Listener>) {
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        match event.get("level").and_then(Value::as_str) {
            Some("INFO") => {
                if let Some(address) = address_in(&event) {
                    // Nobody receives the address any more if the start took too long.
                    let _ = found.send(address);
                }
            }
            _ => eprintln!("collector: {line}"),
        }
    }
}

/// A listener that a log line names.
enum Listener {
    Control(SocketAddr),
    Routers(SocketAddr),
}

/// Returns the listener that a log line names.
fn address_in(event: &Value) -> Option<Listener> {
    let address = |field: &str| event.get(field)?.as_str()?.parse().ok();
    address("listen")
        .map(Listener::Routers)
        .or_else(|| address("address").map(Listener::Control))
}
