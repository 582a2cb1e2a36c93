//! What an operator can set, as the sidecar wants it: parsed, with every default documented here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use arancini_core::window::Limits;

use crate::spool::SpoolSettings;

/// Where batches go.
#[derive(Debug, Clone)]
pub enum SinkSettings {
    /// NATS JetStream.
    Nats(Box<NatsSettings>),
    /// Rotating segment files.
    File(FileSettings),
    /// JSON Lines on standard output.
    Stdout,
    /// Nowhere; counted only.
    Null,
}

/// What happens when the window and the bridge are full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFull {
    /// Workers wait, TCP flow control slows the routers.
    #[default]
    Block,
    /// What the window has no room for waits on disk; once that is full too, workers wait. Only the sink `nats` has it.
    Spool,
    /// Workers throw updates away instead of waiting. For the sidecar this is as [`OnFull::Block`].
    Drop,
}

/// How a batch is compressed before it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all: ClickHouse reads it as it is.
    #[default]
    None,
    /// As an LZ4 frame.
    Lz4,
    /// As a Zstandard frame, level 1.
    Zstd,
}

/// Everything the sidecar needs.
#[derive(Debug, Clone)]
pub struct SidecarSettings {
    /// Where batches go.
    pub sink: SinkSettings,
    /// Name of this collector, in headers and message ids.
    pub collector: String,
    /// Unix nanoseconds of the start; keeps message ids of two lives of a collector apart.
    pub incarnation: u64,
    /// What happens when window and bridge are full.
    pub on_full: OnFull,
    /// The spool, with [`OnFull::Spool`].
    pub spool: SpoolSettings,
    /// Batch compression. Only the `nats` sink has it: segment files are read as they are.
    pub compression: Compression,
}

impl SidecarSettings {
    /// Defaults for everything but the sink; the incarnation is now.
    pub fn new(sink: SinkSettings) -> Self {
        let incarnation = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        Self {
            sink,
            collector: "arancini".to_owned(),
            incarnation,
            on_full: OnFull::Block,
            spool: SpoolSettings::new(PathBuf::from("arancini-data/spool")),
            compression: Compression::None,
        }
    }
}

/// A secret that is in memory or in a file; a file is read again at each connect. Never printed.
#[derive(Clone)]
pub enum Secret {
    /// The value itself (from the environment or the configuration file).
    Value(String),
    /// The file that holds it; surrounding white space is not part of it.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => out.write_str("Value(***)"),
            Self::File(path) => write!(out, "File({})", path.display()),
        }
    }
}

/// How the client shows who it is.
#[derive(Debug, Clone, Default)]
pub enum Authentication {
    /// Not at all, or as the URL says (`nats://user:password@host`).
    #[default]
    Anonymous,
    /// User and password.
    UserPassword {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// An NKey seed (`SU…`).
    NkeySeed(Secret),
    /// A credentials file (JWT and seed), as `nsc` writes it.
    Credentials(PathBuf),
}

/// TLS of the NATS connection.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Refuse a server that does not offer TLS. Implied by `tls://` URLs and by the other settings here.
    pub required: bool,
    /// TLS before the server's greeting (`handshake_first` on the server).
    pub first: bool,
    /// CA certificates (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate (PEM) and its key, for mTLS.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

/// The `nats` sink.
#[derive(Debug, Clone)]
pub struct NatsSettings {
    /// Servers, tried in this order.
    pub urls: Vec<String>,
    /// How the client shows who it is.
    pub authentication: Authentication,
    /// TLS.
    pub tls: TlsSettings,
    /// The stream.
    pub stream: StreamSettings,
    /// Create the stream when it is missing. Default true.
    pub create_stream: bool,
    /// Prefix of the reply subjects; default `_INBOX`.
    pub inbox_prefix: String,
    /// Bounds of the publish window. `max_messages` is at most [`NatsSettings::MAX_WINDOW_MESSAGES`].
    pub window: Limits,
    /// For the TCP connect, the TLS handshake and the greeting. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest pause between two attempts; the first is a twentieth of it. Default 4 s.
    pub max_backoff: Duration,
}

impl NatsSettings {
    /// More acknowledgements than this could overflow the client's inbox, and a lost acknowledgement costs a resend.
    pub const MAX_WINDOW_MESSAGES: usize = 32_768;

    /// Defaults with these servers.
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            authentication: Authentication::Anonymous,
            tls: TlsSettings::default(),
            stream: StreamSettings::default(),
            create_stream: true,
            inbox_prefix: "_INBOX".to_owned(),
            window: Limits::default(),
            connect_timeout: Duration::from_secs(5),
            max_backoff: Duration::from_secs(4),
        }
    }
}

/// The stream as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Name; default `ARANCINI`.
    pub name: String,
    /// Base of all subjects; default `arancini`. The stream carries `<base>.>`.
    pub base: String,
    /// Replicas; default 1.
    pub replicas: usize,
    /// Oldest messages go beyond this many bytes; default none.
    pub max_bytes: Option<u64>,
    /// Messages go at this age; default none.
    pub max_age: Option<Duration>,
    /// How long the broker remembers message ids; default 2 min.
    pub duplicate_window: Duration,
}

impl StreamSettings {
    /// The one subject filter of the stream.
    pub fn subjects(&self) -> String {
        format!("{}.>", self.base)
    }
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            name: "ARANCINI".to_owned(),
            base: "arancini".to_owned(),
            replicas: 1,
            max_bytes: None,
            max_age: None,
            duplicate_window: Duration::from_secs(120),
        }
    }
}

/// When a written batch counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Handed to the kernel. Survives a crash of the collector, not of the machine.
    Never,
    /// Synced to disk at most this much later; only then acknowledged.
    Every(Duration),
}

/// How many closed segments of a series stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of closed segments per series; `None` keeps all.
    pub max_bytes: Option<u64>,
    /// Age of a segment's last write; `None` keeps all.
    pub max_age: Option<Duration>,
}

impl Default for Retention {
    /// 64 GiB a series, any age: a forgotten collector does not fill the disk for ever.
    fn default() -> Self {
        Self {
            max_bytes: Some(64 << 30),
            max_age: None,
        }
    }
}

/// The `file` sink.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// Directory of the segments, made when missing (`<data-dir>/segments`).
    pub directory: PathBuf,
    /// A segment is closed at this size. Default 256 MiB.
    pub segment_bytes: u64,
    /// When a written batch counts as done. Default: synced every 200 ms.
    pub fsync: Fsync,
    /// What is kept. Default 64 GiB a series.
    pub retention: Retention,
}

impl FileSettings {
    /// Defaults in this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            segment_bytes: 256 << 20,
            fsync: Fsync::Every(Duration::from_millis(200)),
            retention: Retention::default(),
        }
    }
}
