//! The publisher: takes whole batches from the bridge and makes them durable in a sink.
//!
//! [`Sidecar`] is one thread with its own Tokio runtime. It moves batches from the bridge to one [sink](SinkSettings) and
//! reports through [`SinkStatus`] how that goes. Nothing is discarded: while the sink takes no batches the bridge fills,
//! and the full bridge stops the workers. Readers of what is published need only the crate `arancini-client`.
#![forbid(unsafe_code)]

pub mod settings;
pub mod names;
mod hooks;
pub mod status;
mod input;
pub mod sidecar;
pub mod sink;
mod message;
mod compressor;
mod directory_lock;
mod place;
pub mod spool;
mod set_aside;
pub mod nats;

pub use directory_lock::{is_in_place, lock_directory, lock_path};
pub use hooks::{Acked, EXIT_FENCED, EXIT_SIDECAR_DIED, Hooks, OnBatch};
pub use settings::{
    FileSettings, Fsync, NatsSettings, OnFull, Retention, SidecarSettings, SinkSettings, SpoolSettings,
    StreamSettings,
};
pub use sidecar::{DrainReport, Sidecar, SidecarError};
pub use spool::SpooledBatch;
pub use status::SinkStatus;
