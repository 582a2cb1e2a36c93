//! The sink `nats`: publishes to JetStream and keeps a window of batches that are not acknowledged.
//!
//! In the order of a connection: [`stream`] makes sure that the stream exists and fits, `fence` keeps earlier connections
//! out, `inventory` asks which messages the stream has already, `landmarks` notices that it lost some, and `publisher` runs the window. `packer` turns batches
//! into messages, `labels` writes their headers, `reply` reads what the server answers. [`bucket`] is separate: it keeps
//! snapshots in NATS.

pub(crate) mod check;
pub mod stream;
mod packer;
mod labels;
mod reply;
mod fence;
mod inventory;
mod landmarks;
pub(crate) mod publisher;
pub mod bucket;
