//! The command `arancini` as a process of its own: for what exit codes and signals are about.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use arancini_bed::process::thread_states;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Router, eventually, get, metric};

/// The command, without the settings of whoever runs the tests. `ARANCINI_BINARY` names another build of it.
pub fn arancini() -> Command {
    let binary = std::env::var_os("ARANCINI_BINARY");
    let mut command = Command::new(binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_arancini").into()));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARANCINI_") {
            command.env_remove(name);
        }
    }
    command
}

/// A running `arancini run`, killed when this is dropped.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    go_on: Option<Sender<()>>,
    /// Where it keeps its files unless an argument says otherwise.
    _directory: tempfile::TempDir,
}

/// How a process ended.
pub struct Ended {
    pub code: Option<i32>,
    pub lines: Vec<String>,
}

impl Process {
    /// Starts a collector on free ports and waits until routers can connect.
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let ports = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
        let process = Self::spawn(&[&ports, arguments].concat(), environment);
        eventually("the collector starts", || {
            process.line("collector started").is_some()
        });
        process
    }

    /// Starts a collector that may end at once.
    pub fn spawn(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn_read_while(arguments, environment, |_| true)
    }

    /// Starts a collector and reads its log as long as the condition holds for the last line. The rest stays in the pipe
    /// until the process ends.
    pub fn spawn_read_while(
        arguments: &[&str],
        environment: &[(&str, &str)],
        more: impl Fn(&str) -> bool + Send + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = arancini()
            .args(["run", "--log-format", "json"])
            .args(arguments)
            .env("ARANCINI_FILE__DATA_DIR", directory.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, shared) = (child.stderr.take().unwrap(), Arc::clone(&lines));
        let (go_on, stopped) = std::sync::mpsc::channel::<()>();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let line = line.unwrap();
                let pause = !more(&line);
                shared.lock().unwrap().push(line);
                if pause {
                    // Ends when the other side is dropped.
                    let _ = stopped.recv();
                }
            }
        });
        Self {
            child,
            lines,
            reader: Some(reader),
            go_on: Some(go_on),
            _directory: directory,
        }
    }

    /// The first line of the log with this message.
    pub fn line(&self, message: &str) -> Option<Value> {
        find(&self.lines.lock().unwrap(), message)
    }

    /// An address that the log tells, once it does.
    fn address(&self, message: &str, field: &str) -> SocketAddr {
        eventually(message, || self.line(message).is_some());
        let line = self.line(message).unwrap();
        line[field].as_str().unwrap().parse().unwrap()
    }

    /// Where routers connect.
    pub fn collector(&self) -> SocketAddr {
        self.address("collector started", "listen")
    }

    pub fn connect(&self, router: u8) -> Router {
        Router::connect(self.collector(), router)
    }

    pub fn control(&self) -> SocketAddr {
        self.address("control port: /metrics /healthz /readyz /api/v1", "address")
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        get(self.control(), path)
    }

    pub fn metric(&self, sample: &str) -> u64 {
        metric(self.control(), sample)
    }

    /// The sum of a metric's samples.
    pub fn sum(&self, name: &str) -> u64 {
        let (_, body) = self.get("/metrics");
        let prefix = format!("arancini_{name}{{");
        let samples = body.lines().filter(|line| line.starts_with(&prefix));
        samples
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64)
            .sum()
    }

    /// Updates published so far.
    pub fn emitted(&self) -> u64 {
        self.sum("emitted_announces_total") + self.sum("emitted_withdraws_total")
    }

    pub fn until_ready(&self) {
        eventually("it is ready", || self.get("/readyz").0 == 200);
    }

    /// Waits until `/readyz` names this reason; returns what is in the way.
    pub fn until_unready(&self, reason: &str) -> Value {
        let mut answer = Value::Null;
        eventually(&format!("it is not ready because of {reason}"), || {
            let (status, body) = self.get("/readyz");
            answer = serde_json::from_str(&body).unwrap();
            status == 503 && body.contains(reason)
        });
        answer
    }

    /// Reads the log again.
    pub fn read_on(&mut self) {
        self.go_on = None;
    }

    /// Whether any of its threads runs or wants to.
    pub fn runs(&self) -> bool {
        thread_states(self.child.id()).contains('R')
    }

    /// SIGTERM.
    pub fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGSTOP.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends.
    pub fn end(mut self) -> Ended {
        let code = self.child.wait().unwrap().code();
        self.go_on = None;
        self.reader.take().unwrap().join().unwrap();
        let lines = self.lines.lock().unwrap().clone();
        Ended { code, lines }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// A number of the first line of the log with this message.
    pub fn number(&self, message: &str, field: &str) -> u64 {
        let line = find(&self.lines, message);
        let line = line.unwrap_or_else(|| panic!("no {message:?} in {:#?}", self.lines));
        line[field].as_u64().unwrap()
    }

    /// How many lines contain all of these.
    pub fn count(&self, words: &[&str]) -> usize {
        let lines = self.lines.iter();
        lines
            .filter(|line| words.iter().all(|word| line.contains(word)))
            .count()
    }
}

fn find(lines: &[String], message: &str) -> Option<Value> {
    let objects = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
    objects
        .into_iter()
        .find(|line: &Value| line["message"] == message)
}
