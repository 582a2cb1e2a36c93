//! A router's side of a BMP session over TCP.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Only a collector that is broken takes longer, even in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The address of the router with this number: each router has one of its own on the loopback.
#[must_use]
pub const fn router_address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 1, number))
}

/// Connects to a collector from this address.
///
/// # Errors
/// The address can't be bound, or the collector does not accept within the time.
pub fn connect_from(from: IpAddr, to: SocketAddr, within: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), within)?;
    Ok(socket.into())
}

/// A router with a session. What fails ends the test.
#[derive(Debug)]
pub struct Router {
    /// The connection, for what the methods do not do.
    pub stream: TcpStream,
}

#[expect(clippy::missing_panics_doc, reason = "a test whose session breaks ends here")]
impl Router {
    /// Connects as the router with this number.
    #[must_use]
    pub fn connect(collector: SocketAddr, number: u8) -> Self {
        let stream =
            connect_from(router_address(number), collector, PATIENCE).expect("the collector accepts");
        let timeouts = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        timeouts.expect("the connection takes timeouts");
        Self { stream }
    }

    /// Sends all bytes and returns their number.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        self.stream
            .write_all(bytes)
            .expect("the collector takes the bytes");
        bytes.len()
    }

    /// Sends the bytes; the collector may end the session meanwhile.
    pub fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends the sending direction and waits until the collector has read everything and closes the connection.
    ///
    /// An accepted connection, or updates of other routers, would prove less.
    pub fn is_read(&mut self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("the connection is open");
        self.is_closed();
    }

    /// Waits until the collector has ended the connection.
    pub fn is_closed(&mut self) {
        let mut said = Vec::new();
        // `read_to_end` reads again after a signal: a signal is no end of the connection.
        match self.stream.read_to_end(&mut said) {
            Ok(_) => assert!(
                said.is_empty(),
                "the collector sent {said:?}, but a BMP collector sends nothing"
            ),
            Err(error) => assert!(
                !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
                "the connection stays open"
            ),
        }
    }
}
