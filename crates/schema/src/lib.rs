//! What Arancini publishes: the Cap'n Proto schema, written and read.
//!
//! In the order a route takes: its attributes are summed up in a [`fingerprint`], the update is [`encode`]d straight
//! into the open batch buffer of its [`subject`]; beside updates go rare [`events`]. Consumers [`decode`] a payload and
//! may print it as [`json`]. The schema itself is `update.capnp`; `docs/schema.md` explains it.
#![forbid(unsafe_code)]

pub mod decode;
pub mod encode;
pub mod events;
pub mod fingerprint;
pub mod json;
pub mod subject;

/// Generated from `update.capnp`; `tests/generated.rs` checks and renews it.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, clippy::unwrap_used)]
#[path = "generated/update_capnp.rs"]
#[rustfmt::skip]
pub mod update_capnp;

/// Version of the schema, named in a header of every published batch.
pub const SCHEMA_VERSION: u16 = update_capnp::SCHEMA_VERSION;
