//! What all workers of a collector share. Nothing of it is touched on the way of a message.

use std::sync::Arc;

use arancini_core::Settings;

use super::arrive::admit::Admission;
use super::arrive::owners::Owners;
use super::backend::{Backend, Driver};
use super::counters::WorkerCounters;
use super::mail::Mail;
use crate::config::Config;

/// What all workers share.
pub struct WorkerContext {
    /// The configuration.
    pub config: Config,
    /// Settings of the core.
    pub core: Settings,
    /// The receive path of the workers.
    pub backend: Backend,
    /// The kernel interface under the runtimes of the workers.
    pub driver: Driver,
    /// Decides who may connect.
    pub admission: Arc<Admission>,
    /// Knows which worker owns which router.
    pub owners: Arc<dyn Owners>,
    /// Counters of each worker.
    pub counters: Vec<Arc<WorkerCounters>>,
    /// The mailbox of each worker.
    pub mailboxes: Vec<kanal::Sender<Mail>>,
    /// Buffers of published batches on their way back.
    pub used_buffers: kanal::Receiver<Vec<u8>>,
}
