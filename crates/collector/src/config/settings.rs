//! The one table of all settings: their sections, names, types, defaults and explanations.
//!
//! Reading, `config show`, `config schema`, `docs/configuration.md` and `packaging/arancini.example.toml` are all made from it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::types::{
    BackendKind, CompressionKind, CurationKind, DriverKind, IpPrefix, LogFormat, OnFull, Secret, SinkKind,
    StoreKind, any_source,
};
use super::value::{SettingValue, Value};

/// A section of the file and what stands in it.
#[derive(Debug)]
pub struct SectionInfo {
    /// Its name; empty for the settings above all sections.
    pub name: &'static str,
    /// What it is about.
    pub doc: &'static str,
    /// Its settings, in order.
    pub settings: Vec<SettingInfo>,
}

/// What is known of one setting.
#[derive(Debug)]
pub struct SettingInfo {
    /// The section it stands in; empty at the top.
    pub section: &'static str,
    /// Its name in the section.
    pub key: &'static str,
    /// What may be written there.
    pub expected: String,
    /// Its default as TOML; nothing where it is not set by default.
    pub default: Option<String>,
    /// What it does.
    pub doc: &'static str,
}

impl SettingInfo {
    /// `section.key`.
    #[must_use]
    pub fn path(&self) -> String {
        if self.section.is_empty() {
            self.key.to_owned()
        } else {
            format!("{}.{}", self.section, self.key)
        }
    }

    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        if self.section.is_empty() {
            format!("ARANCINI_{}", self.key.to_ascii_uppercase())
        } else {
            format!(
                "ARANCINI_{}__{}",
                self.section.to_ascii_uppercase(),
                self.key.to_ascii_uppercase()
            )
        }
    }
}

/// Why a value was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such setting.
    Unknown,
    /// The value is not what was expected there.
    Expected(String),
}

