//! Why an address could not be listened on, and whom to ask.

use std::io;
use std::net::SocketAddr;

/// An address could not be listened on.
#[derive(Debug)]
pub struct BindError {
    /// What was to listen there, like "the control port".
    pub what: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What the kernel said.
    pub source: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            what,
            address,
            source,
        } = self;
        let port = address.port();
        write!(f, "{what} can't listen on {address}: {source}; ")?;
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "`ss -ltnp 'sport = :{port}'` shows who has it: stop that or choose another port"
                )
            }
            io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "ports below 1024 need CAP_NET_BIND_SERVICE: grant it or choose a higher port"
                )
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "`ip address` shows the addresses of this host: choose one of them"
                )
            }
            _ => write!(f, "check the address"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
