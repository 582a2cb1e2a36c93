//! The core under seeded routers, network, broker and clock, judged by what the stream says.
//!
//! [`run`] is a function of its [`Plan`]: the same plan gives the same run, on every machine. A failing one is printed
//! by `arancini-simulator`, shrunk, and replayed by its seed. `docs/simulator.md` says what is in a run and what is not.
#![forbid(unsafe_code)]

pub mod broker;
pub mod campaign;
mod collector;
mod disk;
pub mod fault;
mod network;
pub mod plan;
pub mod publisher;
pub mod router;
pub mod routes;
pub mod stream;
pub mod violation;
mod world;

pub use fault::Fault;
pub use plan::{Plan, run, shrink};
pub use violation::Violation;
pub use world::Report;
