//! The test bed: everything around a collector that a test or a campaign starts, stops, cuts and connects.
//!
//! In the order in which a test sets it up: the [`programs`] under test are found, [`port`]s are held for them, each
//! runs as a [`process`] on a [`host`]; the [`broker`] is a real nats-server, a [`cable`] to it can be cut, a [`router`]
//! connects to the collector over TCP, and [`control`] asks the collector's control port.
//!
//! This crate uses no crate of the collector, so every other crate can use it in its tests.
#![forbid(unsafe_code)]

pub mod programs;
pub mod port;
pub mod host;
pub mod process;
pub mod broker;
pub mod backup;
pub mod cable;
pub mod router;
pub mod control;

pub use backup::Backup;
pub use broker::NatsServer;
pub use cable::Cable;
pub use router::Router;
