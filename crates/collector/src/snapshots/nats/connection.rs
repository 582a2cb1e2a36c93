//! A connection to the buckets of snapshots, for threads that block.
//!
//! async-nats needs Tokio, but the snapshot thread is a plain thread. So each connection has a runtime of its own. The thread
//! that waits for an answer drives the runtime, and the runtime ends with the connection. No wait lasts longer than the
//! deadline of a stopping collector.

use std::io;
use std::time::Instant;

use arancini_publish::NatsSettings;
use arancini_publish::nats::bucket::{BucketError, IfMissing, SnapshotBucket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// What a store may do with the buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read snapshots.
    Read,
    /// Read and write snapshots, and create missing buckets if the settings allow it.
    Write,
}

/// A connection to the buckets, with its runtime.
pub struct BucketConnection {
    /// The buckets.
    pub bucket: SnapshotBucket,
    runtime: Option<Runtime>,
    deadline: Deadline,
}

/// The time at which all waiting ends, once it is set.
#[derive(Clone)]
pub struct Deadline(watch::Receiver<Option<Instant>>);

impl Deadline {
    /// Makes a deadline that is not set yet, with the sender that sets it.
    #[must_use]
    pub fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (set, deadline) = watch::channel(None);
        (set, Self(deadline))
    }

    /// Returns when the deadline has passed.
    async fn passed(mut self) {
        loop {
            let deadline = *self.0.borrow_and_update();
            let passed = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                // The deadline was set again. The sender is gone only when the store is gone.
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl BucketConnection {
    /// Connects to the buckets.
    ///
    /// # Errors
    /// Fails if the broker can't be reached or refuses, or if the deadline passes.
    pub fn open(
        settings: &NatsSettings,
        bucket: &str,
        collector: &str,
        access: Access,
        deadline: Deadline,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let opened = async {
            let if_missing = match access {
                Access::Read => IfMissing::Fail,
                Access::Write => IfMissing::Create,
            };
            let open = SnapshotBucket::open(settings, bucket, collector, if_missing);
            open.await.map_err(BucketError::from)
        };
        let bucket = match runtime.block_on(before(deadline.clone(), opened)) {
            Ok(bucket) => bucket,
            Err(error) => {
                // A pending name lookup must not delay the caller.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        Ok(Self {
            bucket,
            runtime: Some(runtime),
            deadline,
        })
    }

    /// Waits for an answer. Several threads may wait at the same time.
    ///
    /// # Errors
    /// Returns the error of the answer, or an error of kind `TimedOut` if the deadline passes.
    pub fn wait<T>(&self, answer: impl Future<Output = Result<T, BucketError>>) -> io::Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(before(self.deadline.clone(), answer)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Drop for BucketConnection {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits for an answer until the deadline.
async fn before<T>(
    deadline: Deadline,
    answer: impl Future<Output = Result<T, BucketError>>,
) -> io::Result<T> {
    tokio::select! {
        answer = answer => answer.map_err(|error| match error {
            BucketError::Trouble(trouble) => io::Error::new(io::ErrorKind::NotConnected, trouble.to_string()),
            BucketError::Damaged(what) => io::Error::new(io::ErrorKind::InvalidData, what),
        }),
        () = deadline.passed() => Err(io::Error::new(io::ErrorKind::TimedOut, "the collector is stopping")),
    }
}
