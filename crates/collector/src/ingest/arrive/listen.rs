//! Stage: the listening sockets, and the connections that they accept.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tracing::{error, warn};

use super::arriving::Arriving;
use crate::ingest::lane::Lane;

use crate::config::{IdentityKind, Listen};
use crate::control::BindError;

/// How long a listener may outlive its process. The kernel takes an io_uring down, with the sockets that it waits for, after
/// the process is gone. A collector that is started again at once must not fail because of that.
const LINGERING_RING: Duration = Duration::from_secs(2);
/// How long a listener rests that can't accept (for example because the process has no file descriptor left).
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Connections that a listener accepts before the other tasks of the worker get their turn.
pub const ACCEPTS_PER_TURN: u32 = 16;

/// A connection that a listener has accepted: nothing more is known of it than where it comes from, and to which listener.
#[derive(Debug)]
pub struct Accepted {
    /// What identifies the routers that connect to this listener.
    pub identified_by: IdentityKind,
}

/// Binds one listener for each worker, all on the same address (`SO_REUSEPORT`): the kernel spreads connections over them.
/// With port 0, all of them share the port that the first one gets.
///
/// # Errors
/// The address can't be listened on.
pub fn bind(listen: &Listen, address: SocketAddr, workers: usize) -> Result<Vec<TcpListener>, BindError> {
    is_free(address)?;
    let mut address = address;
    let mut listeners = Vec::with_capacity(workers);
    for _ in 0..workers {
        let listener = bind_one(listen, address)
            .and_then(|listener| {
                address = listener.local_addr()?;
                Ok(listener)
            })
            .map_err(|source| BindError {
                what: "the BMP port",
                address,
                source,
            })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Checks that nobody listens on the address. Because of `SO_REUSEPORT`, a second collector of the same user could listen on
/// the same port, and would get half of the routers.
///
/// # Errors
/// The address can't be listened on.
pub fn is_free(address: SocketAddr) -> Result<(), BindError> {
    if address.port() == 0 {
        return Ok(());
    }
    let begun = Instant::now();
    let bound = loop {
        match bind_alone(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < LINGERING_RING => {
                std::thread::sleep(Duration::from_millis(20));
            }
            bound => break bound,
        }
    };
    bound.map_err(|source| BindError {
        what: "the BMP port",
        address,
        source,
    })
}

/// Binds the port as its only user, and closes it again.
fn bind_alone(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of an earlier run that are in TIME_WAIT do not matter.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

fn bind_one(listen: &Listen, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` accepts IPv4 too; such addresses are turned back into IPv4 when a router is identified.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if listen.receive_buffer_bytes > 0 {
        // Before listen(), because it fixes the window scale of accepted connections.
        socket.set_recv_buffer_size(listen.receive_buffer_bytes as usize)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(listen.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Accepts connections until the worker stops, and passes each to `arrived`. It only waits until the listener is readable, so
/// no request of the listener is with the kernel when the runtime is dropped.
pub async fn accept(
    lane: &Lane,
    listener: TcpListener,
    identified_by: IdentityKind,
    arrived: impl Fn(Arriving<Accepted>),
) {
    let worker = lane.worker.get();
    let readiness = match listener.try_clone().and_then(monoio::net::TcpListener::from_std) {
        Ok(readiness) => readiness,
        Err(error) => {
            error!(worker, %error, "listener can't be watched; connections to it will hang");
            return;
        }
    };
    let mut failing = false;
    while readiness.readable(false).await.is_ok() && !lane.is_stopping() {
        let mut accepted = 0;
        loop {
            if accepted == ACCEPTS_PER_TURN {
                accepted = 0;
                lane.turnstile.pass().await;
                if lane.is_stopping() {
                    return;
                }
            }
            match listener.accept() {
                Ok((stream, remote)) => {
                    accepted += 1;
                    failing = false;
                    arrived(Arriving {
                        stream,
                        // A listener on `[::]` tells IPv4 addresses in their IPv4-mapped form.
                        remote: SocketAddr::new(remote.ip().to_canonical(), remote.port()),
                        known: Accepted { identified_by },
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    // One line a run of failures, since any client can repeat them.
                    let first = !std::mem::replace(&mut failing, true);
                    if first {
                        warn!(worker, %error, "connection not accepted; if file descriptors ran out, raise the limit on open files");
                    }
                    monoio::time::sleep(ACCEPT_REST).await;
                    break;
                }
            }
        }
    }
}

/// Sets the socket options of a router's connection.
///
/// # Errors
/// The connection has ended already.
pub fn prepare(stream: &TcpStream, listen: &Listen) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    if listen.keepalive_idle_s > 0 {
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(u64::from(listen.keepalive_idle_s)))
            .with_interval(Duration::from_secs(u64::from(listen.keepalive_interval_s)))
            .with_retries(listen.keepalive_count);
        SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn workers_share_a_port_and_every_option_is_on_the_live_sockets() {
        let listen = Listen {
            receive_buffer_bytes: 100_000,
            ..Listen::default()
        };
        let listeners = bind(&listen, "127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = listeners[0].local_addr().unwrap();
        for listener in &listeners {
            assert_eq!(listener.local_addr().unwrap(), address);
            let socket = SockRef::from(listener);
            assert!(socket.reuse_port().unwrap());
            // The kernel doubles what it is asked for (socket(7)).
            assert!(socket.recv_buffer_size().unwrap() >= 100_000);
        }
        let client = TcpStream::connect(address).unwrap();
        let accepted = loop {
            if let Some((accepted, _)) = listeners.iter().find_map(|listener| listener.accept().ok()) {
                break accepted;
            }
            std::thread::yield_now();
        };
        prepare(&accepted, &listen).unwrap();
        let socket = SockRef::from(&accepted);
        assert!(accepted.nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        drop(client);
    }

    #[test]
    fn a_taken_port_says_so() {
        let strangers = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = bind(&Listen::default(), "127.0.0.1:0".parse().unwrap(), 2).unwrap();
        for other in [&strangers, &ours[0]] {
            let error = bind(&Listen::default(), other.local_addr().unwrap(), 1).unwrap_err();
            assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
        }
    }
}
