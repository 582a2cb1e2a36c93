//! The collector's program, `arancini run`, started and observed as an operator does.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use arancini_bed::control::{Answer, Metrics, get, request};
use arancini_bed::port::Port;
use arancini_bed::process::Process;

use crate::network::tcp_table;

/// The control port of a busy collector answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Where the collector publishes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// JetStream on these servers.
    Nats(Vec<String>),
    /// Segment files.
    File,
}

/// The collector, running or not. It keeps its ports, its directory and its settings from one start to the next.
#[derive(Debug)]
pub struct Collector {
    binary: PathBuf,
    folder: PathBuf,
    sink: Sink,
    settings: Vec<(String, String)>,
    listen: SocketAddr,
    control: SocketAddr,
    /// Whether standard error is a pipe that nobody reads, and not the log.
    log_unread: bool,
    /// Holds both ports while the collector is down.
    _ports: [Port; 2],
    process: Option<Process>,
}

impl Collector {
    /// A collector that is not started yet. Settings are `section.key` and a value.
    pub fn new(binary: &Path, folder: &Path, sink: Sink, settings: &[(String, String)]) -> io::Result<Self> {
        Self::new_at(Ipv4Addr::LOCALHOST, binary, folder, sink, settings)
    }

    /// A collector that listens on this address.
    pub fn new_at(
        address: Ipv4Addr,
        binary: &Path,
        folder: &Path,
        sink: Sink,
        settings: &[(String, String)],
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let ports = [Port::reserve()?, Port::reserve()?];
        let listen = SocketAddr::from((address, ports[0].number()));
        let control = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[1].number()));
        Ok(Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            sink,
            settings: settings.to_vec(),
            listen,
            control,
            log_unread: false,
            _ports: ports,
            process: None,
        })
    }

    /// The same collector with a pipe that nobody reads as its standard error.
    #[must_use]
    pub const fn with_unread_log(mut self) -> Self {
        self.log_unread = true;
        self
    }

    /// The address of the control port.
    #[must_use]
    pub const fn control(&self) -> SocketAddr {
        self.control
    }

    /// The address that routers connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Where the collector publishes to.
    #[must_use]
    pub const fn sink(&self) -> &Sink {
        &self.sink
    }

    /// The data directory: segments, spool and snapshots.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The file with the collector's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Whether this build of the program has a section of the configuration.
    #[must_use]
    pub fn knows_section(binary: &Path, section: &str) -> bool {
        let output = Command::new(binary).args(["config", "schema"]).output();
        output.is_ok_and(|output| {
            let text = String::from_utf8_lossy(&output.stdout);
            text.lines()
                .any(|line| line.trim_start_matches(['#', ' ']) == format!("[{section}]"))
        })
    }

    /// Starts the process, if there is none. Does not wait for anything.
    pub fn up(&mut self) -> io::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ARANCINI_") {
                command.env_remove(name);
            }
        }
        for (key, value) in &self.settings {
            let name = key.to_uppercase().replace('.', "__");
            command.env(format!("ARANCINI_{name}"), value);
        }
        command.env("ARANCINI_COLLECTOR_NAME", "campaign");
        command
            .arg("run")
            .args(["--listen", &self.listen.to_string()])
            .args(["--control", &self.control.to_string()])
            .arg("--data-dir")
            .arg(self.data_dir());
        match &self.sink {
            Sink::Nats(urls) => {
                command.args(["--sink", "nats"]);
                command.args(urls.iter().flat_map(|url| ["--nats", url]))
            }
            Sink::File => command.args(["--sink", "file"]),
        };
        let start = if self.log_unread {
            Process::start_unread
        } else {
            Process::start
        };
        self.process = Some(start(&mut command, &self.log())?);
        Ok(())
    }

    /// Starts the collector again after it ended by itself.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = None;
        self.up()
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Sends SIGTERM. Returns how the process ended.
    pub fn terminate(&mut self, within: Duration) -> io::Result<Option<ExitStatus>> {
        let Some(mut process) = self.process.take() else {
            return Ok(None);
        };
        process.terminate(within).map(Some)
    }

    /// The process; `None` while the collector is down.
    #[must_use]
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// How the process ended by itself; `None` while it runs.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.as_mut().map_or(Ok(None), Process::ended)
    }

    /// The metrics of this moment.
    pub fn metrics(&self) -> io::Result<Metrics> {
        match self.get("/metrics")? {
            Answer {
                status: 200, body, ..
            } => Ok(Metrics::new(body)),
            Answer { status, .. } => Err(io::Error::other(format!(
                "the control port answers /metrics with status {status}"
            ))),
        }
    }

    /// The reasons why `/readyz` says that the collector is not ready; `None` if it is ready.
    pub fn not_ready(&self) -> io::Result<Option<String>> {
        let Answer { status, body, .. } = self.get("/readyz")?;
        Ok((status != 200).then_some(body))
    }

    /// Requests a resync of a router.
    pub fn resync(&self, router: IpAddr) -> io::Result<()> {
        let control = self.control;
        let head = format!(
            "POST /api/v1/routers/{router}/resync HTTP/1.1\r\nHost: {control}\r\nContent-Length: 0\r\n"
        );
        let answer = request(control, &head, ANSWER_WITHIN)?;
        match answer.status {
            202 => Ok(()),
            _ => Err(io::Error::other(format!(
                "the resync is refused: {}",
                answer.body
            ))),
        }
    }

    fn get(&self, path: &str) -> io::Result<Answer> {
        get(self.control, path, ANSWER_WITHIN)
    }

    /// Bytes in the queues of the sockets between routers and collector, in this namespace and in that of the routers.
    pub fn bytes_in_sockets(&self, routers: Option<&str>) -> io::Result<u64> {
        let port = format!(":{:04X}", self.listen.port());
        let mut table = tcp_table(None)?;
        if routers.is_some() {
            table.push_str(&tcp_table(routers)?);
        }
        let sockets: Vec<SocketLine<'_>> = table.lines().filter_map(SocketLine::read).collect();
        let own: HashSet<_> = sockets
            .iter()
            .filter(|socket| socket.local.ends_with(&port) && socket.has_reader())
            .map(|socket| (socket.local, socket.remote))
            .collect();
        // A session can be over for the collector and open for the router. Nobody takes its bytes, and the router's
        // kernel sends them again for minutes, so they do not count.
        let live = sockets.iter().filter(|socket| {
            let (local, remote) = (socket.local, socket.remote);
            own.contains(&(local, remote)) || own.contains(&(remote, local))
        });
        Ok(live.map(|socket| socket.bytes).sum())
    }
}

/// A line of the kernel's table of TCP sockets.
struct SocketLine<'a> {
    local: &'a str,
    remote: &'a str,
    state: &'a str,
    /// Bytes in both queues of the socket.
    bytes: u64,
}

impl<'a> SocketLine<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (local, remote) = (fields.nth(1)?, fields.next()?);
        let (state, queues) = (fields.next()?, fields.next()?);
        let (out, waiting) = queues.split_once(':')?;
        let of = |hex| u64::from_str_radix(hex, 16).ok();
        Some(Self {
            local,
            remote,
            state,
            bytes: of(out)? + of(waiting)?,
        })
    }

    /// Whether somebody still reads the socket: it is established, or closed by the other side only. The queues of a
    /// listener count connections, not bytes.
    fn has_reader(&self) -> bool {
        matches!(self.state, "01" | "08")
    }
}
