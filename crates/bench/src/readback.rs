//! What a stream holds, read back from its beginning, and what came to a client meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arancini_client::Acknowledgements;
use arancini_client::tail::{PublishedMessage, StreamTail, StreamTailError, StreamTailOptions};

use crate::broker::Broker;
use crate::error::BenchError;

/// How often whoever listens looks whether that is over.
const LOOK: Duration = Duration::from_millis(50);

/// Hands out every message of the stream, in order.
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

/// Overhears acknowledgements, on a thread of its own.
pub(crate) struct Overheard {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(u64, u64)>>,
}

impl Overheard {
    /// From now on.
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
                    match tokio::time::timeout(LOOK, acknowledgements.next()).await {
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

    /// What was heard: stream sequences, each with when its acknowledgement came, in Unix nanoseconds; sorted.
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

/// The wall clock: the one that collector and server go by.
pub(crate) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::io("no runtime"))
}
