//! The sidecar: one named thread with its own Tokio runtime that moves batches from the bridge into the sink.
//!
//! The thread lives until [`Sidecar::drain`]. If it dies, the process ends with exit code 70: a collector that went on
//! curating while nobody publishes would lie to its consumers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use arancini_client::{Compression, Format};
use arancini_core::Batch;
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tracing::error;

use crate::hooks::{EXIT_SIDECAR_DIED, Hooks};
use crate::names::is_collector_name;
use crate::settings::{OnFull, SidecarSettings, SinkSettings};
use crate::status::SinkStatus;
use crate::{nats, sink, spool};

/// Why the sidecar cannot start.
#[derive(Debug, Error)]
pub enum SidecarError {
    /// The thread or its runtime cannot be created.
    #[error("can't start the sidecar thread: {0}; check the limits on threads and open files")]
    Start(#[from] std::io::Error),
    /// A setting is not allowed.
    #[error("{0}")]
    Setting(String),
}

/// Result of [`Sidecar::drain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainReport {
    /// Batches that have become durable since the start, or were set aside.
    pub acknowledged_batches: u64,
    /// Cap'n Proto messages that have become durable since the start.
    pub acknowledged_messages: u64,
    /// Cap'n Proto messages that were set aside since the start, because they are larger than the server takes. The
    /// unacknowledged messages do not include them.
    pub set_aside_messages: u64,
    /// Batches that have not become durable. What the spool lost is not among them: the routers were resynced for it.
    pub unacknowledged_batches: u64,
    /// Cap'n Proto messages that have not become durable.
    pub unacknowledged_messages: u64,
    /// Batches that wait in the spool for the next start. The unacknowledged batches do not include them.
    pub spooled_batches: u64,
    /// Cap'n Proto messages that wait in the spool for the next start.
    pub spooled_messages: u64,
}

/// The running sidecar.
pub struct Sidecar {
    thread: Option<JoinHandle<()>>,
    stop: watch::Sender<Option<Duration>>,
    finished: Option<oneshot::Receiver<()>>,
    bridge: kanal::Receiver<Batch>,
    status: Arc<SinkStatus>,
}

