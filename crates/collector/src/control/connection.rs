//! The connection of one client, with limits on its requests and its patience.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::api::refusal_of_long_request;

/// How long a client may take for a request, or for taking a part of the answer.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the client of a live stream may take for taking a part. One that comes back in time still gets the event that
/// says why its stream ends.
pub(super) const STREAM_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest request, with all its headers.
const MOST_REQUEST_BYTES: usize = 16 * 1024;
/// Bytes of a longer request that are read and thrown away, so that its client reads the refusal.
const MOST_WASTED_BYTES: usize = 1 << 20;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a request, or for taking a part of an answer.
    pub request: Duration,
    /// For taking a part of a live stream.
    pub stream: Duration,
}

/// The connection of one client. It fails when the client exceeds a limit.
pub(super) struct Bounded<S> {
    stream: S,
    activity: Arc<Activity>,
    patience: Patience,
    deadline: Pin<Box<Sleep>>,
    /// Bytes received since the last part of an answer was sent.
    request_bytes: usize,
    /// Whether the first line of the request is complete.
    has_first_line: bool,
    is_refused: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Bounded<S> {
    /// A connection that was opened now.
    pub fn new(stream: S, activity: Arc<Activity>, patience: Patience) -> Self {
        Self {
            stream,
            activity,
            patience,
            deadline: Box::pin(sleep(patience.request)),
            request_bytes: 0,
            has_first_line: false,
            is_refused: false,
        }
    }

    /// Returns an error once the client has taken too long, and otherwise wakes the task when it has.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Gives the client its time for the next request or for the next part of the answer.
    fn answered(&mut self) {
        self.request_bytes = 0;
        self.has_first_line = false;
        let patience = if self.activity.is_stream() {
            self.patience.stream
        } else {
            self.patience.request
        };
        self.deadline.as_mut().reset(Instant::now() + patience);
    }

    /// Tells the client that its request is too long. There is nothing else to send to it: its request was not complete.
    fn refuse(&mut self, context: &mut Context<'_>) {
        self.is_refused = true;
        let refusal = refusal_of_long_request(self.has_first_line);
        let _ = Pin::new(&mut self.stream).poll_write(context, &refusal);
        let _ = Pin::new(&mut self.stream).poll_shutdown(context);
    }

    /// Reads the rest of a request that is refused. A connection that is closed with unread bytes would be reset, and its
    /// client might not read the refusal.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut waste = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut waste);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            self.request_bytes += buffer.filled().len();
            if buffer.filled().is_empty() || self.request_bytes > MOST_WASTED_BYTES {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        if self.is_refused {
            return self.poll_rest(context);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let received = &buffer.filled()[before..];
        self.request_bytes += received.len();
        self.has_first_line |= received.contains(&b'\n');
        if self.request_bytes > MOST_REQUEST_BYTES && !self.activity.is_socket() {
            if self.activity.idle_since().is_none() {
                // An answer is under way, so a refusal would be read as a part of it.
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            self.refuse(context);
            buffer.set_filled(before);
            return self.poll_rest(context);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        let written = matches!(polled, Poll::Ready(Ok(written)) if written == bytes.len());
        self.activity.set_unsent(!written);
        let written = ready!(polled)?;
        self.answered();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        // TLS takes bytes that the connection has no room for.
        self.activity.set_unsent(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
