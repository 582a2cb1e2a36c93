//! A collector in this process, routers that are plain TCP clients, and a consumer that replays what was stored.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arancini_bed::control::Metrics;
pub use arancini_bed::router::{Router, router_address};
use arancini_client::StreamSource;
use arancini_client::tail::{AtEnd, Begin, SegmentTail, StreamTail, StreamTailOptions};
use arancini_collector::config::{BackendKind, Config, DriverKind, SinkKind};
use arancini_collector::ingest::backend::Backend;
use arancini_collector::ingest::backend::Driver;
use arancini_collector::{Collector, StopReport, Telemetry};
use arancini_core::{BatchKind, Now, Settings, Shard};
use arancini_generate::{Peer, Prefix, Scenario};
use arancini_schema::decode::Messages;
use arancini_schema::update_capnp::{RouterEventKind, WithdrawReason};
use tempfile::TempDir;

/// Only a collector that is broken takes longer, even in a debug build on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until the condition holds; fails the test if it never does.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < DEADLINE, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A runtime for a test that talks to NATS.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A way to receive: the kernel interface that the workers wait on, and the receive path.
#[derive(Debug, Clone, Copy)]
pub struct Ingest {
    driver: DriverKind,
    backend: BackendKind,
}

impl Ingest {
    /// Makes a collector receive in this way.
    pub fn set(self, config: &mut Config) {
        config.ingest.driver = self.driver;
        config.ingest.backend = self.backend;
    }
}

/// Runs the test once with each way to receive that this host has.
pub fn on_each_ingest(test: impl Fn(Ingest)) {
    let run = |driver, backend| {
        let ingest = Ingest { driver, backend };
        println!("with {ingest:?}");
        test(ingest);
    };
    run(DriverKind::Epoll, BackendKind::Readiness);
    if Driver::choose(DriverKind::Auto, 1) != Driver::IoUring {
        println!("skipped: no io_uring");
        return;
    }
    run(DriverKind::IoUring, BackendKind::Readiness);
    match Backend::registered_refused() {
        None => run(DriverKind::IoUring, BackendKind::Registered),
        Some(reason) => println!("skipped: no registered ring: {reason}"),
    }
}

/// A collector with the sink `file` in a directory of its own.
pub struct Rig {
    collector: Collector,
    pub telemetry: Arc<Telemetry>,
    directory: TempDir,
}

impl Rig {
    /// Starts one. Two workers, free ports; the rest is the default unless `configure` changes it.
    pub fn start(configure: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.listen.address = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        config.listen.workers = 2;
        config.listen.pin_workers = false;
        config.control.address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.publish.sink = Some(SinkKind::File);
        config.file.data_dir = directory.path().to_owned();
        configure(&mut config);
        let collector = Collector::start(&config).unwrap();
        let telemetry = Arc::clone(collector.telemetry());
        Self {
            collector,
            telemetry,
            directory,
        }
    }

    /// Where the sink `file` stores.
    pub fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Where routers connect.
    pub fn address(&self) -> SocketAddr {
        self.collector.addresses()[0]
    }

    /// Where routers connect, if there are several listeners.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.collector.addresses()
    }

    /// A connection of the router with this number.
    pub fn connect(&self, router: u8) -> Router {
        Router::connect(self.address(), router)
    }

    /// Where the control port is.
    pub fn control(&self) -> SocketAddr {
        self.collector.control_address().unwrap()
    }

    /// Where RIS Live is, if it has a port of its own.
    pub fn ris(&self) -> SocketAddr {
        self.collector.ris_address().unwrap()
    }

    /// A figure from `/metrics`, as an operator sees it: `name` or `name{label="value"}`.
    pub fn metric(&self, sample: &str) -> u64 {
        metric(self.control(), sample)
    }

    /// Waits until so many bytes were received in all, and so everything that follows from them was decided.
    pub fn received(&self, bytes: usize) {
        eventually("everything sent is received", || {
            self.telemetry.core(|core| core.received_bytes.get()) >= bytes as u64
        });
    }

    /// Waits until a figure of `/metrics` has this value.
    pub fn until_metric(&self, sample: &str, value: u64) {
        let mut last = 0;
        let since = Instant::now();
        while since.elapsed() < DEADLINE {
            last = self.metric(sample);
            if last == value {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{sample} is {last}, not {value}");
    }

    /// Stops the collector; nothing may be lost by that.
    pub fn stop(self) -> Stored {
        let directory = self.directory.path().to_owned();
        let telemetry = Arc::clone(&self.telemetry);
        let _kept = self.stop_publishing();
        let stored = Stored::from_segments(&directory);
        assert_eq!(stored.updates.len() as u64, telemetry.emitted());
        stored
    }

    /// Stops a collector with another sink; nothing may be lost by that.
    pub fn stop_publishing(self) -> TempDir {
        self.stop_within(DEADLINE)
    }

    /// The same with less patience: what is not acknowledged by then has to be safe elsewhere.
    pub fn stop_within(self, deadline: Duration) -> TempDir {
        let report = self.collector.stop(deadline);
        assert_eq!((report.lost_batches, report.lost_messages), (0, 0));
        self.directory
    }

    /// Stops the collector; what is not acknowledged by the deadline is lost, and the report counts it.
    pub fn stop_losing(self, deadline: Duration) -> StopReport {
        self.collector.stop(deadline)
    }
}

/// One update as a consumer reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    pub router: IpAddr,
    pub sequence: u64,
    pub received_ns: u64,
    pub route: Route,
    pub announced: bool,
    pub synthetic: bool,
    pub reason: WithdrawReason,
    pub fingerprint: u64,
    pub as_path: Vec<u32>,
}

