//! TCP ports that stay free for one server, whether it runs or not.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A TCP port that the kernel gives to nobody else while this value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Bound, not listening: a server that sets `SO_REUSEADDR`, as nats-server and the collector do, can still bind it.
    _held: Socket,
}

impl Port {
    /// Holds a port that is free now.
    ///
    /// # Errors
    /// No port is free.
    pub fn reserve() -> io::Result<Self> {
        let held = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        held.set_reuse_address(true)?;
        held.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        let address = held.local_addr()?.as_socket();
        let number = address.map_or(0, |address| address.port());
        Ok(Self { number, _held: held })
    }

    /// The port's number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }
}
