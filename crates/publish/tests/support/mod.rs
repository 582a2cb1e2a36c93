//! Batches to publish, and what a reader of the stream finds.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_client::records::Records;
use arancini_client::tail::{PublishedMessage, StreamTail, StreamTailOptions};
use arancini_client::{Compression, PayloadForm};
use arancini_core::{Batch, BatchKind};
use arancini_publish::{Acked, Hooks, NatsSettings, Sidecar, SidecarSettings, SinkSettings, SinkStatus};
use arancini_schema::decode::Messages;

/// Longest wait of a test before it fails; long enough for the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a record of `words` words that begins with its sequence number.
pub fn message(sequence: u64, words: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0];
    bytes.extend(words.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.resize(8 + words as usize * 8, 0xab);
    bytes
}

/// Makes a whole update of a route with its sequence number and an AS path of `length`, which does not compress.
pub fn update(sequence: u64, length: u32) -> Vec<u8> {
    let address = |octets: [u8; 4]| Ipv4Addr::from(octets).to_ipv6_mapped().octets();
    let mut message = capnp::message::Builder::new_default();
    let mut update = message.init_root::<arancini_schema::update_capnp::update::Builder<'_>>();
    update.set_sequence(sequence);
    update.set_router_addr(&address([192, 0, 2, 1]));
    update.set_peer_addr(&address([192, 0, 2, 2]));
    update.set_prefix_addr(&address([198, 51, 100, sequence as u8]));
    update.set_prefix_len(32);
    update.set_afi(1);
    update.set_safi(1);
    update.set_announced(true);
    let mut path = update.init_as_path(length);
    let mut random = sequence;
    for at in 0..length {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        path.set(at, (random >> 32) as u32);
    }
    capnp::serialize::write_message_to_words(&message)
}

/// Returns the sequence numbers in a payload, of records that [`message`] or [`update`] has made.
pub fn sequences(payload: &[u8]) -> Vec<u64> {
    let of_record = |record: &[u8]| {
        let first = u64::from_le_bytes(record[8..16].try_into().unwrap());
        // The first word of an update is the pointer to its struct, whose size is in the upper half.
        if first <= u64::from(u32::MAX) {
            return first;
        }
        let message = Messages::new(record).next().unwrap().unwrap();
        message.update().unwrap().get_sequence()
    };
    Records::new(payload)
        .map(|record| of_record(record.unwrap()))
        .collect()
}

/// Makes batches of a few subjects with rising sequences, as a worker does.
pub struct Worker {
    pub id: u16,
    pub number: u64,
    pub sequence: u64,
    pub subjects: Vec<Arc<str>>,
    pub per_batch: u32,
    pub words: u32,
    /// Makes a record of a sequence number and `words`.
    pub record: fn(u64, u32) -> Vec<u8>,
}

impl Worker {
    pub fn new(id: u16, subjects: usize) -> Self {
        let subjects =
            (0..subjects).map(|peer| format!("arancini.updates.v4_192_0_2_{id}.{peer}.1_1").into());
        Self {
            id,
            number: 0,
            sequence: 0,
            subjects: subjects.collect(),
            per_batch: 3,
            words: 4,
            record: message,
        }
    }

    pub fn batch(&mut self) -> Batch {
        self.number += 1;
        let first_sequence = self.sequence + 1;
        let mut payload = Vec::new();
        for _ in 0..self.per_batch {
            self.sequence += 1;
            payload.extend((self.record)(self.sequence, self.words));
        }
        Batch {
            kind: BatchKind::Updates,
            subject: Arc::clone(&self.subjects[self.number as usize % self.subjects.len()]),
            router: IpAddr::from([192, 0, 2, self.id as u8]),
            payload,
            messages: self.per_batch,
            first_sequence,
            last_sequence: self.sequence,
            worker: self.id,
            number: self.number,
        }
    }
}

/// Settings of a test with this broker.
pub fn settings(server: &NatsServer) -> NatsSettings {
    let mut settings = NatsSettings::new(vec![server.url()]);
    settings.max_backoff = Duration::from_millis(400);
    settings
}

/// Publishes in this form while the broker is killed again and again, each time with a full window, and asserts that nothing is lost,
/// doubled or reordered.
pub fn kill_in_mid_publish(form: PayloadForm, rounds: u64, mut worker: Worker) {
    const WINDOW: u64 = 256;
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let mut settings = settings(&server);
    settings.window.max_messages = WINDOW as usize;
    let rig = Rig::of_form(SinkSettings::Nats(Box::new(settings.clone())), form);
    let bridge = rig.bridge.clone();
    let enough = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&enough);
    let sender = std::thread::spawn(move || {
        while !stop.load(Relaxed) {
            bridge.send(worker.batch()).unwrap();
        }
        worker
    });
    for round in 1..=rounds {
        rig.until_acknowledged(round * 300);
        // Messages to a stopped server are neither stored nor acknowledged when it is killed.
        server.stop();
        rig.until("the window is full", |status| {
            status.window_messages.load(Relaxed) == WINDOW
        });
        server.kill();
        server.restart();
    }
    rig.until_acknowledged((rounds + 1) * 300);
    enough.store(true, Relaxed);
    let worker = sender.join().unwrap();
    rig.until_acknowledged(worker.number);
    assert!(rig.status.disconnects.load(Relaxed) >= rounds);
    assert!(rig.status.resent.load(Relaxed) > 0);
    assert_whole(&settings, &[worker]);
}

