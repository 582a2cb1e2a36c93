//! The exchange between the control port and a worker: a request to publish the tables of a router again.

use std::net::IpAddr;

use arancini_core::RepeatRefusal;
use tokio::sync::oneshot;

/// A request to a worker: publish the tables of a router again, if the worker has the router.
#[derive(Debug)]
pub struct RepeatRequest {
    /// The router.
    pub router: IpAddr,
    /// Where the worker says how many routes there are, or why it does not do it.
    pub out: oneshot::Sender<Result<usize, RepeatRefusal>>,
}
