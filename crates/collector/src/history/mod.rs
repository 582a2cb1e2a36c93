//! The history: what was published lately, in memory, for the questions of people.
//!
//! The sink reports each batch when it takes it from the bridge, so the workers do nothing for the history. The history keeps
//! a copy of the batch as it is encoded, unless more comes than it takes. Messages are read only when somebody asks.

mod batch;
mod intake;
mod ring;
mod store;
mod search;

pub use batch::PublishedBatch;
pub use intake::Gap;
pub use search::{Found, Place, Search};
pub use store::{History, Shelf};
