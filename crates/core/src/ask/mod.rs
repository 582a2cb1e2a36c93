//! Questions about the routers, peers and routes that a shard holds.
//!
//! A [`Question`] is answered in slices between other calls, as a snapshot is written, so that it never holds up messages.
//! It walks the routers in the order of their addresses, the peers and tables in the order of their places, and the routes
//! in the order of the table's own cursor. This order misses nothing that is there from the first slice to the last. The
//! answer has a bounded size. Where it ends too early, [`Outcome::rest`] says where the next
//! question goes on.

mod prefix;
mod selector;
mod answer;
mod position;
mod search;
mod longest;
mod inventory;
mod attribute_filter;
mod kept;
mod question;

pub use answer::{Answer, PeerAnswer, RouteAnswer, RouteName, RouterAnswer, TableAnswer, TableCount};
pub use attribute_filter::{AttributeFilter, CommunityFilter};
pub(crate) use kept::KeptOfRoutes;
pub use position::Position;
pub use prefix::{Prefix, PrefixError};
pub use question::{Outcome, Question};
pub use search::{Match, Search};
pub use selector::{PeerSelector, Selector};
