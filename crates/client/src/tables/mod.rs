//! Tables: the routes that every router holds, kept from what has been published. This is the reference consumer.
//!
//! A [`Tables`] takes payloads of all kinds, from the stream or from segment files, and keeps for each route what the last
//! update said. What it holds of a route is a type of the caller ([`Held`]): nothing, the fingerprint alone, or the whole
//! record.
//!
//! # Order
//!
//! Each message carries the next sequence number of its router, and the tables follow these numbers, not the order of
//! arrival. A message that arrives late or twice therefore changes nothing that a later one has decided. That happens:
//! segment files have no order between series, a reader may read a batch again after a restart, and a server can refuse a
//! batch and take the next one first. The tables remember a withdrawn route for the last [`REORDER_SPAN`] sequence numbers
//! of its router; a message that is later than that cannot be told from a new one.
//!
//! # Resync
//!
//! After a gap in the stream the collector publishes the next dump of a router in full, between the events `resyncBegin`
//! and `resyncEnd`. Every route of their scope whose last update has a lower sequence number than `resyncBegin` is gone:
//! the tables remove it at `resyncEnd`. A scope is a router, a peer in one view, or one family of these. The tables do so whatever
//! `allWithdrawn` of the event says: it is true for readers that missed no message, and these tables may have.
//!
//! # Restart
//!
//! A collector that starts again goes on with higher sequence numbers, so nothing needs to be done. A reader that starts
//! again without its tables reads the stream from the beginning. A stream with limits no longer holds the announces that
//! have aged out: the reader says so with [`Tables::note_gap`], and a router [is whole](Router::is_whole) again after its
//! next resync. `arancini resync` asks for one.
//!
//! # Example
//!
//! ```no_run
//! use arancini_client::StreamSource;
//! use arancini_client::tables::{Fingerprint, Tables};
//! use arancini_client::tail::{StreamTail, StreamTailOptions};
//! use arancini_schema::subject::Subject;
//!
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! let source = StreamSource::new(vec!["nats://127.0.0.1:4222".to_owned()]);
//! let base = source.base.clone();
//! let mut tail = StreamTail::open(source, StreamTailOptions::default()).await?;
//! let mut tables = Tables::<Fingerprint>::default();
//! while let Some(message) = tail.next().await? {
//!     if let Some(subject) = Subject::parse(&base, &message.subject) {
//!         tables.take(subject.message_kind(), &message.payload)?;
//!     }
//! }
//! for (router, table) in tables.tables() {
//!     println!("{router} {:?}: {} routes", table.key(), table.len());
//! }
//! # Ok(())
//! # }
//! ```

mod keeper;
mod unreadable;
mod router;
mod resync;
mod table;
mod route_key;
mod stored_key;
mod key_hasher;
mod held;
mod counts;

pub use counts::Counts;
pub use held::{Fingerprint, Held, Record};
pub use keeper::Tables;
pub use route_key::{Nlri, RouteKey};
pub use router::{PeerKey, PeerState, Router, RouterState};
pub use table::{REORDER_SPAN, Route, Table};
pub use unreadable::{TakeError, UnreadableRecord};

#[cfg(test)]
mod tests;
