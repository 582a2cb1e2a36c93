//! Connecting to NATS: log in, start TLS, and say what is wrong when a server refuses.

mod connection;
mod credentials;
mod failure;

pub use connection::{Connection, connect};
pub use failure::masked;
