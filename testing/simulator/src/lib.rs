//! The core under seeded routers, network, broker and clock, judged by what the stream says.
//!
//! [`run()`] is a function of its [`Plan`]: the same plan gives the same run on every machine. `arancini-simulator` prints the
//! seed of a run that fails, shrinks it, and can run it again. `docs/simulator.md` says what a run contains.
#![forbid(unsafe_code)]

pub mod plan;
pub mod fault;
mod chance;
pub mod routes;
pub mod oddity;
pub mod router;
mod network;
mod collector;
mod disk;
pub mod message;
pub mod publisher;
pub mod broker;
pub mod stream;
pub mod violation;
pub mod report;
mod world;
pub mod run;
pub mod campaign;

pub use fault::Fault;
pub use plan::Plan;
pub use report::Report;
pub use run::{run, shrink};
pub use violation::Violation;
