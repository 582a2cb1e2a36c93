//! One connection to the buckets, for threads that wait.
//!
//! async-nats needs Tokio, the snapshots' thread is a plain one. So a connection comes with a runtime of its own, which is
//! driven by whoever waits for an answer, and ends with it. Nothing is waited for longer than the collector may take to stop.

use std::io;
use std::time::Instant;

use arancini_publish::NatsSettings;
use arancini_publish::nats::bucket::{BucketError, IfMissing, SnapshotBucket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// A connection that lives as long as this.
pub struct Session {
    /// The buckets.
    pub bucket: SnapshotBucket,
    runtime: Option<Runtime>,
    end: End,
}

/// When all waiting ends, once that is said.
#[derive(Clone)]
pub struct End(watch::Receiver<Option<Instant>>);

impl End {
    /// The one who says it, and those who wait.
    #[must_use]
    pub fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (say, end) = watch::channel(None);
        (say, Self(end))
    }

    async fn come(mut self) {
        loop {
            let end = *self.0.borrow_and_update();
            let passed = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                // Said anew. Nobody can say it any more only when the store is gone.
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// The broker can't be reached or refuses, or the end came.
    pub fn open(
        settings: &NatsSettings,
        bucket: &str,
        collector: &str,
        make: bool,
        end: End,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let opened = async {
            let if_missing = if make { IfMissing::Create } else { IfMissing::Fail };
            let open = SnapshotBucket::open(settings, bucket, collector, if_missing);
            open.await.map_err(BucketError::from)
        };
        let bucket = match runtime.block_on(before(end.clone(), opened)) {
            Ok(bucket) => bucket,
            Err(error) => {
                // A name that still resolves must not hold up anybody.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        Ok(Self {
            bucket,
            runtime: Some(runtime),
            end,
        })
    }

    /// Waits for an answer; several threads may.
    ///
    /// # Errors
    /// What the answer says, or the end came.
    pub fn wait<T>(&self, answer: impl Future<Output = Result<T, BucketError>>) -> io::Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(before(self.end.clone(), answer)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn before<T>(end: End, answer: impl Future<Output = Result<T, BucketError>>) -> io::Result<T> {
    tokio::select! {
        answer = answer => answer.map_err(|error| match error {
            BucketError::Trouble(trouble) => io::Error::new(io::ErrorKind::NotConnected, trouble.to_string()),
            BucketError::Damaged(what) => io::Error::new(io::ErrorKind::InvalidData, what),
        }),
        () = end.come() => Err(io::Error::new(io::ErrorKind::TimedOut, "the collector stops")),
    }
}
