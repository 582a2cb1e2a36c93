//! The table of all settings: sections, names, types, defaults and explanations.
//!
//! The loader, `config show`, `config schema`, `docs/configuration.md` and `packaging/arancini.example.toml` all derive from
//! this table. A doc comment in it is the text that operators read, so it states the unit and, where there is one, the
//! reason of the default.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::bounds::expected;
use super::identities::Identities;
use super::types::{
    AttributesKind, BackendKind, ClientsMay, CompressionKind, CurationKind, DriverKind, FormatKind,
    IdentifyBy, IpPrefix, LogFormat, OnFull, SameIdentity, Secret, SinkKind, StoreKind, any_source,
};
use super::value::{SettingValue, Value};

/// A section of the configuration file with its settings.
#[derive(Debug)]
pub struct SectionInfo {
    /// The name of the section; empty for the settings above all sections.
    pub name: &'static str,
    /// What the section is about.
    pub doc: &'static str,
    /// The settings of the section, in the order of the documentation.
    pub settings: Vec<SettingInfo>,
}

/// The description of one setting.
#[derive(Debug)]
pub struct SettingInfo {
    /// The section of the setting; empty at the top level.
    pub section: &'static str,
    /// The name of the setting in its section.
    pub key: &'static str,
    /// The values that the setting accepts, in words.
    pub expected: String,
    /// The default as TOML; `None` if the setting has no default.
    pub default: Option<String>,
    /// What the setting does.
    pub doc: &'static str,
}

impl SettingInfo {
    /// Returns the full name, `section.key`.
    #[must_use]
    pub fn path(&self) -> String {
        if self.section.is_empty() {
            self.key.to_owned()
        } else {
            format!("{}.{}", self.section, self.key)
        }
    }

    /// Returns the name of the environment variable that sets this setting.
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

/// Why a value was rejected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No setting has this name.
    Unknown,
    /// The setting does not accept this value. Holds what the setting accepts, in words.
    Expected(String),
}

