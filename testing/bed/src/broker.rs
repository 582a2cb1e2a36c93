//! A real nats-server with JetStream: one, or several that form a cluster.
//!
//! The server has a folder and a held port of its own. A server that is killed comes back on the same port with the
//! same store.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::host::Host;
use crate::port::Port;
use crate::process::Process;
use crate::programs;

/// A killed server with some gigabytes in its store reads them before it is ready.
const READY_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What the server logs once its store is read and clients can connect.
const READY: &str = "Server is ready";

/// A nats-server, running or not. Dropping the value ends the server.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    name: String,
    host: Host,
    port: Port,
    /// The port for the other servers of a cluster, and the configuration that names them all.
    cluster: Option<(Port, String)>,
    process: Option<Process>,
    /// Where the present process began to write in the log.
    log_begins: usize,
    folder: PathBuf,
    /// The folder, where it is a temporary one. The last field: it goes when the process is gone.
    _temporary: Option<TempDir>,
}

/// For tests: a server on the loopback with a temporary folder. What fails ends the test.
#[expect(
    clippy::missing_panics_doc,
    reason = "a test that can't have its broker ends here"
)]
impl NatsServer {
    /// Starts a server. Returns `None`, and prints that the test is skipped, where there is no nats-server.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// Starts a server with further lines of configuration.
    #[must_use]
    pub fn start_with(extra: &str) -> Option<Self> {
        let mut server = Self::prepare(extra)?;
        server.restart();
        Some(server)
    }

    /// Chooses the port and writes the configuration, but starts no process: a broker that is not there yet.
    #[must_use]
    pub fn prepare(extra: &str) -> Option<Self> {
        let Some(program) = programs::nats_server() else {
            eprintln!("skipped: no nats-server");
            return None;
        };
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let place = Place {
            host: &Host::local(),
            folder: temporary.path(),
            name: "arancini-test",
        };
        let mut server = Self::new(&program, &place, None).expect("a port and a folder");
        server._temporary = Some(temporary);
        server.configure(extra);
        Some(server)
    }

    /// Writes the configuration again with other further lines. It is valid from the next [`NatsServer::restart`].
    pub fn configure(&self, extra: &str) {
        self.write_configuration(extra)
            .expect("the server's configuration is written");
    }

    /// Ends the server, if it runs, starts it on the same port with the same store, and waits until it is ready.
    pub fn restart(&mut self) {
        self.kill();
        self.up().expect("nats-server starts");
        if let Err(error) = self.until_ready() {
            panic!("{error}:\n{}", self.log());
        }
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("nats-server is killed");
        }
    }

    /// Sends SIGSTOP and waits until every thread has stopped: connections stay open, nothing answers.
    pub fn stop(&self) {
        if let Some(process) = &self.process {
            process.freeze().expect("nats-server is stopped");
        }
    }

    /// Sends SIGCONT.
    pub fn resume(&self) {
        if let Some(process) = &self.process {
            process.thaw().expect("nats-server is continued");
        }
    }
}

/// Where a server runs and keeps its files, and what it calls itself.
struct Place<'a> {
    host: &'a Host,
    folder: &'a Path,
    name: &'a str,
}

/// For campaigns: a server on any host with its files in a given folder. What fails is an error.
impl NatsServer {
    /// Starts the server on a host, with its files in the folder, and waits until it is ready.
    ///
    /// # Errors
    /// The folder can't be written, or the server does not start.
    pub fn start_at(host: &Host, program: &Path, folder: &Path) -> io::Result<Self> {
        let name = &Self::name_of(1);
        let mut server = Self::new(program, &Place { host, folder, name }, None)?;
        server.write_configuration("")?;
        server.up()?;
        server.until_ready()?;
        Ok(server)
    }

    /// Starts servers that form a cluster, each in a folder of its own. A stream may have as many replicas.
    ///
    /// # Errors
    /// A folder can't be written, or a server does not start.
    pub fn start_cluster(program: &Path, folder: &Path, servers: usize) -> io::Result<Vec<Self>> {
        let ports: Vec<Port> = (0..servers).map(|_| Port::reserve()).collect::<io::Result<_>>()?;
        let routes: Vec<String> = ports
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{}\"", port.number()))
            .collect();
        let mut brokers = Vec::with_capacity(servers);
        for (number, port) in (1..).zip(ports) {
            let cluster = format!(
                "cluster {{ name: campaign, listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
                port.number(),
                routes.join(", ")
            );
            let place = Place {
                host: &Host::local(),
                folder: &folder.join(number.to_string()),
                name: &Self::name_of(number),
            };
            let mut server = Self::new(program, &place, Some((port, cluster)))?;
            server.write_configuration("")?;
            server.up()?;
            brokers.push(server);
        }
        brokers.iter_mut().try_for_each(Self::until_ready)?;
        Ok(brokers)
    }

    /// The name of the server with this number, counted from 1.
    #[must_use]
    pub fn name_of(number: usize) -> String {
        format!("campaign-{number}")
    }

    /// Starts the process, if there is none. Does not wait for anything.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn up(&mut self) -> io::Result<()> {
        if self.process.is_none() {
            let log = self.folder.join("log");
            self.log_begins = std::fs::metadata(&log).map_or(0, |data| data.len() as usize);
            let mut command = self.host.command(&self.program);
            command.arg("-c").arg(self.folder.join("nats.conf"));
            self.process = Some(Process::start(&mut command, &log)?);
        }
        Ok(())
    }

    /// Waits until clients can connect.
    ///
    /// # Errors
    /// The server ended, or it never becomes ready.
    pub fn until_ready(&mut self) -> io::Result<()> {
        let since = Instant::now();
        while !self.log().contains(READY) {
            if let Some(process) = &mut self.process
                && let Some(status) = process.ended()?
            {
                return Err(io::Error::other(format!("nats-server ended by itself, {status}")));
            }
            if since.elapsed() > READY_WITHIN {
                let text = format!("nats-server is not ready after {} s", READY_WITHIN.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// The process; `None` while the server is down.
    #[must_use]
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    fn new(program: &Path, place: &Place<'_>, cluster: Option<(Port, String)>) -> io::Result<Self> {
        std::fs::create_dir_all(place.folder)?;
        Ok(Self {
            program: program.to_owned(),
            name: place.name.to_owned(),
            host: place.host.clone(),
            port: Port::reserve()?,
            cluster,
            process: None,
            log_begins: 0,
            folder: place.folder.to_owned(),
            _temporary: None,
        })
    }

    fn write_configuration(&self, extra: &str) -> io::Result<()> {
        // Without this limit a server takes the free space of its disk at the start for the limit of its store. Disk
        // campaigns want the disk itself to fill up.
        let mut text = format!(
            "server_name: {}\nlisten: \"{}:{}\"\njetstream {{ store_dir: \"{}\", max_file_store: 64GB }}\n",
            self.name,
            self.host.address,
            self.port.number(),
            self.folder.join("store").display()
        );
        let cluster = self.cluster.as_ref().map_or("", |(_, cluster)| cluster);
        let _ = writeln!(text, "{cluster}{extra}");
        std::fs::write(self.folder.join("nats.conf"), text)
    }
}

/// Looking at a server.
impl NatsServer {
    /// The URL that clients connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}:{}", self.host.address, self.port.number())
    }

    /// The port that clients connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process id, while the server runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The server's own folder, for certificates and keys.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.folder
    }

    /// What the server logged since its last start.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(log.get(self.log_begins..).unwrap_or_default()).into_owned()
    }
}
