//! The live stream: published messages for the clients that listen now, as Server-Sent Events and as RIS Live messages
//! (`ris`).
//!
//! The sink offers each batch when it takes it from the bridge. While nobody listens, this costs one look at a counter. While
//! somebody does, a thread of its own reads each batch once for all listeners. Every queue is bounded: a listener that reads
//! too slowly is told so and dropped, and batches that come faster than they can be read are left out and counted.

mod event;
mod queue;
mod ris;
mod listener;
mod hub;

pub use event::{GREETING, KEEP_ALIVE};
pub use hub::{Hub, MOST_LISTENERS, Subscription};
pub use listener::{Kinds, Wanted};
pub use ris::{
    Filter, Hop, KnownViews, MOST_ENTRIES, MOST_WITHOUT_PREFIX, MessageType, NamedViews, PathPattern,
    PathPatternError, RisClients, RisSeat, Subscribed, Views, error_message,
};
