//! A worker without its thread and its tasks, for tests that call its parts themselves.

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arancini_core::{Batch, BatchSettings, Settings, Shard};
use arancini_generate::Scenario;
use monoio::{LegacyDriver, RuntimeBuilder};
use socket2::SockRef;

use crate::config::{Config, Identities, Identity, IdentityKind, IpPrefix, Limits, SameIdentity};
use crate::ingest::arrive::admit::Admission;
use crate::ingest::arrive::arriving::Arriving;
use crate::ingest::arrive::claim::{Claimed, claim};
use crate::ingest::arrive::entrance::{ARRIVALS_PER_TURN, Entrance};
use crate::ingest::arrive::identify::identify;
use crate::ingest::arrive::listen::Accepted;
use crate::ingest::arrive::local_owners::LocalOwners;
use crate::ingest::arrive::owners::Owners;
use crate::ingest::arrive::waiting::Waiting;
use crate::ingest::backend::{Backend, Driver};
use crate::ingest::connection::Connection;
use crate::ingest::context::WorkerContext;
use crate::ingest::counters::WorkerCounters;
use crate::ingest::idle_moment::IdleMoment;
use crate::ingest::index::WorkerIndex;
use crate::ingest::lane::Lane;
use crate::ingest::outlet::{Outlet, WhenFull};
use crate::ingest::receiver::Receiver;
use crate::ingest::sessions::OpenSessions;
use crate::ingest::unfinished::Unfinished;

/// A worker without its thread and its tasks: what lies between a socket and the bridge.
pub struct Way {
    pub sessions: Rc<OpenSessions>,
    pub owners: Arc<dyn Owners>,
    pub bridge_out: kanal::Receiver<Batch>,
    _used_buffers: kanal::Sender<Vec<u8>>,
    /// Batches that came over the bridge.
    pub delivered: u64,
}

/// Counters of a way at one moment.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    pub receive_calls: u64,
    pub received_bytes: u64,
}

impl Way {
    /// The budget of the worker for unfinished messages.
    pub const UNFINISHED_BYTES: usize = 256 * 1024;

    /// A worker with a bridge of this length.
    pub fn new(bridge_batches: usize) -> Self {
        Self::with_turns(bridge_batches, Settings::TURN_WORK)
    }

    /// A worker whose turns have this much work.
    pub fn with_turns(bridge_batches: usize, turn_work: u64) -> Self {
        let settings = Settings {
            batch: BatchSettings {
                max_messages: 20,
                ..BatchSettings::default()
            },
            turn_work,
            ..Settings::default()
        };
        let counters = Arc::new(WorkerCounters::default());
        let shard = Shard::new(0, settings, Arc::clone(&counters.core));
        let (bridge, bridge_out) = kanal::bounded(bridge_batches);
        let (return_buffer, used_buffers) = kanal::bounded(1);
        let outlet = Outlet::new(bridge, used_buffers, WhenFull::Wait);
        let unfinished = Unfinished::with_budget(Self::UNFINISHED_BYTES);
        let lane = Rc::new(Lane::new(
            WorkerIndex::new(0),
            counters,
            shard,
            outlet,
            unfinished,
        ));
        Self {
            sessions: Rc::new(OpenSessions::new(lane, SameIdentity::Replace)),
            owners: LocalOwners::new(1),
            bridge_out,
            _used_buffers: return_buffer,
            delivered: 0,
        }
    }

    pub fn lane(&self) -> &Rc<Lane> {
        &self.sessions.lane
    }

    /// A router's socket with its session on this worker. All routers have one address, so `router` makes them several.
    pub fn connect(&self, router: u8) -> (TcpStream, Rc<Connection>) {
        let admission = Admission::new(&Limits::default());
        let (client, claimed) = self.arriving(&admission, router);
        (client, self.sessions.open(claimed.watch().unwrap()).unwrap())
    }