pub struct Rig {
    pub sidecar: Sidecar,
    pub bridge: kanal::Sender<Batch>,
    pub status: Arc<SinkStatus>,
    pub acked: kanal::Receiver<Acked>,
    pub recycled: kanal::Receiver<Vec<u8>>,
    pub set_aside: kanal::Receiver<Arc<Batch>>,
    losses: kanal::Receiver<Loss>,
}

/// What the stream has lost.
#[derive(Debug, PartialEq, Eq)]
pub enum Loss {
    Routers(Vec<IpAddr>),
    Everything,
}

impl Rig {
    pub fn new(sink: SinkSettings) -> Self {
        Self::of_form(sink, PayloadForm::default())
    }

    pub fn compressed(sink: SinkSettings, compression: Compression) -> Self {
        Self::of_form(sink, PayloadForm::compressed(compression))
    }

    pub fn of_form(sink: SinkSettings, form: PayloadForm) -> Self {
        Self::with(SidecarSettings {
            form,
            ..SidecarSettings::new(sink)
        })
    }

    pub fn with(settings: SidecarSettings) -> Self {
        let (bridge, input) = kanal::bounded(16);
        let (acked_sender, acked) = kanal::unbounded();
        let (recycle, recycled) = kanal::unbounded();
        let (aside, set_aside) = kanal::unbounded();
        let (loss, losses) = kanal::unbounded();
        let everything = loss.clone();
        let status = Arc::new(SinkStatus::default());
        let hooks = Hooks {
            acked: Some(Arc::new(move |acked| drop(acked_sender.send(acked)))),
            set_aside: Some(Arc::new(move |batch| drop(aside.send(batch)))),
            routers_are_lost: Some(Arc::new(move |routers| {
                drop(loss.send(Loss::Routers(routers)));
            })),
            stream_is_emptied: Some(Arc::new(move || drop(everything.send(Loss::Everything)))),
            recycle: Some(Arc::new(move |buffer| drop(recycle.send(buffer)))),
            ..Hooks::default()
        };
        let sidecar = Sidecar::spawn(settings, input, Arc::clone(&status), hooks).unwrap();
        Self {
            sidecar,
            bridge,
            status,
            acked,
            recycled,
            set_aside,
            losses,
        }
    }

    /// Takes the losses that were reported so far.
    pub fn losses(&self) -> Vec<Loss> {
        let mut all = Vec::new();
        let _ = self.losses.drain_into(&mut all);
        all
    }

    pub fn nats(settings: NatsSettings) -> Self {
        Self::new(SinkSettings::Nats(Box::new(settings)))
    }

    /// Waits until this is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&SinkStatus) -> bool) {
        until(what, || is_so(&self.status), || format!("{:?}", self.status));
    }

    pub fn until_acknowledged(&self, batches: u64) {
        self.until("acknowledged", |status| {
            status.batches_acknowledged.load(Relaxed) >= batches
        });
    }

    /// Closes the bridge and drains.
    pub fn finish(self) -> arancini_publish::DrainReport {
        drop(self.bridge);
        self.sidecar.drain(PATIENCE)
    }
}

/// Runs a future that talks to NATS to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Polls until it is so. Polling is not timing: only a hang fails.
pub fn until(what: &str, is_so: impl Fn() -> bool, show: impl Fn() -> String) {
    let since = Instant::now();
    while !is_so() {
        assert!(
            since.elapsed() < PATIENCE,
            "waited in vain until {what}: {}",
            show()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All that the stream holds.
pub fn read_all(settings: &NatsSettings) -> Vec<PublishedMessage> {
    run(async {
        let mut tail = StreamTail::open(settings.source(), StreamTailOptions::default())
            .await
            .unwrap();
        let mut all = Vec::new();
        while let Some(message) = tail.next().await.unwrap() {
            all.push(message);
        }
        all
    })
}

/// Asserts that per subject the stream holds exactly the workers' sequences, in order: nothing lost, doubled or
/// reordered.
pub fn assert_whole(settings: &NatsSettings, workers: &[Worker]) {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in read_all(settings) {
        found
            .entry(message.subject.clone())
            .or_default()
            .extend(sequences(&message.payload));
    }
    let mut wanted: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for worker in workers {
        for number in 1..=worker.number {
            let subject = &worker.subjects[number as usize % worker.subjects.len()];
            let last = number * u64::from(worker.per_batch);
            let batch = last - u64::from(worker.per_batch) + 1..=last;
            wanted.entry(subject.to_string()).or_default().extend(batch);
        }
    }
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        wanted.keys().collect::<Vec<_>>()
    );
    for (subject, sequences) in &wanted {
        let found = &found[subject];
        let differs = found
            .iter()
            .zip(sequences)
            .position(|(found, wanted)| found != wanted);
        let around = differs.map(|at| (at, &found[at.saturating_sub(3)..(at + 3).min(found.len())]));
        assert_eq!((around, found.len()), (None, sequences.len()), "{subject}");
    }
}
