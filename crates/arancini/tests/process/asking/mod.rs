//! Questions to a running collector: by the API, and by `arancini show`.

mod world;
mod resources;
mod routes;
mod refused;
mod access;
mod tls;
mod resync;
mod show;
mod five_questions;
