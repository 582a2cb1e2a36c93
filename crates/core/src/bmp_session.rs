//! An open BMP session as the shard keeps it.

use std::net::IpAddr;

use crate::framing::Framer;
use crate::lane::Lanes;
use crate::progress::Progress;

/// An open session: whose bytes they are, and where the stream stands.
pub(crate) struct BmpSession {
    pub router: IpAddr,
    pub framer: Framer,
    /// How far the message at hand is taken, if it was too much for one turn.
    pub progress: Option<Box<Progress>>,
    /// The short ways of its common messages.
    pub lanes: Lanes,
}
