//! The exchange between the control port and a worker: a request to publish tables of a router again.

use std::net::IpAddr;

use arancini_core::{RepeatRefusal, RepeatedPart};
use tokio::sync::oneshot;

/// A request to a worker: publish tables of a router again, if the worker has the router.
#[derive(Debug)]
pub struct RepeatRequest {
    /// The router.
    pub router: IpAddr,
    /// Which of its tables.
    pub part: RepeatedPart,
    /// Where the worker says how many routes there are, or why it does not do it.
    pub out: oneshot::Sender<Result<usize, RepeatRefusal>>,
}
