//! Snapshots in NATS (`docs/adr/0052-snapshots-in-nats.md`). Files are objects of an object store; the manifests are in a
//! key-value bucket.
//!
//! Everything is stored under the name of the collector ([`index`]). If two collectors have the same name, the one that
//! started later keeps taking snapshots; the snapshots of the other one fail, and it logs the reason. No two collectors ever
//! write the same object.

mod store;
pub mod index;
mod objects;
mod connection;

pub use connection::Access;
pub use store::NatsStore;