/// Generates the configuration structs, their defaults and the table of settings from one list.
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

            /// Returns the value of a setting as TOML, with secrets masked; `None` if it is not set.
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

        /// Returns all sections with their settings, in the order of the documentation.
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
                        expected: expected("", stringify!($top_key), <$top_type as SettingValue>::expected()),
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
                        expected: expected(stringify!($section), stringify!($key), <$type as SettingValue>::expected()),
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
    /// Settings above all sections.
    top {
        /// The name of this collector in message headers and metrics. Not set: the host's name.
        collector_name: Option<String> = None;
    }

    /// Where and how routers connect.
    listen Listen {
        /// The addresses that the collector listens on for routers. `[::]` accepts IPv4 too.
        address: Vec<SocketAddr> = vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 4000))];
        /// How many new connections the kernel queues for each worker until the worker accepts them. Large enough for all routers to reconnect at once after an outage.
        backlog: u32 = 4096;
        /// The receive buffer of each connection (`SO_RCVBUF`), in bytes. 0 lets the kernel size it.
        receive_buffer_bytes: u32 = 0;
        /// Seconds of silence after which TCP keepalive probes the connection. 0 turns the probes off. With the defaults, a dead connection is found after about a minute: `keepalive_idle_s` + `keepalive_count` × `keepalive_interval_s`.
        keepalive_idle_s: u32 = 30;
        /// Seconds between two keepalive probes.
        keepalive_interval_s: u32 = 10;
        /// How many keepalive probes may go unanswered before the kernel ends the connection.
        keepalive_count: u32 = 3;
        /// The source addresses of load balancers. With `routers.identify_by = "proxy"`, a connection from one of them begins with a PROXY protocol header, version 1 or 2, which names the router. Nobody else's header is read. `limits.allow` need not hold these addresses.
        proxy_from: Vec<IpPrefix> = Vec::new();
        /// The number of worker threads. 0 starts one per core.
        workers: u16 = 0;
        /// Whether each worker thread is pinned to a core of its own.
        pin_workers: bool = true;
    }

    /// How bytes get from the sockets to the decoder.
    ingest Ingest {
        /// The receive path. `registered` receives into buffers registered with io_uring and needs Linux 6.12. `readiness` waits until a socket is readable and runs everywhere. `auto` uses `registered` if this host supports it, else `readiness`.
        backend: BackendKind = BackendKind::Auto;
        /// The kernel interface that the workers wait on. `auto` uses io_uring, or epoll if this host refuses io_uring.
        driver: DriverKind = DriverKind::Auto;
        /// The size of one receive slot, in bytes. `readiness` has one slot per worker.
        slot_bytes: usize = 262_144;
        /// The number of receive slots per worker with `registered`. All slots of a worker together (512 KiB by default) should fit into the L2 cache of its core.
        slots: u16 = 2;
    }

    /// Limits on what a single client may use.
    limits Limits {
        /// How many sessions may be open at the same time, from all addresses together. Each session takes one file descriptor.
        max_sessions: usize = 4096;
        /// How many sessions may be open at the same time from one source address. Behind a load balancer, this is the address in the PROXY header.
        max_sessions_per_source: usize = 16;
        /// The longest accepted BMP message, in bytes. A longer message ends the session. At least 65,583, the length of a Route Monitoring message with an extended BGP message (RFC 8654).
        max_message_bytes: usize = 1_048_576;
        /// Milliseconds within which a new connection must send its first whole BMP message of a known type. After that the collector closes it. A load balancer has as long for its PROXY header, before this time begins.
        handshake_timeout_ms: u64 = 30_000;
        /// Milliseconds of silence after which the collector closes a session. 0 never closes a silent session, because a router with nothing to report sends nothing.
        idle_timeout_ms: u64 = 0;
        /// How many peers one router may have. Messages of further peers are skipped and counted.
        max_peers_per_router: usize = 10_000;
        /// The source addresses that may connect. Connections from other addresses are refused and counted. For a router behind a load balancer, the address in the PROXY header must be among them.
        allow: Vec<IpPrefix> = any_source();
    }

    /// How routers are identified, and what happens when a session ends.
    routers Routers {
        /// Milliseconds for which the collector keeps the routes of a router after its session is lost. If the router does not reconnect within that time, its routes are withdrawn. Should be longer than a restart of the router takes.
        session_hold_ms: u64 = 300_000;
        /// For routers that send no End-of-RIB: a dump counts as complete after this many milliseconds in which the router sent no Peer Up, confirmed no stale route and added no route.
        quiet_period_ms: u64 = 30_000;
        /// What says which router a connection belongs to. `address`: its source address. `proxy`: the source address in the PROXY protocol header, for connections from `listen.proxy_from`; others are still identified by their own address. `sysname`: the sysName in its first Initiation message, which `routers.identity` maps to an address. A table gives each address of `listen.address` its own word, and `address` to those that it leaves out.
        identify_by: IdentifyBy = IdentifyBy::default();
        /// Who routers are. An address maps a source that is not the router's own address, as behind NAT, to the router's own: the source address of a connection, or the one in its PROXY header. A table gives the router a `name`, and `labels` for metrics and the API, beside an `address` if it is mapped. A prefix has `labels` for all of its routers; the longest prefix counts for each label. Whatever is written neither like an address nor like a prefix is a sysName, octet for octet as the router sends it: it needs the `address` that the router is known by.
        identity: Identities = Identities::default();
        /// What happens when a router that has a session opens another one, or another router claims its identity. `replace`: the newer session replaces the one that is open, because a router reboots faster than TCP notices. `refuse`: the session that is open stays, and the newer connection is closed.
        same_identity: SameIdentity = SameIdentity::Replace;
    }

    /// Which updates are published.
    curation Curation {
        /// `attributes` publishes every change of a route. `presence` publishes only whether a route appears or disappears. `off` publishes every update as received and keeps no tables.
        mode: CurationKind = CurationKind::Attributes;
        /// Whether common messages take the short way, which needs about half of the processor time. Both ways publish the same bytes. Set it to `false` only to compare them, or to rule the short way out as the cause of a problem.
        short_way: bool = true;
    }

    /// What the tables keep of routes.
    rib Rib {
        /// What is kept of the attributes of routes. `fingerprint` keeps 8 bytes of each route, which show whether its attributes changed. `retain` keeps the attributes too: each worker keeps every distinct set of attributes once. It works with `curation.mode = "attributes"` only.
        attributes: AttributesKind = AttributesKind::Fingerprint;
        /// With `retain`, most memory for the attributes, all workers together. Each worker has an equal share of it. The attributes of further sets are not kept; updates are published all the same.
        most_attribute_bytes: u64 = 1024 * 1024 * 1024;
    }

    /// How curated updates leave the collector.
    publish Publish {
        /// Where updates are published. Not set: `nats` if `nats.urls` is set, else `file`.
        sink: Option<SinkKind> = None;
        /// The first part of every NATS subject.
        subject_base: String = "arancini".to_owned();
        /// The most updates in one batch. A batch becomes one NATS message; 1 publishes every update as a message of its own.
        max_updates: u32 = 1000;
        /// A batch is closed when it reaches this many bytes. Must be below the NATS server's `max_payload`. The default holds about 160 updates, so that the cost of each message for the server hardly matters.
        max_batch_bytes: usize = 49_152;
        /// How many milliseconds an open batch waits for more updates before it is published.
        linger_ms: u64 = 5;
        /// How many closed batches may wait between the workers and the sink.
        bridge_batches: usize = 256;
        /// How many bytes may be published and not yet acknowledged. At this limit, `on_full` decides what happens.
        window_bytes: usize = 67_108_864;
        /// How many batches may be published and not yet acknowledged. At this limit, `on_full` decides what happens.
        window_batches: usize = 4096;
        /// Milliseconds without any acknowledgement after which the connection to NATS counts as lost. The collector then connects again and resends what was not acknowledged.
        ack_timeout_ms: u64 = 5000;
        /// What happens when the window and the bridge are full. `block` stops receiving, so that TCP slows the routers. `spool` (sink `nats` only) stores batches on disk until the window has room. `drop` discards updates; the next dumps of the routers repair the stream.
        on_full: OnFull = OnFull::Block;
        /// The directory of the spool. Not set: `spool` in `file.data_dir`.
        spool_dir: Option<PathBuf> = None;
        /// The largest size of the spool on disk, in bytes. When the spool is full, the workers stop receiving, as with `block`.
        spool_bytes: u64 = 8_589_934_592;
        /// How many milliseconds a stopping collector waits for outstanding acknowledgements. What is not acknowledged by then stays in the spool if `on_full = "spool"`; otherwise it is counted as lost. A service manager must allow more time for a stop; `arancini.service` allows 60 s.
        drain_deadline_ms: u64 = 30_000;
        /// How the messages of a batch are written; sink `nats` only. `capnp` is Cap'n Proto, which is smaller and cheaper. `json` is JSON Lines, one object for each message, with the header `Content-Type: application/x-ndjson`. With `max_updates = 1`, each NATS message is one object.
        format: FormatKind = FormatKind::Capnp;
        /// How the payload of a batch is compressed; sink `nats` only. ClickHouse reads only uncompressed payloads (`none`). `lz4` and `zstd` are named in the `Content-Encoding` header.
        compression: CompressionKind = CompressionKind::None;
    }

    /// The sink `file`.
    file File {
        /// The directory that holds the segment files. Snapshots and the spool are stored below it too, unless they have directories of their own.
        data_dir: PathBuf = PathBuf::from("arancini-data");
        /// The size in bytes at which a segment file is closed and the next one is started.
        segment_bytes: u64 = 268_435_456;
        /// The age in seconds at which a segment file is closed, also if it is smaller. Tools that read only closed segments see an update at most this much later. 0 closes by size only.
        segment_age_s: u64 = 86_400;
        /// How many bytes of closed segments are kept of each kind of message. Beyond that, the oldest segments are removed, so that the segments can't fill the disk. 0 keeps all.
        keep_bytes: u64 = 68_719_476_736;
        /// The age in seconds at which a closed segment is removed. 0 keeps all.
        keep_age_s: u64 = 0;
        /// Whether batches are flushed to the disk (fsync) before they count as acknowledged. Without it, a power failure can lose acknowledged updates.
        fsync: bool = true;
        /// The longest time between two flushes, in milliseconds. 0 flushes after every batch.
        fsync_interval_ms: u64 = 200;
    }

    /// Snapshots of the tables. A restarted collector restores them instead of starting with empty tables. Only with the sinks `nats` and `file`.
    snapshots Snapshots {
        /// Whether snapshots are taken, and restored at the start.
        enabled: bool = true;
        /// Where snapshots are stored. `local` is a directory on this host. `nats` stores them on the servers of `nats.urls`, so that the collector can be restarted on another host. With `nats`, set `collector_name`: a collector finds its snapshots by its name.
        store: StoreKind = StoreKind::Local;
        /// The directory of the snapshots with `store = "local"`. Not set: `snapshots` in `file.data_dir`.
        directory: Option<PathBuf> = None;
        /// The name of the key-value bucket and of the object store with `store = "nats"`. Several collectors can share one bucket. `nats.create_stream` and `nats.replicas` apply to it too.
        bucket: String = "arancini-snapshots".to_owned();
        /// Milliseconds between two snapshots. After a restart, the collector reads everything published since the last snapshot, so a shorter interval makes a restart faster.
        interval_ms: u64 = 60_000;
    }

    /// The connection to NATS. Keep secrets in files or in the environment rather than in this file.
    nats Nats {
        /// The NATS servers, like `nats://192.0.2.1:4222` or `tls://192.0.2.1:4222`.
        urls: Vec<String> = Vec::new();
        /// The name of the JetStream stream.
        stream: String = "ARANCINI".to_owned();
        /// Whether the collector creates a missing stream, and missing buckets for snapshots. If not, it waits until they exist.
        create_stream: bool = true;
        /// The name of the NATS user.
        user: Option<String> = None;
        /// The password of the NATS user.
        password: Option<Secret> = None;
        /// A file that contains the password.
        password_file: Option<PathBuf> = None;
        /// An authentication token.
        token: Option<Secret> = None;
        /// A file that contains the token.
        token_file: Option<PathBuf> = None;
        /// A file that contains an NKey seed.
        nkey_seed_file: Option<PathBuf> = None;
        /// A credentials file (`.creds`) with JWT and seed.
        credentials_file: Option<PathBuf> = None;
        /// A PEM file with the certificate authorities that the server's certificate is checked against. Not set: the authorities that this host trusts.
        tls_ca_file: Option<PathBuf> = None;
        /// A PEM file with the client certificate.
        tls_cert_file: Option<PathBuf> = None;
        /// A PEM file with the private key of the client certificate.
        tls_key_file: Option<PathBuf> = None;
        /// Whether TLS starts before the server's greeting. Needed if the server is configured with `handshake_first`.
        tls_first: bool = false;
        /// Whether the collector refuses to connect to a server without TLS.
        require_tls: bool = false;
        /// Milliseconds within which a connection must be established, including TLS.
        connect_timeout_ms: u64 = 5000;
        /// The first part of the subjects on which the collector receives replies. Change it if its user may not subscribe to `_INBOX.>`.
        inbox_prefix: String = "_INBOX".to_owned();
        /// The number of replicas of the stream and of the buckets for snapshots. Used only when the collector creates them.
        replicas: u16 = 1;
        /// How many seconds the stream remembers message ids to discard duplicates; 120 is also the default of NATS. It is at most `nats.max_age_s`, to which the default is shortened. Used only when the collector creates the stream.
        duplicate_window_s: u64 = 120;
        /// The size limit of the stream, in bytes; 0 is no limit. Used only when the collector creates the stream.
        max_bytes: u64 = 0;
        /// The age in seconds at which messages are removed from the stream; 0 keeps them. Used only when the collector creates the stream.
        max_age_s: u64 = 0;
    }

    /// The HTTP port for metrics, health checks and the API (docs/api.md).
    control Control {
        /// Whether the HTTP port is open.
        enabled: bool = true;
        /// The address of the HTTP port. By default it can be reached only from this host. An address that other hosts can reach needs `token_file`, `tls_client_ca_file` or `insecure`.
        address: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        /// A file with the token that each request to `/api/v1` must carry as `Authorization: Bearer TOKEN`: at least 16 characters. `/metrics`, `/healthz` and `/readyz` need no token.
        token_file: Option<PathBuf> = None;
        /// A file with the token that each request which acts (`POST`, such as a resync) must carry, unless a client certificate may act (`tls_clients_may`). Such a token also allows to read. Without this setting, whoever may read with the token of `token_file` may act, and without that too, every process on this host.
        act_token_file: Option<PathBuf> = None;
        /// A PEM file with the certificate of the control port, with the certificates between it and its CA. If it is set, the whole port speaks HTTPS only. SIGHUP reads the file again.
        tls_cert_file: Option<PathBuf> = None;
        /// A PEM file with the private key of `tls_cert_file`. SIGHUP reads the file again.
        tls_key_file: Option<PathBuf> = None;
        /// A PEM file with the CA of client certificates. If it is set, a request to `/api/v1` must come with such a certificate, or carry a token. `/metrics`, `/healthz` and `/readyz` need neither.
        tls_client_ca_file: Option<PathBuf> = None;
        /// What a client certificate allows: `read`, or `act`, which also allows requests that act (`POST`, such as a resync).
        tls_clients_may: ClientsMay = ClientsMay::Read;
        /// Whether the API answers everybody who reaches the port, without a token.
        insecure: bool = false;
        /// Names under which the API is asked, besides IP addresses and `localhost`, without scheme and port. The API refuses requests for any other name, because foreign web pages can send them (DNS rebinding).
        host_names: Vec<String> = Vec::new();
        /// Memory for the history: the newest updates, events and malformed messages, which `/api/v1/changes`, `/api/v1/events` and `/api/v1/malformed` show. 0 keeps none, and less than 1048576 is refused. Events and malformed messages have an eighth each.
        history_bytes: usize = 64 * 1024 * 1024;
        /// The largest number of clients that are connected to `/v1/ws`, the websocket of RIS Live (docs/ris-live.md). 0 switches it off. Each client needs an open file, up to 4 MiB of memory if it reads slowly, and memory for its subscriptions: about 2 MiB for 4,096 prefixes, and up to 20 MiB if each of these subscriptions also has a long AS path.
        ris_clients: usize = 64;
        /// An address of its own for the websocket of RIS Live. If it is set, `/v1/ws` is answered there only, and nothing else is. The port has the TLS, the tokens and the host names of the control port.
        ris_address: Option<SocketAddr> = None;
    }

    /// Metrics of single routers and peers at `/metrics` (docs/metrics.md). They are gathered at each scrape, in the time that the workers have left beside the routers' messages.
    metrics DetailedMetrics {
        /// Whether `/metrics` has time series of each router: session, peers, routes by view, messages that could not be read.
        per_router: bool = false;
        /// Whether `/metrics` has time series of each peer of each router: state, routes by view, updates, the dump, and the numbers of routes that the router reports beside those held. Implies `per_router`.
        per_peer: bool = false;
        /// The largest number of these time series in one scrape. Routers come first, then peers, in the order of their addresses. The rest is left out, and `arancini_series_left_out` counts it.
        max_series: usize = 100_000;
    }

    /// The log, written to standard error.
    log Log {
        /// The format of log lines: `human`, or `json` with one JSON object per line.
        format: LogFormat = LogFormat::Human;
        /// The least severe level that is logged: `error`, `warn`, `info`, `debug`, `trace`. Or a filter such as `info,arancini=debug`, which logs `debug` only from the collector itself.
        level: String = "info".to_owned();
    }
}
