//! The control port: `/metrics`, `/healthz`, `/readyz`, the API and the page over HTTP. It runs on a thread of its own, away from
//! the workers and the sink.
//!
//! A [`ControlSource`] provides what the port shows. No message passes through this module.

mod metrics;
mod readiness;
mod source;
mod exposition;
mod process;
mod render;
mod bind;
mod activity;
mod connection;
mod clients;
mod etag;
mod ris;
pub mod api;
mod page;
mod thread;
mod server;

pub use bind::BindError;
pub use exposition::Exposition;
pub use metrics::{Family, Metrics};
pub use readiness::{Problem, Readiness};
pub use render::scrape;
pub use ris::{RisRuntime, RisStop};
pub use server::{ControlServer, RisPort};
pub use source::{ControlSource, Details, Gathering};
