//! The spool: files in which batches wait that do not fit the window (`publish.on_full = "spool"`).
//!
//! The spool lies between bridge and window. While it is empty and the window has room, batches pass it by. Once the window
//! is full, batches are appended to the spool, and all later ones queue behind them, so that the order never changes. An
//! acknowledgement releases a message, and a file whose messages are all released is removed. What a life leaves in the
//! spool, whether it crashed or was stopped, the next life publishes first, under the ids that the messages had.
//!
//! `stage` is the publisher's side, `keeper` the thread that waits for the disk, `files` the queue, `segment` one file,
//! `record` the bytes. [`read_all`] reads a directory without changing it.

pub(crate) mod check;
mod stage;
mod keeper;
mod files;
mod segment;
mod record;
mod read;

pub use read::read_all;
pub(crate) use record::FileHead;
pub use record::SpooledBatch;
pub(crate) use stage::Stage;

#[cfg(test)]
mod tests;
