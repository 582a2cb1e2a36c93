//! What the last Peer Up said of the BGP session, for people who ask.

use std::net::IpAddr;

use arancini_wire::bmp::PeerUp;

/// Longest OPEN that is kept. Usual ones have some 100 bytes; with extended parameters (RFC 9072) one can have 4096.
const MOST_OPEN_BYTES: usize = 1024;

/// The two ends of a BGP session, and their OPENs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opens {
    /// The router's own address in the BGP session.
    pub local_address: IpAddr,
    /// The router's own port.
    pub local_port: u16,
    /// The peer's port.
    pub remote_port: u16,
    /// The OPEN that the router sent, BGP header included; `None` if it is too long to be kept.
    pub sent: Option<Box<[u8]>>,
    /// The OPEN that the peer sent, in the same form.
    pub received: Option<Box<[u8]>>,
}

impl Opens {
    /// What a Peer Up says.
    pub(crate) fn of(message: &PeerUp<'_>) -> Self {
        let kept = |open: &[u8]| (open.len() <= MOST_OPEN_BYTES).then(|| open.into());
        Self {
            local_address: IpAddr::from(message.local_address()).to_canonical(),
            local_port: message.local_port(),
            remote_port: message.remote_port(),
            sent: kept(message.sent_open().as_bytes()),
            received: kept(message.received_open().as_bytes()),
        }
    }
}
