//! The Tokio side: takes whole batches from the bridge and makes them durable in a sink.
//!
//! [`Sidecar`] is one thread with its own runtime. It moves batches from the bridge to one [`sink`](SinkSettings) and
//! tells through [`SinkStatus`] how that goes. Nothing is thrown away: a sink that can't go on lets the bridge fill,
//! and the full bridge stops the workers.
#![forbid(unsafe_code)]

pub mod compression;
mod directory_lock;
pub mod framing;
mod input;
pub mod settings;
pub mod sidecar;
pub mod sink;
pub mod spool;
pub mod status;

pub mod nats;
pub mod tail;

pub use directory_lock::lock_directory;
pub use settings::{
    Compression, FileSettings, Fsync, NatsSettings, OnFull, Retention, Secret, SidecarSettings, SinkSettings,
    StreamSettings,
};
pub use sidecar::{DrainReport, Sidecar, SidecarError};
pub use spool::{SpoolSettings, SpooledBatch};
pub use status::{Reason, SinkStatus, Trouble};
