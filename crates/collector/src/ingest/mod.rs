//! From the socket to the core and from the core to the bridge: the workers.
//!
//! A worker is a thread pinned to its core with a monoio runtime of its own. It owns its listeners, its receive slot
//! and a [`Shard`](arancini_core::Shard) with the routers that belong to it. Everything from the received bytes to the
//! closed batch is one synchronous call; the only wait on the way is for room on the bridge.
//!
//! In the order a connection meets them: [`sockets`] binds, [`admission`] lets in, [`owners`] says whose router it is,
//! `connection` receives, or `registered` from the slots of the companion `ring` ([`backend`] says which), `outlet`
//! hands batches to the bridge; `worker` holds it together, and [`turns`] says how long each of its tasks holds it.

pub mod admission;
pub mod backend;
mod clock;
mod connection;
mod descriptor;
mod losses;
mod notices;
mod outlet;
pub mod owners;
mod pinning;
mod registered;
mod ring;
mod signal;
mod snapshot;
pub mod sockets;
pub mod turns;
mod worker;

pub use clock::thread_cpu_time;
pub use snapshot::Inheritance;
pub use worker::{Mail, Worker, WorkerContext, WorkerLoad, WorkerThread};