/// Declares the structs, their defaults and the table from one list.
macro_rules! settings {
    (
        $(#[doc = $top_doc:literal])* top {
            $( $(#[doc = $top_key_doc:literal])* $top_key:ident: $top_type:ty = $top_default:expr; )*
        }
        $( $(#[doc = $section_doc:literal])* $section:ident $struct:ident {
            $( $(#[doc = $doc:literal])* $key:ident: $type:ty = $default:expr; )*
        } )*
    ) => {
        /// The whole configuration.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            $( $(#[doc = $top_key_doc])* pub $top_key: $top_type, )*
            $( $(#[doc = $section_doc])* pub $section: $struct, )*
        }

        $(
            $(#[doc = $section_doc])*
            #[derive(Debug, Clone, PartialEq)]
            pub struct $struct {
                $( $(#[doc = $doc])* pub $key: $type, )*
            }

            impl Default for $struct {
                fn default() -> Self {
                    Self { $( $key: $default, )* }
                }
            }
        )*

        impl Default for Config {
            fn default() -> Self {
                Self {
                    $( $top_key: $top_default, )*
                    $( $section: $struct::default(), )*
                }
            }
        }

        impl Config {
            /// Sets one setting by its name.
            pub(crate) fn set(&mut self, section: &str, key: &str, value: &Value) -> Result<(), Refused> {
                match (section, key) {
                    $( ("", stringify!($top_key)) => assign(&mut self.$top_key, value), )*
                    $( $( (stringify!($section), stringify!($key)) =>
                        assign(&mut self.$section.$key, value), )* )*
                    _ => Err(Refused::Unknown),
                }
            }

            /// A setting as TOML with secrets masked; nothing where it is not set.
            #[must_use]
            pub fn shown(&self, section: &str, key: &str) -> Option<String> {
                match (section, key) {
                    $( ("", stringify!($top_key)) => self.$top_key.write_masked(), )*
                    $( $( (stringify!($section), stringify!($key)) =>
                        self.$section.$key.write_masked(), )* )*
                    _ => None,
                }
            }
        }

        /// All sections with their settings, in the order of the documentation.
        #[must_use]
        pub fn table() -> Vec<SectionInfo> {
            let default = Config::default();
            vec![
                SectionInfo {
                    name: "",
                    doc: concat!($($top_doc, "\n"),*),
                    settings: vec![ $( SettingInfo {
                        section: "",
                        key: stringify!($top_key),
                        expected: <$top_type as SettingValue>::expected(),
                        default: default.$top_key.write(),
                        doc: concat!($($top_key_doc, "\n"),*),
                    }, )* ],
                },
                $( SectionInfo {
                    name: stringify!($section),
                    doc: concat!($($section_doc, "\n"),*),
                    settings: vec![ $( SettingInfo {
                        section: stringify!($section),
                        key: stringify!($key),
                        expected: <$type as SettingValue>::expected(),
                        default: default.$section.$key.write(),
                        doc: concat!($($doc, "\n"),*),
                    }, )* ],
                }, )*
            ]
        }
    };
}

fn assign<T: SettingValue>(place: &mut T, value: &Value) -> Result<(), Refused> {
    *place = T::read(value).ok_or_else(|| Refused::Expected(T::expected()))?;
    Ok(())
}

settings! {
    /// Above all sections.
    top {
        /// The name of this collector in message headers and metrics. Not set: the host's name.
        collector_name: Option<String> = None;
    }

    /// Where and how routers connect.
    listen Listen {
        /// The addresses that routers connect to. `[::]` takes IPv4 too.
        address: Vec<SocketAddr> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 4000))];
        /// How many connections may wait to be accepted, per worker.
        backlog: u32 = 4096;
        /// The socket's receive buffer (`SO_RCVBUF`); 0 leaves it to the kernel.
        receive_buffer_bytes: u32 = 0;
        /// A connection silent for so long is probed (TCP keepalive); 0 turns probes off.
        keepalive_idle_s: u32 = 30;
        /// The time between two probes.
        keepalive_interval_s: u32 = 10;
        /// How many unanswered probes end the connection.
        keepalive_count: u32 = 3;
        /// How many worker threads; 0 is one per core.
        workers: u16 = 0;
        /// Whether each worker stays on a core of its own.
        pin_workers: bool = true;
    }

    /// How bytes get from the sockets to the decoder.
    ingest Ingest {
        /// The receive path. `registered` needs io_uring of Linux 6.12; `auto` takes it where it is to be had, else `readiness`.
        backend: BackendKind = BackendKind::Auto;
        /// The kernel interface. `auto` takes io_uring, or epoll where the host refuses it.
        driver: DriverKind = DriverKind::Auto;
        /// The size of a receive slot. `readiness` has one per worker.
        slot_bytes: usize = 262_144;
        /// How many receive slots a worker has with `registered`. All of them together should stay in its L2 cache.
        slots: u16 = 2;
    }

    /// What one client may cost.
    limits Limits {
        /// How many sessions may be open in all.
        max_sessions: usize = 4096;
        /// How many sessions may be open from one address.
        max_sessions_per_source: usize = 16;
        /// The longest BMP message taken; a longer one ends the session. An extended BGP message (RFC 8654) needs 65,583.
        max_message_bytes: usize = 1_048_576;
        /// A connection that has not sent its first whole message by then is closed.
        handshake_timeout_ms: u64 = 30_000;
        /// A session silent for so long is closed; 0 never closes it. Routers with nothing to say are silent.
        idle_timeout_ms: u64 = 0;
        /// How many peers a router may have.
        max_peers_per_router: usize = 10_000;
        /// The addresses that may connect.
        allow: Vec<IpPrefix> = any_source();
    }

    /// Who a router is and what happens when its session ends.
    routers Routers {
        /// How long the routes of a lost session are kept for the router to come back, before they are withdrawn.
        session_hold_ms: u64 = 300_000;
        /// A dump with no End-of-RIB counts as done when its table saw nothing for so long.
        quiet_period_ms: u64 = 30_000;
        /// The identity of routers behind NAT or a load balancer: source address to the router's own address.
        identity: BTreeMap<IpAddr, IpAddr> = BTreeMap::new();
    }

    /// Which updates are passed on.
    curation Curation {
        /// `attributes` passes every change on, `presence` only routes that come and go, `off` everything.
        mode: CurationKind = CurationKind::Attributes;
    }

    /// How curated updates leave the collector.
    publish Publish {
        /// Where to. Not set: `nats` where `nats.urls` is set, else `file`.
        sink: Option<SinkKind> = None;
        /// The first part of every subject.
        subject_base: String = "arancini".to_owned();
        /// How many updates a batch may hold; 1 gives one update per message.
        max_updates: u32 = 1000;
        /// A batch is closed at this size. Keep it below the NATS server's `max_payload`.
        max_batch_bytes: usize = 49_152;
        /// How long an update may wait for others in its batch.
        linger_ms: u64 = 5;
        /// How many closed batches may wait between the workers and the sink.
        bridge_batches: usize = 256;
        /// How many bytes may be published and not yet acknowledged.
        window_bytes: usize = 67_108_864;
        /// How many batches may be published and not yet acknowledged.
        window_batches: usize = 4096;
        /// With no acknowledgement for so long, the connection counts as lost and what is not acknowledged is sent again.
        ack_timeout_ms: u64 = 5000;
        /// What happens when window and bridge are full: `block` lets TCP slow the routers; `spool` (sink `nats` only) keeps on disk what the window has no room for; `drop` throws updates away, and the routers' next dumps repair the stream.
        on_full: OnFull = OnFull::Block;
        /// The directory of the spool. Not set: `spool` in `file.data_dir`.
        spool_dir: Option<PathBuf> = None;
        /// How many bytes the spool may hold; once it is full, the workers wait.
        spool_bytes: u64 = 8_589_934_592;
        /// How long a stop waits for what is still to be acknowledged.
        drain_deadline_ms: u64 = 30_000;
        /// How a batch is compressed; only for the sink `nats`. `none` is what ClickHouse reads as it is; readers find `lz4` and `zstd` in the `Content-Encoding` header.
        compression: CompressionKind = CompressionKind::None;
    }

    /// The sink `file`.
    file File {
        /// The directory that holds the segments.
        data_dir: PathBuf = PathBuf::from("arancini-data");
        /// A segment of this size is closed and the next one begun.
        segment_bytes: u64 = 268_435_456;
        /// How many bytes of closed segments are kept of each kind, the oldest go first; 0 keeps all.
        keep_bytes: u64 = 68_719_476_736;
        /// The age at which a closed segment goes; 0 keeps it.
        keep_age_s: u64 = 0;
        /// Whether what is written is flushed to the disk (fsync) before it counts as done.
        fsync: bool = true;
        /// The longest time between two flushes; 0 flushes each batch.
        fsync_interval_ms: u64 = 200;
    }

    /// Snapshots of the tables, from which a restarted collector goes on; for the sinks `nats` and `file`.
    snapshots Snapshots {
        /// Whether they are taken and restored. Without them a restarted collector starts with empty tables.
        enabled: bool = true;
        /// Where they are kept: `local` is a directory of this host; `nats` keeps them on the servers of `nats.urls`, so that the collector can go on on another host. Set `collector_name` then: it is what a collector finds its snapshots by.
        store: StoreKind = StoreKind::Local;
        /// With `local`, the directory that holds them. Not set: `snapshots` in `file.data_dir`.
        directory: Option<PathBuf> = None;
        /// With `nats`, the name of the key-value bucket and of the object store. Several collectors share them. They are created as the stream is (`nats.create_stream`, `nats.replicas`).
        bucket: String = "arancini-snapshots".to_owned();
        /// The time between two snapshots.
        interval_ms: u64 = 60_000;
    }

    /// The sink `nats`. Secrets are better kept in files or the environment.
    nats Nats {
        /// The servers, like `nats://192.0.2.1:4222` or `tls://…`.
        urls: Vec<String> = Vec::new();
        /// The name of the stream.
        stream: String = "ARANCINI".to_owned();
        /// Whether a stream that is not there is created, and a bucket for snapshots.
        create_stream: bool = true;
        /// The user's name.
        user: Option<String> = None;
        /// The user's password.
        password: Option<Secret> = None;
        /// A file that holds the password.
        password_file: Option<PathBuf> = None;
        /// An authentication token.
        token: Option<Secret> = None;
        /// A file that holds the token.
        token_file: Option<PathBuf> = None;
        /// A file that holds an NKey seed.
        nkey_seed_file: Option<PathBuf> = None;
        /// A credentials file (`.creds`: JWT and seed).
        credentials_file: Option<PathBuf> = None;
        /// A file of the authorities that may have signed the server's certificate (PEM). Not set: the host's.
        tls_ca_file: Option<PathBuf> = None;
        /// The client's certificate (PEM).
        tls_cert_file: Option<PathBuf> = None;
        /// The key of the client's certificate (PEM).
        tls_key_file: Option<PathBuf> = None;
        /// Whether TLS begins before the server's greeting, as with the server's `handshake_first`.
        tls_first: bool = false;
        /// Whether a server without TLS is refused.
        require_tls: bool = false;
        /// How long a connection may take to be made, TLS included.
        connect_timeout_ms: u64 = 5000;
        /// The first part of the reply subjects, for users who may not subscribe to `_INBOX.>`.
        inbox_prefix: String = "_INBOX".to_owned();
        /// How many servers keep the stream and the buckets for snapshots, when they are created here.
        replicas: u16 = 1;
        /// How long the stream knows message ids, to drop doubles, when it is created here.
        duplicate_window_s: u64 = 120;
        /// The stream's size limit, when it is created here; 0 is none.
        max_bytes: u64 = 0;
        /// The age at which messages leave the stream, when it is created here; 0 keeps them.
        max_age_s: u64 = 0;
    }

    /// The HTTP port for metrics and health.
    control Control {
        /// Whether there is one.
        enabled: bool = true;
        /// Its address.
        address: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    }

    /// What the collector says of itself, on standard error.
    log Log {
        /// How the lines look.
        format: LogFormat = LogFormat::Human;
        /// What is said: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,arancini=debug`.
        level: String = "info".to_owned();
    }
}
