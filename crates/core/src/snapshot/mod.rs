//! Snapshots: what a shard holds, written as bytes, and read back.
//!
//! **The stream is the log, a snapshot is a checkpoint of it** (`docs/adr/0050-snapshots.md`). A [`Walk`] writes the routers
//! of a shard slice by slice while the shard goes on taking messages, so a snapshot does not show any single moment. A
//! restart corrects this by replaying the stream from the position that the sink had when the walk *began*: everything
//! that changed during the walk, or was on its way to the sink when the walk began, is found there, and the last message
//! about each route is right ([`Restore`]). Two rules follow:
//!
//! * The position is read before the walk begins.
//! * A snapshot counts only when every batch that was closed until the *end* of the walk is acknowledged
//!   ([`End::last_batch`]). Otherwise the snapshot would hold updates that consumers never got, and curation would suppress
//!   them for ever.
//!
//! A file is [`MAGIC`], [`VERSION`], and blocks, each with a checksum of its own. The last block shows that the file is whole.
//! Entries name their router, so any number of workers can take the routers over.

mod block;
mod ends;
mod entry;
mod route;
mod sets;
mod walk;

mod order;
mod read;
mod restore;

pub use block::{BlockKind, MAGIC, SnapshotError, VERSION};
pub use ends::{End, Head};
pub use read::{ReadError, read_snapshot};
pub use restore::{Restore, RestoreError};
pub use walk::Walk;
