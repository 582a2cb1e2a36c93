//! A real nats-server with file storage, in a directory of its own on a free port.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Process, free_port};

/// A killed server with some gigabytes in its store reads them before it is ready.
const START_WITHIN: Duration = Duration::from_secs(120);

/// The server, up or not.
#[derive(Debug)]
pub struct Broker {
    binary: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Broker {
    /// Writes its configuration into the folder and starts it.
    pub fn start(binary: &Path, folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = free_port()?;
        let store = folder.join("store");
        let text = format!(
            "server_name: campaign\nlisten: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n",
            store.display()
        );
        std::fs::write(folder.join("nats.conf"), text)?;
        let mut broker = Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            port,
            process: None,
        };
        broker.up()?;
        broker.until_ready()?;
        Ok(broker)
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts the process, if there is none.
    pub fn up(&mut self) -> io::Result<()> {
        if self.process.is_none() {
            let mut command = Command::new(&self.binary);
            command.arg("-c").arg(self.folder.join("nats.conf"));
            self.process = Some(Process::start(&mut command, &self.folder.join("log"))?);
        }
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// The process, where there is one.
    #[must_use]
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Waits until it answers clients.
    pub fn until_ready(&mut self) -> io::Result<()> {
        let since = Instant::now();
        while since.elapsed() < START_WITHIN {
            if self.answers() {
                return Ok(());
            }
            if let Some(process) = &mut self.process
                && let Some(status) = process.ended()?
            {
                let text = format!("nats-server ended by itself: {status}");
                return Err(io::Error::other(text));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "nats-server does not get ready",
        ))
    }

    /// It greets clients only when its store is read.
    fn answers(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut greeting = [0; 4];
        TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok_and(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_millis(500))).is_ok()
                && stream.read_exact(&mut greeting).is_ok()
                && &greeting == b"INFO"
        })
    }
}