/// What an update is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    pub peer: IpAddr,
    pub asn: u32,
    pub prefix: Prefix,
}

/// The begin or the end of a resync of a whole router.
#[derive(Debug, Clone, Copy)]
pub struct ResyncEvent {
    pub router: IpAddr,
    pub sequence: u64,
    pub kind: RouterEventKind,
    pub all_withdrawn: bool,
}

/// Everything that a sink stored, in its order.
#[derive(Debug, Default)]
pub struct Stored {
    pub updates: Vec<Update>,
    pub events: Vec<(IpAddr, RouterEventKind)>,
    pub resyncs: Vec<ResyncEvent>,
    pub malformed: usize,
}

/// A router's table: the AS path of each route.
pub type Table = BTreeMap<(IpAddr, Prefix), Vec<u32>>;

fn address(bytes: &[u8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap())).to_canonical()
}

impl Stored {
    pub fn from_segments(data_dir: &Path) -> Self {
        let mut stored = Self::default();
        let mut tail = SegmentTail::open(&data_dir.join("segments"), Begin::Beginning, AtEnd::Stop).unwrap();
        while let Some(message) = tail.next_present().unwrap() {
            stored.take(message.kind, &message.bytes);
        }
        stored
    }

    pub fn from_stream(url: &str) -> Self {
        runtime().block_on(async {
            let mut stored = Self::default();
            let source = StreamSource::new(vec![url.to_owned()]);
            let mut tail = StreamTail::open(source, StreamTailOptions::default())
                .await
                .unwrap();
            while let Some(message) = tail.next().await.unwrap() {
                let kind = match message.subject.split('.').nth(1) {
                    Some("updates") => BatchKind::Updates,
                    Some("routers") => BatchKind::Routers,
                    Some("peers") => BatchKind::Peers,
                    Some("malformed") => BatchKind::Malformed,
                    other => panic!("no such subject: {other:?}"),
                };
                stored.take(kind, &message.payload);
            }
            stored
        })
    }

    /// What must come of these bytes of a router, by the core alone.
    pub fn reference(router: u8, bytes: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let now = Now {
            monotonic_ns: 1,
            unix_ns: 1,
        };
        let mut stored = Self::default();
        let mut shard = Shard::new(0, Settings::default(), Arc::default());
        let session = shard.handle_connect(router_address(router), 1, now);
        for chunk in bytes {
            shard.handle_all_bytes(session, &chunk, now).unwrap();
        }
        shard.handle_flush(now);
        while let Some(batch) = shard.poll_batch() {
            stored.take(batch.kind, &batch.payload);
        }
        stored
    }

