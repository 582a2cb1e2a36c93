//! A real nats-server for tests: started with JetStream in a directory of its own on a free port, killed, brought
//! back on the same port with the same store, stopped and continued.
//!
//! The binary is `$ARANCINI_NATS_SERVER`, or `.venv/bin/nats-server` of the repository, or the one on the PATH.

use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpSocket;

const START_WITHIN: Duration = Duration::from_secs(30);

/// A server that ends with this value.
pub struct NatsServer {
    binary: PathBuf,
    directory: TempDir,
    port: Port,
    child: Option<Child>,
}

/// The server's binary, if there is one on this machine.
pub fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ARANCINI_NATS_SERVER") {
        return Some(PathBuf::from(path));
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/nats-server");
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("nats-server"))
            .collect::<Vec<_>>()
    });
    std::iter::once(repository)
        .chain(on_path)
        .find(|candidate| candidate.is_file())
}

impl NatsServer {
    /// Starts one with JetStream and nothing else. `None`, and a word about it, where there is no binary.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with these lines in the configuration.
    pub fn start_with(extra: &str) -> Option<Self> {
        let mut server = Self::prepare(extra)?;
        server.restart();
        Some(server)
    }

    /// Chooses the port and writes the configuration, but does not start it: the broker that is not there yet.
    pub fn prepare(extra: &str) -> Option<Self> {
        let Some(binary) = find() else {
            eprintln!("skipped: no nats-server");
            return None;
        };
        let directory = tempfile::tempdir().expect("temporary directory");
        let port = Port::reserve().expect("a free port");
        let server = Self {
            binary,
            directory,
            port,
            child: None,
        };
        server.configure(extra);
        Some(server)
    }

    /// Writes the configuration anew; valid from the next [`NatsServer::restart`].
    pub fn configure(&self, extra: &str) {
        let folder = self.directory.path().display();
        let text = format!(
            "server_name: arancini-test\nlisten: \"127.0.0.1:{}\"\njetstream {{ store_dir: \"{folder}/store\" }}\n{extra}\n",
            self.port()
        );
        std::fs::write(self.config(), text).expect("server configuration");
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// A directory of this server's own, for certificates and keys.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it (again) on the same port with the same store, and waits until it is ready.
    pub fn restart(&mut self) {
        self.kill();
        let log = std::fs::File::create(self.directory.path().join("log")).expect("log file");
        let child = Command::new(&self.binary)
            .arg("-c")
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nats-server starts");
        self.child = Some(child);
        let since = Instant::now();
        while !self.log().contains("Server is ready") {
            let gone = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            assert!(
                gone.is_none() && since.elapsed() < START_WITHIN,
                "nats-server did not start:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGSTOP: connections stay, nothing answers. Waits for its last thread: the kernel stops one after the other, and
    /// those that still run may acknowledge something.
    pub fn stop(&self) {
        self.signal("-STOP");
        let Some(pid) = self.pid() else { return };
        while thread_states(pid).chars().any(|state| state != 'T') {
            std::thread::yield_now();
        }
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(child) = &self.child {
            let sent = Command::new("kill")
                .arg(signal)
                .arg(child.id().to_string())
                .status();
            assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
        }
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("nats.conf")
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What each thread of a process does, a letter each as in `proc_pid_stat(5)`: `R` runs or wants to, `S` sleeps, `T` is
/// stopped, …; nothing of one that has just ended.
pub fn thread_states(pid: u32) -> String {
    let threads =
        std::fs::read_dir(format!("/proc/{pid}/task")).expect("the threads of a process that is there");
    threads
        .flatten()
        .filter_map(|thread| {
            // "1234 (a name) R …"
            let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
            stat.rsplit_once(") ")?.1.chars().next()
        })
        .collect()
}

/// A TCP port that the kernel gives to nobody else while this lives, whether its server runs or not.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Bound and not listening: a server that sets `SO_REUSEADDR`, as all here do, can bind it as well.
    _held: TcpSocket,
}

impl Port {
    /// One that is free now.
    ///
    /// # Errors
    /// No port is free.
    pub fn reserve() -> io::Result<Self> {
        let held = TcpSocket::new_v4()?;
        held.set_reuseaddr(true)?;
        held.bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
        let number = held.local_addr()?.port();
        Ok(Self { number, _held: held })
    }

    /// Its number.
    pub const fn number(&self) -> u16 {
        self.number
    }
}

/// A forwarder between client and server that can be cut, so that a lost connection needs no dead server.
pub struct Cable {
    port: u16,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    unplugged: bool,
    open: Vec<TcpStream>,
}

impl Cable {
    /// To this port of the local host.
    pub fn to(target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let line = Arc::new(Mutex::new(Line::default()));
        let shared = Arc::clone(&line);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let pairs = [
                    (client.try_clone(), server.try_clone()),
                    (server.try_clone(), client.try_clone()),
                ];
                match shared.lock() {
                    Ok(mut line) if !line.unplugged => line.open.extend([client, server]),
                    _ => continue,
                }
                for pair in pairs {
                    let (Ok(mut from), Ok(mut to)) = pair else {
                        continue;
                    };
                    std::thread::spawn(move || {
                        let mut buffer = [0; 16_384];
                        while let Ok(read @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
        Ok(Self { port, line })
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Breaks all connections; new ones are forwarded.
    pub fn cut(&self) {
        if let Ok(mut line) = self.line.lock() {
            for connection in line.open.drain(..) {
                let _ = connection.shutdown(std::net::Shutdown::Both);
            }
        }
    }

    /// Breaks all connections; new ones are closed at once until [`Cable::plug`].
    pub fn unplug(&self) {
        if let Ok(mut line) = self.line.lock() {
            line.unplugged = true;
        }
        self.cut();
    }

    /// Forwards new connections again.
    pub fn plug(&self) {
        if let Ok(mut line) = self.line.lock() {
            line.unplugged = false;
        }
    }
}