impl Sidecar {
    /// Starts the thread, which takes batches from `bridge` from now on.
    ///
    /// # Errors
    /// A setting is not allowed, or the thread cannot be created.
    pub fn spawn(
        settings: SidecarSettings,
        bridge: kanal::Receiver<Batch>,
        status: Arc<SinkStatus>,
        hooks: Hooks,
    ) -> Result<Self, SidecarError> {
        check(&settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("arancini-blocking")
            .build()?;
        let (stop, stopped) = watch::channel(None);
        let (finish, finished) = oneshot::channel();
        let (input, counts) = (bridge.clone(), Arc::clone(&status));
        let thread = std::thread::Builder::new()
            .name("arancini-sidecar".to_owned())
            .spawn(move || {
                let life = AssertUnwindSafe(|| {
                    runtime.block_on(live(settings, input, counts, hooks, stopped, finish));
                    // A write to a disk or a pipe may be blocked. It must not delay the exit.
                    runtime.shutdown_background();
                });
                if std::panic::catch_unwind(life).is_err() {
                    error!("the sidecar thread died: this is a bug, please report it; ending the process");
                    std::process::exit(EXIT_SIDECAR_DIED);
                }
            })?;
        Ok(Self {
            thread: Some(thread),
            stop,
            finished: Some(finished),
            bridge,
            status,
        })
    }

    /// Ends the sidecar. The batches on the bridge and in the window get until `deadline` to become durable; the rest is
    /// counted. Call this once all senders of the bridge are dropped. They must not be closed, since `kanal`'s `close`
    /// discards the batches on the bridge. Blocks, so it must not be called from asynchronous code.
    pub fn drain(mut self, deadline: Duration) -> DrainReport {
        self.stop.send_replace(Some(deadline));
        if let Some(finished) = self.finished.take() {
            let _ = finished.blocking_recv();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let mut left = Vec::new();
        let _ = self.bridge.drain_into(&mut left);
        let left_messages: u64 = left.iter().map(|batch| u64::from(batch.messages)).sum();
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
        let acknowledged_batches = read(&self.status.batches_acknowledged);
        let acknowledged_messages = read(&self.status.messages_acknowledged);
        let spooled_batches = read(&self.status.spool_own_batches);
        let spooled_messages = read(&self.status.spool_own_messages);
        let set_aside_messages = read(&self.status.messages_set_aside_of_this_life);
        // What the spool lost was counted and logged, and the routers were resynced for it.
        let lost = self.status.lost_in_spool();
        let (safe_batches, safe_messages) = (
            acknowledged_batches + spooled_batches + lost.batches,
            acknowledged_messages + spooled_messages + set_aside_messages + lost.messages,
        );
        DrainReport {
            acknowledged_batches,
            acknowledged_messages,
            set_aside_messages,
            unacknowledged_batches: read(&self.status.batches_taken).saturating_sub(safe_batches)
                + left.len() as u64,
            unacknowledged_messages: read(&self.status.messages_taken).saturating_sub(safe_messages)
                + left_messages,
            spooled_batches,
            spooled_messages,
        }
    }
}

/// Checks the settings that do not need a server.
fn check(settings: &SidecarSettings) -> Result<(), SidecarError> {
    if !is_collector_name(&settings.collector) {
        return Err(SidecarError::Setting(format!(
            "collector name {:?}: use letters, digits, '-' and '_' only, since it is part of message ids",
            settings.collector
        )));
    }
    if settings.on_full == OnFull::Spool {
        spool::check::check(&settings.spool, &settings.sink).map_err(SidecarError::Setting)?;
    }
    match &settings.sink {
        SinkSettings::Nats(nats) => nats::check::check(nats).map_err(SidecarError::Setting),
        // Tools that read files know nothing of headers.
        _ if settings.form.format != Format::Capnp => Err(SidecarError::Setting(
            "only the sink nats can publish JSON; set publish.format to \"capnp\"".to_owned(),
        )),
        _ if settings.form.compression != Compression::None => Err(SidecarError::Setting(
            "only the sink nats can compress; set publish.compression to \"none\"".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Runs the sink, and then waits for the drain, so that the control server stays up meanwhile.
async fn live(
    settings: SidecarSettings,
    bridge: kanal::Receiver<Batch>,
    status: Arc<SinkStatus>,
    hooks: Hooks,
    mut stopped: watch::Receiver<Option<Duration>>,
    finish: oneshot::Sender<()>,
) {
    let mut deadline = stopped.clone();
    tokio::select! {
        () = run_sink(settings, bridge, status, hooks) => {}
        () = passed(&mut deadline) => {}
    }
    let _ = stopped.wait_for(Option::is_some).await;
    let _ = finish.send(());
}

/// Resolves when a drain has been requested and its time is over.
async fn passed(deadline: &mut watch::Receiver<Option<Duration>>) {
    let within = match deadline.wait_for(Option::is_some).await {
        Ok(within) => within.unwrap_or_default(),
        // The handle was dropped without a drain, so nobody waits for anything.
        Err(_) => Duration::ZERO,
    };
    tokio::time::sleep(within).await;
}

async fn run_sink(
    settings: SidecarSettings,
    bridge: kanal::Receiver<Batch>,
    status: Arc<SinkStatus>,
    hooks: Hooks,
) {
    let blocking = match settings.sink.clone() {
        SinkSettings::Nats(nats) => {
            return nats::publisher::run(*nats, settings, bridge, status, hooks).await;
        }
        // These sinks block on a disk or a pipe, so they get a thread of their own beside the runtime's.
        SinkSettings::File(file) => {
            tokio::task::spawn_blocking(move || sink::file::run(&file, &bridge, &status, &hooks))
        }
        SinkSettings::Stdout => {
            tokio::task::spawn_blocking(move || sink::stdout::run(&bridge, &status, &hooks))
        }
        SinkSettings::Null => return sink::null::run(bridge, &status, &hooks).await,
    };
    if let Err(failed) = blocking.await {
        std::panic::resume_unwind(failed.into_panic());
    }
}
