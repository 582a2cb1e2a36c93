//! A witness beside each attack: how long the broker takes to acknowledge a message that passes no collector, and how long a
//! short loop appears to compute.
//!
//! Collector, broker, attacker and consumer share the machine. An attack that keeps the broker busy makes everybody's messages
//! late, and a host that takes the processor away from a virtual machine makes everybody's turns long: that time counts as CPU
//! time of whatever runs. The witness shows how much of a row is not the collector's.

use std::hint::black_box;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use rustix::time::{ClockId, clock_gettime};

use super::spread::percentile;

/// Time between two messages to the broker.
const EVERY: Duration = Duration::from_millis(2);
/// Time between two loops.
const LOOP_EVERY: Duration = Duration::from_micros(500);
/// Size of a message, about that of an update.
const MESSAGE_BYTES: usize = 300;
/// What a loop computes: some 0.1 ms.
const LOOP_ROUNDS: u64 = 100_000;
/// Datagrams that a loop sends to itself.
const DATAGRAMS: u64 = 8;
/// The stream of the witness.
const STREAM: &str = "WITNESS";

/// A witness at work. Dropping the value stops it.
#[derive(Debug)]
pub struct Witness {
    stop: Arc<AtomicBool>,
    messages: JoinHandle<io::Result<Vec<Duration>>>,
    loops: JoinHandle<io::Result<Vec<Duration>>>,
}

/// What a witness saw.
#[derive(Debug, Clone, Copy, Default)]
pub struct Witnessed {
    /// 99th percentile of the time until the broker acknowledged a message.
    pub broker_p99: Duration,
    /// By how much the CPU time of the longest loop exceeded that of the median one.
    pub noise: Duration,
}

impl Witness {
    /// Begins to publish and to compute.
    pub fn start(broker: String) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let messages = {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || publish(broker, &stop))
        };
        let loops = {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || compute(&stop))
        };
        Self {
            stop,
            messages,
            loops,
        }
    }

    /// Ends the witness and returns what it saw.
    ///
    /// # Errors
    /// The broker can't be reached or refuses the stream of the witness.
    pub fn end(self) -> io::Result<Witnessed> {
        self.stop.store(true, Relaxed);
        let died = |_| io::Error::other("the witness panicked");
        let mut messages = self.messages.join().map_err(died)??;
        let mut loops = self.loops.join().map_err(died)??;
        messages.sort_unstable();
        loops.sort_unstable();
        Ok(Witnessed {
            broker_p99: percentile(&messages, 0.99),
            noise: percentile(&loops, 1.0).saturating_sub(percentile(&loops, 0.5)),
        })
    }
}

/// Publishes a message every [`EVERY`]. Returns the times until the acknowledgements. Messages that are not acknowledged when
/// the witness ends count with the time until then.
fn publish(broker: String, stop: &AtomicBool) -> io::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = async_nats::connect(broker).await.map_err(io::Error::other)?;
        let context = jetstream::new(client);
        let config = jetstream::stream::Config {
            name: STREAM.to_owned(),
            subjects: vec!["witness".to_owned()],
            ..jetstream::stream::Config::default()
        };
        context.create_stream(config).await.map_err(io::Error::other)?;
        let times = Arc::<Mutex<Vec<Duration>>>::default();
        let under_way = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        while !stop.load(Relaxed) {
            let begin = Instant::now();
            let acknowledged = context.publish("witness", vec![0; MESSAGE_BYTES].into()).await;
            let acknowledged = acknowledged.map_err(io::Error::other)?;
            let (times, under_way) = (Arc::clone(&times), Arc::clone(&under_way));
            under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(begin);
            tasks.spawn(async move {
                if acknowledged.await.is_ok() {
                    times
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(begin.elapsed());
                    under_way
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .retain(|other| *other != begin);
                }
            });
            tokio::time::sleep(EVERY).await;
        }
        tasks.abort_all();
        let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
        let under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
        times.extend(under_way.iter().map(Instant::elapsed));
        Ok(times)
    })
}

/// Does the same every [`LOOP_EVERY`]: computes, and sends datagrams to itself. Returns how much CPU time each loop used.
///
/// The datagrams are what makes the loop like a turn of a worker: the kernel handles packets of all processes on the way out of
/// a system call, on the CPU time of the thread that made it.
fn compute(stop: &AtomicBool) -> io::Result<Vec<Duration>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut times = Vec::new();
    while !stop.load(Relaxed) {
        let before = thread_cpu_time();
        for _ in 0..DATAGRAMS {
            (0..LOOP_ROUNDS / DATAGRAMS).for_each(|round| {
                black_box(round);
            });
            socket.send(&[0])?;
            let _ = socket.recv(&mut [0]);
        }
        times.push(thread_cpu_time().saturating_sub(before));
        std::thread::sleep(LOOP_EVERY);
    }
    Ok(times)
}

fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
