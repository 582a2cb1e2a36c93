//! A real nats-server with file storage, in a directory of its own on a free port; or several of them that are a
//! cluster.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arancini_publish::testing::Port;

use crate::network::Host;
use crate::process::Process;

/// A killed server with some gigabytes in its store reads them before it is ready.
const START_WITHIN: Duration = Duration::from_secs(120);

/// The server, up or not.
#[derive(Debug)]
pub struct Broker {
    binary: PathBuf,
    folder: PathBuf,
    host: Host,
    port: Port,
    /// Where the others of a cluster find it.
    _cluster_port: Option<Port>,
    process: Option<Process>,
}

impl Broker {
    /// Writes its configuration into the folder and starts it.
    pub fn start(binary: &Path, folder: &Path) -> io::Result<Self> {
        Self::start_at(&Host::local(), binary, folder)
    }

    /// The same, there.
    pub fn start_at(host: &Host, binary: &Path, folder: &Path) -> io::Result<Self> {
        let mut broker = Self::new(host, binary, folder, 1, "", None)?;
        broker.up()?;
        broker.until_ready()?;
        Ok(broker)
    }

    /// Several that are a cluster, each in a folder of its own; a stream may have as many replicas.
    pub fn start_cluster(binary: &Path, folder: &Path, servers: usize) -> io::Result<Vec<Self>> {
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
            let folder = folder.join(number.to_string());
            let mut broker = Self::new(&Host::local(), binary, &folder, number, &cluster, Some(port))?;
            broker.up()?;
            brokers.push(broker);
        }
        brokers.iter_mut().try_for_each(Self::until_ready)?;
        Ok(brokers)
    }

    fn new(
        host: &Host,
        binary: &Path,
        folder: &Path,
        number: usize,
        cluster: &str,
        cluster_port: Option<Port>,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = Port::reserve()?;
        // A store's limit is what its disk has at the start, but for this: the disk itself is to fill up.
        let text = format!(
            "server_name: {}\nlisten: \"{}:{}\"\njetstream {{ store_dir: \"{}\", max_file_store: 64GB }}\n{cluster}",
            Self::name_of(number),
            host.address,
            port.number(),
            folder.join("store").display()
        );
        std::fs::write(folder.join("nats.conf"), text)?;
        Ok(Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            host: host.clone(),
            port,
            _cluster_port: cluster_port,
            process: None,
        })
    }

    /// What the server with this number calls itself; they count from 1.
    #[must_use]
    pub fn name_of(number: usize) -> String {
        format!("campaign-{number}")
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}:{}", self.host.address, self.port.number())
    }

    /// Starts the process, if there is none.
    pub fn up(&mut self) -> io::Result<()> {
        if self.process.is_none() {
            let mut command = self.host.command(&self.binary);
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
        let address = SocketAddr::from((self.host.address, self.port.number()));
        let mut greeting = [0; 4];
        TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok_and(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_millis(500))).is_ok()
                && stream.read_exact(&mut greeting).is_ok()
                && &greeting == b"INFO"
        })
    }
}
