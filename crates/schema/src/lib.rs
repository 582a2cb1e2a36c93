//! The messages that Arancini publishes: writers and readers of the Cap'n Proto schema.
//!
//! In the order of a route's way: [`fingerprint`] reduces its attributes to 64 bits, [`encode`] writes the update into the
//! open batch buffer of its [`subject`]. [`events`] writes the rare messages beside updates. Consumers [`decode`] a payload
//! and can print it as [`json`]. The schema is `update.capnp`; `docs/schema.md` explains it.
#![forbid(unsafe_code)]

pub mod fingerprint;
pub mod encode;
pub mod events;
pub mod subject;
mod message_kind;
pub mod decode;
pub mod table_key;
pub mod resync_scope;
pub mod json;

/// Rust types of the schema, generated from `update.capnp`. `tests/generated.rs` checks and renews them.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, clippy::unwrap_used)]
#[path = "generated/update_capnp.rs"]
#[rustfmt::skip]
pub mod update_capnp;

pub use message_kind::MessageKind;

/// Version of the schema. Every published batch has it in a header.
pub const SCHEMA_VERSION: u16 = update_capnp::SCHEMA_VERSION;
