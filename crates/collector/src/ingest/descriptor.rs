//! The only place that uses a monoio socket by its number.
//!
//! monoio 0.2 implements `AsRawFd` but not `AsFd` for its sockets, and `recv` straight into the hot slot needs the
//! descriptor.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

use monoio::net::TcpStream;

/// Borrows the descriptor of a socket.
pub fn borrow(stream: &TcpStream) -> BorrowedFd<'_> {
    // SAFETY: the stream owns the descriptor and keeps it open while it lives, and the result can't outlive the
    // borrow of the stream. The number is not -1: the stream was made from an open socket.
    unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) }
}
