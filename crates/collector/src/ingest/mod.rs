//! From the socket to the core and from the core to the bridge: the workers.
//!
//! A worker is a thread pinned to its core with a monoio runtime of its own. It owns its listeners, its receive slots and a
//! [`Shard`](arancini_core::Shard) with the routers that belong to it. Everything from the received bytes to the closed batch
//! is one synchronous call; the only wait on the way is for room on the bridge.
//!
//! The modules are in the order in which a connection, and then its messages, meet them:
//!
//! - `worker` starts the thread and its tasks; `mail` brings orders from other threads;
//! - `arrive` turns a socket into one of the `sessions`;
//! - `receiver` receives, with one of two backends ([`backend`] chooses): `readiness`, or `reaper` and `registered` from the
//!   slots of the companion `ring`; both pass bytes to their `connection`;
//! - `lane` is what all tasks of a worker share, with the `outlet` to the bridge at its end;
//! - `deadlines`, `budget_keeper` (for unfinished messages), `housekeeping`, `walk` (for snapshots), `answer` (for questions) and `stop`
//!   are the other tasks.

mod index;
mod context;
mod worker;
mod worker_died;
mod pinning;
mod inheritance;
mod mail;
mod task;
mod arrive;
mod sessions;
pub mod backend;
mod receiver;
mod readiness;
mod reaper;
mod registered;
mod ring;
mod descriptor;
mod connection;
mod patience;
mod end;
mod lane;
mod outlet;
mod clock;
mod counters;
pub mod turns;
mod signal;
mod idle_moment;
mod alarm;
mod losses;
mod unfinished;
mod notices;
mod deadlines;
mod budget_keeper;
mod housekeeping;
mod round;
mod snapshot_request;
mod walk;
mod question_request;
mod repeat_request;
mod answer;
mod stop;

pub use arrive::admit::{Admission, Refusal};
pub use arrive::listen;
pub use arrive::local_owners::LocalOwners;
pub use arrive::owners::{Claim, Load, Owners};
pub use arrive::proxy_header;
pub use clock::thread_cpu_time;
pub use context::WorkerContext;
pub use counters::WorkerCounters;
pub use index::WorkerIndex;
pub use inheritance::Inheritance;
pub use mail::{Mail, StopOrder};
pub use outlet::LeftBehind;
pub use question_request::QuestionRequest;
pub use repeat_request::RepeatRequest;
pub use snapshot_request::{Part, SnapshotRequest};
pub use worker::{WorkerStart, WorkerThread};

#[cfg(test)]
mod tests;
