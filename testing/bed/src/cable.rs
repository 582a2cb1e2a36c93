//! A forwarder between a client and a server that can be cut, so that a lost connection needs no dead server.

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Forwards connections to one port of this host.
#[derive(Debug)]
pub struct Cable {
    port: u16,
    line: Arc<Mutex<Line>>,
}

#[derive(Debug, Default)]
struct Line {
    unplugged: bool,
    open: Vec<TcpStream>,
}

impl Cable {
    /// Forwards to this port of the loopback.
    ///
    /// # Errors
    /// No port is free.
    pub fn to(target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let line = Arc::new(Mutex::new(Line::default()));
        let shared = Arc::clone(&line);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let pairs = [
                    (client.try_clone(), server.try_clone()),
                    (server.try_clone(), client.try_clone()),
                ];
                match shared.lock() {
                    Ok(mut line) if !line.unplugged => line.open.extend([client, server]),
                    _ => continue,
                }
                for pair in pairs {
                    let (Ok(mut from), Ok(mut to)) = pair else {
                        continue;
                    };
                    std::thread::spawn(move || {
                        let mut buffer = [0; 16_384];
                        while let Ok(read @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Ok(Self { port, line })
    }

    /// The URL that clients connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Breaks all connections; a new connection is forwarded.
    pub fn cut(&self) {
        if let Ok(mut line) = self.line.lock() {
            for connection in line.open.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
    }

    /// Breaks all connections, and closes each new one at once until [`Cable::plug`].
    pub fn unplug(&self) {
        if let Ok(mut line) = self.line.lock() {
            line.unplugged = true;
        }
        self.cut();
    }

    /// Forwards new connections again.
    pub fn plug(&self) {
        if let Ok(mut line) = self.line.lock() {
            line.unplugged = false;
        }
    }
}
