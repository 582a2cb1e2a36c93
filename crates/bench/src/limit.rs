//! The limit: a process that receives and does nothing else.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::thread;

/// As much as the collector's receive slot.
const BUFFER_BYTES: usize = 256 * 1024;

/// Listens, prints `listening ADDR`, and receives what comes until standard input ends.
///
/// # Errors
/// The address can't be listened on.
pub fn receive_only(listen: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    println!("listening {}", listener.local_addr()?);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || {
                receive(connection);
                // Its CPU time is read from outside, to the nanosecond only while the thread is there.
                loop {
                    thread::park();
                }
            });
        }
    });
    // Whoever started this holds the other end: when he goes, so does this.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn receive(mut connection: impl Read) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while matches!(connection.read(&mut buffer), Ok(1..)) {}
}
