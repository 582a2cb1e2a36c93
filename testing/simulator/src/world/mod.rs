//! One run: routers, network, worker, bridge, publisher, broker and clock, all driven by one seed.
//!
//! A run is a list of steps. Each step draws from a random sequence of its own, so a step does the same when others are
//! left out; that is why a failing run can be shrunk. After the last step all trouble ends, the run waits until everything
//! is at rest, and the stream is compared with the routers' tables.

mod ledger;
mod state;
mod worker;
mod slow_dump;
mod lives;
mod settle;

pub(crate) use state::World;
