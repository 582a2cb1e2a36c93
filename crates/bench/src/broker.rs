//! A nats-server that the bench starts on a free port, with file storage in a directory of its own. Dropping it stops the
//! server and removes the directory.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use arancini_publish::NatsSettings;

use crate::error::BenchError;
use crate::process::Usage;

/// The environment variable that may contain the path of the server.
const PATH_VARIABLE: &str = "ARANCINI_NATS_SERVER";
/// How long the server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the bench checks whether the server listens.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// A running nats-server with JetStream.
#[derive(Debug)]
pub struct Broker {
    directory: PathBuf,
    port: u16,
    child: Child,
}

impl Broker {
    /// Starts the program `server`, else the one that the environment names, else `nats-server` from the PATH. The server
    /// stores its files in `directory`.
    ///
    /// # Errors
    /// Fails if the program does not exist or does not start.
    pub fn start(server: Option<&Path>, directory: &Path) -> Result<Self, BenchError> {
        let named = server
            .map(Path::to_owned)
            .or_else(|| std::env::var_os(PATH_VARIABLE).map(PathBuf::from));
        let binary = named.unwrap_or_else(|| PathBuf::from("nats-server"));
        fs::create_dir_all(directory)
            .map_err(BenchError::io(format!("can't create {}", directory.display())))?;
        // The port is free now. Another process is unlikely to take it before the server does.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(BenchError::io("can't find a free port"))?
            .port();
        let child = Command::new(&binary)
            .args([
                "--addr",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--jetstream",
                "--store_dir",
            ])
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(BenchError::io(format!(
                "can't start {} (name the program with --nats-server or {PATH_VARIABLE})",
                binary.display()
            )))?;
        let broker = Self {
            directory: directory.to_owned(),
            port,
            child,
        };
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begin.elapsed() > START_TIMEOUT {
                return Err(BenchError::Start(
                    "nats-server does not listen on its port".to_owned(),
                ));
            }
            thread::sleep(CHECK_INTERVAL);
        }
        Ok(broker)
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Returns the settings of a client, with the defaults of the collector.
    pub(crate) fn settings(&self) -> NatsSettings {
        NatsSettings::new(vec![self.url()])
    }

    /// Returns the size of the files of the server, in bytes.
    pub(crate) fn stored_bytes(&self) -> Result<u64, BenchError> {
        size_of_files(&self.directory)
            .map_err(BenchError::io(format!("can't read {}", self.directory.display())))
    }

    /// Returns the CPU time and the memory that the server has used.
    pub(crate) fn usage(&self) -> Result<Usage, BenchError> {
        Usage::of(self.child.id())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn size_of_files(directory: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            size_of_files(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}
