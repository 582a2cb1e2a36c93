//! The clients of the control port, with limits: clients must not use up the file descriptors that routers need.
//!
//! A client has [`REQUEST_TIMEOUT`] for each request and for taking each part of the answer, and a request may have
//! [`MOST_REQUEST_BYTES`]. When [`MOST_CLIENTS`] are connected and one more comes, the oldest connection without an answer is
//! closed, or the oldest one if all have had an answer: a live stream is open for long, and connections that ask for nothing
//! must not end it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, Sleep, sleep};

/// Connections that may be open at the same time.
pub(super) const MOST_CLIENTS: usize = 64;
/// How long a client may take for a request, or for taking a part of the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest request, with all its headers.
const MOST_REQUEST_BYTES: usize = 16 * 1024;
/// How long the port rests when it can't accept, for example because the process has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Accepts clients within the limits.
pub(super) struct Clients {
    listener: TcpListener,
    request_timeout: Duration,
    room: Arc<Semaphore>,
    /// The open connections, the oldest first.
    open: VecDeque<Open>,
    failing: bool,
}

/// An open connection.
struct Open {
    /// Closes the connection when it is dropped.
    keep_open: oneshot::Sender<()>,
    /// Whether a part of an answer was sent.
    is_answered: Arc<AtomicBool>,
}

impl Clients {
    /// Accepts clients of this listener.
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            request_timeout: REQUEST_TIMEOUT,
            room: Arc::new(Semaphore::new(MOST_CLIENTS)),
            open: VecDeque::new(),
            failing: false,
        }
    }

    /// Waits for room for one more client, and closes a connection if there is none.
    async fn room(&mut self) -> Option<OwnedSemaphorePermit> {
        self.open.retain(|open| !open.keep_open.is_closed());
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Some(permit);
        }
        let without_answer = self.open.iter().position(|open| !open.is_answered.load(Relaxed));
        self.open.remove(without_answer.unwrap_or(0));
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.failing = false;
                    return accepted;
                }
                Err(error) => {
                    // One line a run of failures, since any client can repeat them.
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "connection to the control port not accepted; if file descriptors ran out, raise the limit on open files");
                    }
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }
}

impl Listener for Clients {
    type Io = Client;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Client, SocketAddr) {
        let (stream, address) = self.next().await;
        let permit = self.room().await;
        let (keep_open, closed) = oneshot::channel();
        let is_answered = Arc::<AtomicBool>::default();
        self.open.push_back(Open {
            keep_open,
            is_answered: Arc::clone(&is_answered),
        });
        let client = Client {
            stream,
            closed,
            deadline: Box::pin(sleep(self.request_timeout)),
            request_timeout: self.request_timeout,
            request_bytes: 0,
            is_answered,
            _permit: permit,
        };
        (client, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The connection of one client. It fails when the client exceeds a limit.
pub(super) struct Client {
    stream: TcpStream,
    /// Resolves when the connection has to make room for another one.
    closed: oneshot::Receiver<()>,
    deadline: Pin<Box<Sleep>>,
    request_timeout: Duration,
    /// Bytes received since the last part of an answer was sent.
    request_bytes: usize,
    is_answered: Arc<AtomicBool>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Client {
    /// Returns an error once the connection has to end, and otherwise wakes the task when it has to.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if Pin::new(&mut self.closed).poll(context).is_ready()
            || self.deadline.as_mut().poll(context).is_ready()
        {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Gives the client its time for the next request or for the next part of the answer.
    fn answered(&mut self) {
        self.request_bytes = 0;
        self.is_answered.store(true, Relaxed);
        let until = Instant::now() + self.request_timeout;
        self.deadline.as_mut().reset(until);
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.request_bytes += buffer.filled().len() - before;
        if self.request_bytes > MOST_REQUEST_BYTES {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.answered();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read;

    use futures_util::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Only a port that is broken takes longer.
    const LONG: Duration = Duration::from_secs(120);

    /// Serves `/` within the limits. Returns where.
    async fn serve(request_timeout: Duration) -> SocketAddr {
        let mut clients = Clients::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        clients.request_timeout = request_timeout;
        let address = clients.local_addr().unwrap();
        let routes = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(clients, routes).await });
        address
    }

    async fn request(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Whether the port has the connection open.
    fn is_open(stream: TcpStream) -> bool {
        let read = stream.into_std().unwrap().read(&mut [0]);
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[tokio::test]
    async fn idle_connections_keep_nobody_out_and_hold_few_descriptors() {
        let address = serve(LONG).await;
        let mut idle = Vec::new();
        for number in 0..200 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
            }
            idle.push(stream);
        }
        let answer = request(address).await;
        assert!(answer.ends_with("here"), "{answer}");
        let open = idle.into_iter().map(is_open).filter(|open| *open).count();
        assert!(open <= MOST_CLIENTS, "{open}");
    }

    /// A stream of events is the oldest connection by nature, so it was the first to go.
    #[tokio::test]
    async fn idle_connections_end_no_answer_under_way() {
        let mut clients = Clients::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        clients.request_timeout = LONG;
        let address = clients.local_addr().unwrap();
        let endless = || async {
            let parts = futures_util::stream::once(async { Ok::<_, io::Error>("begun") });
            axum::body::Body::from_stream(parts.chain(futures_util::stream::pending()))
        };
        let here = axum::routing::get(|| async { "here" });
        let routes = axum::Router::new()
            .route("/", here)
            .route("/stream", axum::routing::get(endless));
        tokio::spawn(async move { axum::serve(clients, routes).await });
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /stream HTTP/1.1\r\nHost: test\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.windows(5).any(|part| part == b"begun") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
        }
        let mut idle = Vec::new();
        for _ in 0..200 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        assert!(request(address).await.ends_with("here"));
        // The end of the part that was sent.
        while stream.try_read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        assert!(is_open(stream));
    }

    #[tokio::test]
    async fn an_endless_header_ends_its_connection() {
        let address = serve(LONG).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let header = [b'x'; 1024];
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        let mut sent = 0;
        while stream.write_all(&header).await.is_ok() {
            sent += header.len();
            assert!(sent < 64 << 20, "the port takes any header");
        }
    }

    #[tokio::test]
    async fn a_client_that_sends_no_whole_request_is_closed() {
        let address = serve(Duration::from_millis(50)).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    }
}
