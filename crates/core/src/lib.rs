//! The collector without a machine.
//!
//! Framing, sessions, curation, batching and the publish window as synchronous state machines: time, bytes and
//! acknowledgements are arguments, effects are return values. The collector, `arancini decode`, fuzzers and the
//! simulator all run this same code.
//!
//! The modules in the order a message meets them.
#![forbid(unsafe_code)]

pub mod batch;
pub mod batcher;
mod doomed;
mod dropped;
mod emitter;
mod framing;
mod message;
mod outgoing;
mod peer;
mod published_route;
mod route;
mod route_monitoring;
mod router;
mod sections;
mod shard;
mod table;
mod table_key;
pub mod snapshot;
pub mod window;

pub mod counters;
pub mod notice;
pub mod position;
mod settings;
pub mod time;

pub use batch::{Batch, BatchKind};
pub use batcher::BatchSettings;
pub use counters::{Counters, Quirk};
pub use framing::Framer;
pub use notice::{Notice, NoticeKind};
pub use peer::{Peer, PeerIndex, PeerState};
pub use position::Position;
pub use router::{Router, RouterLife};
pub use settings::Settings;
pub use shard::{SessionError, SessionId, Shard};
pub use table::{PeerTable, TableIndex};
pub use table_key::{TableKey, UnreadableUpdate};
pub use time::Now;
