//! Snapshots in NATS: a key-value bucket and an object store of one name.
//!
//! ```text
//! $KV.<bucket>.<collector>                                       one small value, the collector's index
//! $O.<bucket>.M.<name, base64>                                   what `nats object ls` shows: size, digest, chunks
//! $O.<bucket>.C.<collector>.<generation>.<worker>                the chunks of that object
//! ```
//!
//! Every reader of object stores can read the objects. This module writes them itself: async-nats gives chunks random
//! names, so nobody could tell to which collector the chunks of a killed upload belong. Here the chunks name their
//! collector. It can find and remove what its killed upload left behind, and does not touch what others are writing.

mod failure;
mod create;
mod snapshot_bucket;
mod object;

pub use create::IfMissing;
pub use failure::BucketError;
pub use object::{Download, Upload};
pub use snapshot_bucket::{IndexValue, ObjectId, SnapshotBucket};
