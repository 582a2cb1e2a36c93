//! The side of RIS Live that needs no websocket: what clients subscribe to, and which messages are for them.
//!
//! The thread of the live stream reads each batch once. `matcher` finds the clients of a message by an index of their
//! subscriptions, and the text of a message is written once for all of them.

mod path_pattern;
mod views;
mod filter;
mod route;
mod message;
mod subscriptions;
mod prefix_index;
mod matcher;
mod clients;

pub(super) use clients::Readers;
pub use clients::{RisClients, RisSeat};
pub use filter::{Filter, MessageType};
pub use message::error_message;
pub use path_pattern::{Hop, PathPattern, PathPatternError};
pub use subscriptions::{MOST_ENTRIES, MOST_WITHOUT_PREFIX, Subscribed};
pub use views::{KnownViews, NamedViews, Views};
