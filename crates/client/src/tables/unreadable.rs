//! Records that the tables cannot take.

use arancini_schema::decode::DecodeError;
use arancini_schema::table_key::UnreadableUpdate;
use thiserror::Error;

/// Why a record cannot be taken.
#[derive(Debug, Error)]
pub enum UnreadableRecord {
    /// Its bytes are damaged.
    #[error("{0}")]
    Damaged(#[from] capnp::Error),
    /// A field holds something that no collector of this version writes.
    #[error("{0}")]
    Foreign(#[from] UnreadableUpdate),
}

/// Why a record of a payload, or the rest of the payload, cannot be taken.
#[derive(Debug, Error)]
pub enum TakeError {
    /// The payload does not consist of records.
    #[error("the payload can't be read on: {0}")]
    Payload(#[from] DecodeError),
    /// A record cannot be taken.
    #[error("the record at byte {offset} can't be taken: {cause}")]
    Record {
        /// Where the record begins in the payload.
        offset: usize,
        /// What is wrong with it.
        cause: UnreadableRecord,
    },
}
