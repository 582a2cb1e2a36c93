//! The publisher: runs the publish window over one connection after the other.
//!
//! A connection lasts until it breaks, a message is refused, or acknowledgements stop. Then come a pause, a new connection,
//! the question which messages the stream has, and the rest of the window again in order. Meanwhile batches are taken from
//! the bridge until the window is full, and with a spool until the spool is full too.
//!
//! `run` is the loop, `uplink` one connection, `state` what outlives connections, `resume` the way from one connection to
//! the next, `acknowledge` what the server answers, `spooling` the spool's part, `oversize` what is larger than the server takes.

mod run;
mod uplink;
mod resume;
mod state;
mod spooling;
mod oversize;
mod acknowledge;

pub(crate) use run::run;
