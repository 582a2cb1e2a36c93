//! Settings of the sidecar and its sinks, parsed. Every default is documented here.

use std::path::PathBuf;
use std::time::Duration;

use arancini_client::{PayloadForm, ServerSettings, StreamSource};
use arancini_core::window::Limits;

/// Where batches are published.
#[derive(Debug, Clone)]
pub enum SinkSettings {
    /// NATS JetStream.
    Nats(Box<NatsSettings>),
    /// Rotating segment files.
    File(FileSettings),
    /// JSON Lines on standard output.
    Stdout,
    /// Nowhere: batches are counted and discarded.
    Null,
}

/// What happens when the window and the bridge are full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFull {
    /// Workers wait, and TCP flow control slows the routers down.
    #[default]
    Block,
    /// Batches that do not fit the window wait on disk; once the disk's share is full too, workers wait. Only the sink
    /// `nats` has this.
    Spool,
    /// Workers discard updates instead of waiting. The sidecar does the same as with [`OnFull::Block`].
    Drop,
}

/// Everything the sidecar needs.
#[derive(Debug, Clone)]
pub struct SidecarSettings {
    /// Where batches are published.
    pub sink: SinkSettings,
    /// Name of this collector, in headers and message ids.
    pub collector: String,
    /// Start of the collector in Unix nanoseconds; keeps the message ids of two lives of a collector apart.
    pub incarnation: u64,
    /// What happens when window and bridge are full.
    pub on_full: OnFull,
    /// The spool, with [`OnFull::Spool`].
    pub spool: SpoolSettings,
    /// Directory of the messages that are larger than the server takes. Created if one is set aside.
    pub set_aside: PathBuf,
    /// Format and compression of payloads. Only the sink `nats` has others than plain Cap'n Proto, because tools read segment files
    /// as they are.
    pub form: PayloadForm,
}

impl SidecarSettings {
    /// Default settings for this sink. The incarnation is the present time.
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
            set_aside: PathBuf::from("arancini-data/set-aside"),
            form: PayloadForm::default(),
        }
    }
}

/// The spool (`publish.on_full = "spool"`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// Directory of its files; created if missing.
    pub directory: PathBuf,
    /// Size at which the spool is full. It may exceed this by a few batches. Default 8 GiB.
    pub max_bytes: u64,
}

impl SpoolSettings {
    /// Default settings with this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            max_bytes: 8 << 30,
        }
    }
}

/// The sink `nats`.
#[derive(Debug, Clone)]
pub struct NatsSettings {
    /// How to reach the server.
    pub server: ServerSettings,
    /// The stream.
    pub stream: StreamSettings,
    /// Create the stream if it is missing. Default true.
    pub create_stream: bool,
    /// Bounds of the publish window. `max_messages` is at most [`NatsSettings::MAX_WINDOW_MESSAGES`].
    pub window: Limits,
    /// Longest pause between two attempts to connect; the first pause is a twentieth of it. Default 4 s.
    pub max_backoff: Duration,
    /// Age of the known size limits at which the stream is asked for them again, before a message is set aside. Default 10 s.
    pub limits_age: Duration,
}

impl NatsSettings {
    /// Upper limit of the window. More acknowledgements could overflow the client's inbox, and each one that is lost
    /// costs a resend.
    pub const MAX_WINDOW_MESSAGES: usize = 32_768;

    /// Default settings with these servers.
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            server: ServerSettings::new(urls),
            stream: StreamSettings::default(),
            create_stream: true,
            window: Limits::default(),
            max_backoff: Duration::from_secs(4),
            limits_age: Duration::from_secs(10),
        }
    }

    /// Returns the stream as a reader names it.
    pub fn source(&self) -> StreamSource {
        StreamSource {
            server: self.server.clone(),
            stream: self.stream.name.clone(),
            base: self.stream.base.clone(),
        }
    }
}

/// The stream as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Name; default `ARANCINI`.
    pub name: String,
    /// First words of all subjects; default `arancini`. The stream carries `<base>.>`.
    pub base: String,
    /// Replicas; default 1.
    pub replicas: usize,
    /// Size beyond which the server removes the oldest messages; default none.
    pub max_bytes: Option<u64>,
    /// Age at which the server removes messages; default none.
    pub max_age: Option<Duration>,
    /// How long messages should stay at least: the interval of snapshots. Default 0, with no snapshots.
    pub least_age: Duration,
    /// How long the server remembers message ids; default 2 min.
    pub duplicate_window: Duration,
}

impl StreamSettings {
    /// Returns the one subject filter of the stream.
    pub fn subjects(&self) -> String {
        format!("{}.>", self.base)
    }
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            name: StreamSource::DEFAULT_STREAM.to_owned(),
            base: StreamSource::DEFAULT_BASE.to_owned(),
            replicas: 1,
            max_bytes: None,
            max_age: None,
            least_age: Duration::ZERO,
            duplicate_window: Duration::from_secs(120),
        }
    }
}

/// When a written batch counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// When the kernel has it. The batch survives a crash of the collector, but not of the machine.
    Never,
    /// When it is synced to disk, at most this much later.
    Every(Duration),
}

/// How many closed segments of a series are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of closed segments per series; `None` keeps all.
    pub max_bytes: Option<u64>,
    /// Age of a segment's last write; `None` keeps all.
    pub max_age: Option<Duration>,
}

impl Default for Retention {
    /// 64 GiB a series, any age: a collector that nobody looks after does not fill the disk.
    fn default() -> Self {
        Self {
            max_bytes: Some(64 << 30),
            max_age: None,
        }
    }
}

/// The sink `file`.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// Directory of the segments, created if missing (`<data-dir>/segments`).
    pub directory: PathBuf,
    /// Size at which a segment is closed. Default 256 MiB.
    pub segment_bytes: u64,
    /// Age at which a segment is closed, counted from its first message. Default: a day.
    pub segment_age: Option<Duration>,
    /// When a written batch counts as durable. Default: synced every 200 ms.
    pub fsync: Fsync,
    /// What is kept. Default 64 GiB a series.
    pub retention: Retention,
}

impl FileSettings {
    /// Default settings with this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            segment_bytes: 256 << 20,
            segment_age: Some(Duration::from_secs(86_400)),
            fsync: Fsync::Every(Duration::from_millis(200)),
            retention: Retention::default(),
        }
    }
}
