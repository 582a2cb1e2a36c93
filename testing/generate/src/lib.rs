//! Synthetic BMP: single messages for tests, whole tables with churn whose outcome is known exactly, and named loads that
//! resemble the traffic of real routers.
//!
//! All output is a function of the arguments, seed included: the same call gives the same bytes on every machine.

#![forbid(unsafe_code)]

mod bmp;
mod expected;
mod load;
mod open;
mod prefixes;
mod random;
mod scenario;
mod update;

pub use bmp::{
    Peer, PeerDown, Statistic, initiation, initiation_with, peer_down, peer_up, route_monitoring,
    statistics_report, termination,
};
pub use expected::{Expected, ExpectedRoute};
pub use load::{Counts, LoadName, NamedLoad, Piece, RouterLoad};
pub use open::{AddPathMode, Open};
pub use random::Random;
pub use scenario::{Ending, Scenario, ScenarioStream};
pub use update::{Attributes, Nlri, Origin, Prefix, Update, end_of_rib};
