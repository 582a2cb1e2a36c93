//! A nats-server of the bench's own: file storage in a directory of its own, on a free port, gone when it is dropped.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use arancini_publish::NatsSettings;

use crate::error::BenchError;
use crate::process::Usage;

/// Where the path of the server may stand.
const PATH_VARIABLE: &str = "ARANCINI_NATS_SERVER";
const START_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// A running nats-server with JetStream.
#[derive(Debug)]
pub struct Broker {
    directory: PathBuf,
    port: u16,
    child: Child,
}

impl Broker {
    /// Starts `server`, or else what the environment names, or else the one on the PATH; its files are in `directory`.
    ///
    /// # Errors
    /// There is none, or it does not start.
    pub fn start(server: Option<&Path>, directory: &Path) -> Result<Self, BenchError> {
        let named = server
            .map(Path::to_owned)
            .or_else(|| std::env::var_os(PATH_VARIABLE).map(PathBuf::from));
        let binary = named.unwrap_or_else(|| PathBuf::from("nats-server"));
        fs::create_dir_all(directory)
            .map_err(BenchError::io(format!("{} can't be made", directory.display())))?;
        // Free now; nobody else is likely to take it within the moment until the server does.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(BenchError::io("no free port"))?
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
                "{} can't be started (say where with --nats-server or {PATH_VARIABLE})",
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
                return Err(BenchError::Start("nats-server does not listen".to_owned()));
            }
            thread::sleep(LOOK);
        }
        Ok(broker)
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// For a client of it, as the collector is by default.
    pub(crate) fn settings(&self) -> NatsSettings {
        NatsSettings::new(vec![self.url()])
    }

    /// How large its files are.
    pub(crate) fn stored_bytes(&self) -> Result<u64, BenchError> {
        size_of_files(&self.directory).map_err(BenchError::io(format!(
            "{} can't be looked at",
            self.directory.display()
        )))
    }

    /// What it has used.
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
