//! The collector without a machine.
//!
//! Framing, sessions, curation, batching and the publish window as synchronous state machines: time, bytes and
//! acknowledgements are arguments, effects are return values. The collector, `arancini decode`, the fuzzers and the
//! simulator all run this code.
//!
//! The modules stand in the order in which a message meets them.
#![forbid(unsafe_code)]

// A worker's shard: bytes of sessions come in, and become BMP messages.
mod shard;
mod shard_resyncs;
mod session;
mod bmp_session;
mod names;
mod life;
mod life_check;
mod route_count;
mod framing;

// One BMP message, by its type.
mod dispatch;
mod context;
mod initiation;
mod event_limits;
mod information;
mod peer_up;
mod peer_down;
mod statistics;
mod termination;
mod malformed;

// The routes of a Route Monitoring message: the short way of the common ones, and the general way.
mod lane;
mod route_monitoring;
mod provisional;
mod several_updates;
mod update;
mod progress;
mod handling;
mod sections;
mod locate;
mod end_of_rib;
mod curation;
mod keeping;
mod route_attributes;
mod opaque;
mod route;

// Everything that is known of a router.
mod router;
mod coverage;
mod identities;
mod peer;
mod table;
mod table_limits;
mod doomed;
mod opens;
mod dump;
mod shown_tables;
mod last_statistics;
mod route_comparison;
mod changes;

// The way out, into batches.
mod subjects;
mod emission;
mod events;
mod sweep;
mod repeat_part;
mod repeat_place;
mod repeat;
pub mod batcher;
pub mod batch;

// Published batches: dropped, read back, held until they are acknowledged, and the snapshots that go with them.
mod dropped;
mod published_route;
pub mod window;
pub mod snapshot;
mod restored_route;

// Questions of people about all of this.
pub mod ask;

// Used everywhere.
mod shared;
mod settings;
pub mod counters;
pub mod notice;
pub mod position;
pub mod time;

use arancini_schema::table_key;
pub use arancini_schema::table_key::{TableKey, UnreadableUpdate};
pub use batch::{Batch, BatchKind};
pub use batcher::BatchSettings;
pub use changes::{Change, Changes, PeerChange, RouterChange};
pub use counters::{Counters, Quirk};
pub use dump::Dump;
pub use framing::{Framer, Next};
pub use last_statistics::{LastStatistics, RouteComparison, Statistic};
pub use life::ResyncWay;
pub use names::{Names, Naming};
pub use notice::{Notice, NoticeKind};
pub use opens::Opens;
pub use peer::{Peer, PeerIndex, PeerState};
pub use position::Position;
pub use repeat::{RepeatRefusal, RepeatedPart, RepeatedPeer};
pub use restored_route::{RestoredRouteWriter, RestoredTable};
pub use route_attributes::{AttributeWriter, RouteAttributes};
pub use route_count::RouteCount;
pub use router::{Router, RouterLife};
pub use session::{SessionError, SessionId};
pub use settings::{KeptAttributes, Settings};
pub use shard::{LossOfRouter, Shard};
pub use table::{PeerTable, TableIndex};
pub use time::Now;
