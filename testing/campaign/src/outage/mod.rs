//! Campaigns of outages: something that the collector needs is away, full, cut off or gone for a while under load. Then it is
//! back, and everything is judged.

mod scenario;
mod away;
mod cluster;
mod disk;
mod link;
mod loss;
mod resync;

pub use scenario::{Plan, Say, Scenario};

/// The broker is away for a long time, with each `publish.on_full`.
pub const AWAY: &[Scenario] = away::SCENARIOS;
/// The leader of a stream with three replicas is killed or frozen.
pub const CLUSTER: &[Scenario] = cluster::SCENARIOS;
/// A disk is full.
pub const DISK: &[Scenario] = disk::SCENARIOS;
/// A link is cut.
pub const LINK: &[Scenario] = link::SCENARIOS;
/// The stream loses messages that it had acknowledged.
pub const LOSS: &[Scenario] = loss::SCENARIOS;
/// Routes are published again without a dump, on request and after a purge.
pub const RESYNC: &[Scenario] = resync::SCENARIOS;