    /// A router's socket, and the other end of its connection on the way to a session.
    pub fn arriving(&self, admission: &Arc<Admission>, router: u8) -> (TcpStream, Arriving<Claimed>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        SockRef::from(&listener).set_recv_buffer_size(1 << 20).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        SockRef::from(&client).set_send_buffer_size(1 << 20).unwrap();
        // A write that never ends would be a fault of the test.
        client.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
        let (stream, remote) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let accepted = Arriving {
            stream,
            remote,
            known: Accepted {
                identified_by: IdentityKind::Address,
            },
        };
        let admitted = admission.admit(accepted).unwrap();
        let identity = Identity {
            address: Some([192, 0, 2, router].into()),
            ..Identity::default()
        };
        let identity = Identities {
            by_address: [(IpPrefix::host(remote.ip()), identity)].into(),
            ..Identities::default()
        };
        let counters = [Arc::clone(&self.lane().counters)];
        let claimed = claim(identify(admitted, &identity), &self.owners, &counters);
        (client, claimed)
    }

    /// The stages before a session, on this worker.
    pub fn entrance(&self, backend: Backend) -> Rc<Entrance> {
        let config = Config::default();
        let (_, used_buffers) = kanal::bounded(1);
        let receiver = Receiver::new(backend, Driver::Epoll, &config.ingest).unwrap();
        let context = WorkerContext {
            core: Settings::default(),
            backend,
            driver: Driver::Epoll,
            admission: Admission::new(&config.limits),
            owners: Arc::clone(&self.owners),
            counters: vec![Arc::clone(&self.lane().counters)],
            mailboxes: Vec::new(),
            used_buffers,
            config,
        };
        let lane = Rc::clone(self.lane());
        let doorman = Rc::clone(&lane);
        monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
        let gatekeeper = Rc::clone(&lane);
        monoio::spawn(async move {
            gatekeeper
                .gate
                .admit(ARRIVALS_PER_TURN, &gatekeeper.turnstile)
                .await;
        });
        receiver.start(&self.sessions);
        Rc::new(Entrance {
            context: Arc::new(context),
            relayed: Waiting::for_headers(Rc::clone(&lane)),
            naming: Waiting::for_names(Rc::clone(&lane)),
            waiting: Waiting::for_messages(lane),
            sessions: Rc::clone(&self.sessions),
            receiver: Rc::new(receiver),
        })
    }

    /// Bytes of the whole messages that the core has taken of a session.
    pub fn taken(&self, connection: &Connection) -> u64 {
        let progress = self.lane().shard.borrow().progress(connection.session);
        progress.map_or(0, |(whole_bytes, _)| whole_bytes)
    }

    pub fn counted(&self) -> Counted {
        let counters = &self.lane().counters;
        Counted {
            receive_calls: counters.receive_calls.get(),
            received_bytes: counters.core.received_bytes.get(),
        }
    }

    /// Checks that every batch closed so far is on the bridge, and takes the batches from there.
    pub fn everything_is_on_the_bridge(&mut self) {
        assert_eq!(self.lane().shard.borrow().closed_batch_bytes(), 0);
        while let Ok(Some(_)) = self.bridge_out.try_recv() {
            self.delivered += 1;
        }
        assert_eq!(self.delivered, self.lane().counters.core.batches.get());
    }
}

/// A router with many updates.
pub fn scenario(seed: u64) -> Scenario {
    Scenario {
        peers: 1,
        prefixes_per_peer: 8000,
        prefixes_per_update: 4,
        seed,
        ..Scenario::default()
    }
}

/// A stream of updates, many slots long.
pub fn stream(seed: u64) -> Vec<u8> {
    scenario(seed).to_bytes()
}

pub fn on_a_runtime<R>(test: impl Future<Output = R>) -> R {
    let mut runtime = RuntimeBuilder::<LegacyDriver>::new()
        .enable_timer()
        .build()
        .unwrap();
    runtime.block_on(test)
}

pub fn has_registered_ring() -> bool {
    let refused = Backend::registered_refused();
    if let Some(reason) = &refused {
        println!("skipped: no registered ring: {reason}");
    }
    refused.is_none()
}
