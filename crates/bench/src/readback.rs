//! Reads a stream back from its beginning, and records the acknowledgements that the server sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arancini_client::Acknowledgements;
use arancini_client::tail::{PublishedMessage, StreamTail, StreamTailError, StreamTailOptions};

use crate::broker::Broker;
use crate::error::BenchError;

/// How often the listening thread checks whether it should stop.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Passes every message of the stream to `each`, in order.
pub(crate) fn read_back(
    broker: &Broker,
    mut each: impl FnMut(&PublishedMessage) -> Result<(), BenchError>,
) -> Result<(), BenchError> {
    let wrong = |error: &dyn std::fmt::Display| BenchError::Stream(error.to_string());
    runtime()?.block_on(async {
        let tail = StreamTail::open(broker.settings().source(), StreamTailOptions::default()).await;
        let mut tail = tail.map_err(|trouble| wrong(&trouble))?;
        while let Some(message) = tail
            .next()
            .await
            .map_err(|error: StreamTailError| wrong(&error))?
        {
            each(&message)?;
        }
        Ok(())
    })
}

/// Records the acknowledgements that the server sends to the collector, on a thread of its own.
pub(crate) struct RecordedAcks {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(u64, u64)>>,
}

impl RecordedAcks {
    /// Starts recording.
    pub(crate) fn begin(broker: &Broker) -> Result<Self, BenchError> {
        let runtime = runtime()?;
        let settings = broker.settings();
        let mut acknowledgements = runtime
            .block_on(Acknowledgements::listen(&settings.server))
            .map_err(|trouble| BenchError::Stream(trouble.to_string()))?;
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let mut heard = Vec::new();
                while !is_over.load(Relaxed) {
                    match tokio::time::timeout(CHECK_INTERVAL, acknowledgements.next()).await {
                        Ok(Some(sequence)) => heard.push((sequence, unix_ns())),
                        Ok(None) => break,
                        Err(_) => {}
                    }
                }
                heard
            })
        });
        Ok(Self { over, thread })
    }

    /// Stops recording. Returns the acknowledged stream sequences in order, each with the time at which its acknowledgement
    /// arrived, in nanoseconds since the Unix epoch.
    pub(crate) fn end(self) -> Vec<(u64, u64)> {
        self.over.store(true, Relaxed);
        let mut heard = self
            .thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        heard.sort_unstable();
        heard
    }
}

/// Returns the wall-clock time in nanoseconds since the Unix epoch. Collector and server use the same clock.
pub(crate) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::io("can't start a runtime"))
}
