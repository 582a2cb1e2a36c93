//! The limit: a process that receives bytes and does nothing else.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::thread;

/// The size of the buffer, equal to the receive slot of the collector.
const BUFFER_BYTES: usize = 256 * 1024;

/// Listens, prints `listening ADDR`, and receives bytes until standard input ends.
///
/// # Errors
/// Fails if the address can't be bound.
pub fn receive_only(listen: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    println!("listening {}", listener.local_addr()?);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || {
                receive(connection);
                // The CPU time of the thread is read from outside. It is exact only while the thread exists.
                loop {
                    thread::park();
                }
            });
        }
    });
    // The bench holds the other end of standard input. When the bench ends, this process ends too.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn receive(mut connection: impl Read) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while matches!(connection.read(&mut buffer), Ok(1..)) {}
}
