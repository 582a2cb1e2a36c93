//! The error of a failed bind, with a remedy for each cause.

use std::io;
use std::net::SocketAddr;

/// The collector can't listen on an address.
#[derive(Debug)]
pub struct BindError {
    /// What should listen on the address, like "the control port".
    pub what: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// The error of the kernel.
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
                    "`ss -ltnp 'sport = :{port}'` shows which process uses the port: stop it or choose another port"
                )
            }
            io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it or choose a higher port"
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