    /// Takes a payload: messages back to back.
    pub fn take(&mut self, kind: BatchKind, payload: &[u8]) {
        for message in Messages::new(payload) {
            let message = message.unwrap();
            match kind {
                BatchKind::Updates => {
                    let update = message.update().unwrap();
                    let prefix = Prefix {
                        address: address(update.get_prefix_addr().unwrap()),
                        length: update.get_prefix_len(),
                    };
                    self.updates.push(Update {
                        router: address(update.get_router_addr().unwrap()),
                        sequence: update.get_sequence(),
                        received_ns: update.get_time_received_ns(),
                        route: Route {
                            peer: address(update.get_peer_addr().unwrap()),
                            asn: update.get_peer_asn(),
                            prefix,
                        },
                        announced: update.get_announced(),
                        synthetic: update.get_synthetic(),
                        reason: update.get_withdraw_reason().unwrap(),
                        fingerprint: update.get_attribute_fingerprint(),
                        as_path: update.get_as_path().unwrap().iter().collect(),
                    });
                }
                BatchKind::Routers => {
                    let event = message.router_event().unwrap();
                    let router = address(event.get_router_addr().unwrap());
                    let kind = event.get_kind().unwrap();
                    self.events.push((router, kind));
                    if matches!(kind, RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd) {
                        self.resyncs.push(ResyncEvent {
                            router,
                            sequence: event.get_sequence(),
                            kind,
                            all_withdrawn: event.get_all_withdrawn(),
                        });
                    }
                }
                BatchKind::Malformed => self.malformed += 1,
                BatchKind::Peers | BatchKind::Statistics => {}
            }
        }
    }

    /// A router's updates by their sequence numbers.
    pub fn of(&self, router: u8) -> Vec<&Update> {
        let router = router_address(router);
        let mut updates: Vec<_> = self
            .updates
            .iter()
            .filter(|update| update.router == router)
            .collect();
        updates.sort_by_key(|update| update.sequence);
        updates
    }

    /// Replays everything as a consumer does. Fails where an update says what the consumer knows already, where a
    /// withdraw has nothing to withdraw, where an update comes twice, and where a subject is out of order.
    pub fn tables(&self) -> BTreeMap<IpAddr, Table> {
        let mut tables: BTreeMap<IpAddr, BTreeMap<&Route, &Update>> = BTreeMap::new();
        let mut sequences: HashMap<(IpAddr, u32, bool), u64> = HashMap::new();
        for update in &self.updates {
            let route = &update.route;
            let subject = (update.router, route.asn, route.prefix.address.is_ipv4());
            let before = sequences.insert(subject, update.sequence);
            assert!(before < Some(update.sequence), "out of order: {update:?}");
            let table = tables.entry(update.router).or_default();
            if update.announced {
                let before = table.insert(route, update);
                assert!(
                    before.is_none_or(|before| before.fingerprint != update.fingerprint),
                    "announced twice: {update:?}"
                );
            } else {
                assert!(
                    table.remove(route).is_some(),
                    "withdrawn but not there: {update:?}"
                );
            }
        }
        let by_route = |table: BTreeMap<&Route, &Update>| {
            table
                .into_iter()
                .map(|(route, update)| ((route.peer, route.prefix), update.as_path.clone()))
                .collect()
        };
        tables
            .into_iter()
            .map(|(router, table)| (router, by_route(table)))
            .collect()
    }

    /// The table a consumer ends with.
    pub fn table(&self, router: u8) -> Table {
        self.tables().remove(&router_address(router)).unwrap_or_default()
    }

    /// What happened to a router, in order.
    pub fn events_of(&self, router: u8) -> Vec<RouterEventKind> {
        let router = router_address(router);
        self.events
            .iter()
            .filter(|(of, _)| *of == router)
            .map(|(_, kind)| *kind)
            .collect()
    }
}

/// The table that a router with this scenario has at its end.
pub fn table_of(scenario: &Scenario) -> Table {
    let routes = scenario.expected().routes.into_iter();
    routes
        .map(|route| ((route.peer, route.prefix), route.attributes.as_path.clone()))
        .collect()
}

/// A scenario of a size for debug builds.
pub fn small(seed: u64) -> Scenario {
    Scenario {
        peers: 2,
        prefixes_per_peer: 300,
        prefixes_per_update: 10,
        seed,
        ..Scenario::default()
    }
}

/// A peer for messages made one by one.
pub fn peer(number: u8) -> Peer {
    let address = Ipv4Addr::new(192, 0, 2, number);
    Peer::new(address.into(), 64_500 + u32::from(number), address)
}

/// What the control port answers.
pub fn get(control: SocketAddr, path: &str) -> (u16, String) {
    let answer = arancini_bed::control::get(control, path, DEADLINE).unwrap();
    (answer.status, answer.body)
}

/// A sample of `/metrics`, without the prefix of all names.
pub fn metric(control: SocketAddr, sample: &str) -> u64 {
    let (status, body) = get(control, "/metrics");
    assert_eq!(status, 200);
    let value = Metrics::new(body.clone()).sample(sample);
    value.unwrap_or_else(|| panic!("no metric {sample} in:\n{body}"))
}
