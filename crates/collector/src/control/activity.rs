//! What a connection of the control port is doing.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// What a connection is doing. The accept loop looks at it, the connection and its handlers change it.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Whether a request is being answered.
    is_answering: bool,
    /// Whether a part of an answer waits until the client takes it.
    has_unsent: bool,
    /// Whether the present answer is a live stream.
    is_stream: bool,
    /// Whether the connection has become a websocket.
    is_socket: bool,
    /// When the connection was opened or its last answer ended.
    idle_since: Instant,
}

/// Marks the answer as a live stream: its client may pause longer.
#[derive(Debug, Clone)]
pub(super) struct StreamMark(Arc<Activity>);

/// The body of an answer. The request is answered when it is dropped.
pub(super) struct Answering<B> {
    body: B,
    activity: Arc<Activity>,
}

impl Activity {
    /// A connection that was opened now.
    pub fn new() -> Self {
        Self(Mutex::new(State {
            is_answering: false,
            has_unsent: false,
            is_stream: false,
            is_socket: false,
            idle_since: Instant::now(),
        }))
    }

    /// Notes that a request has come. Returns what its handler may mark.
    pub fn begin(self: &Arc<Self>) -> StreamMark {
        let mut state = self.lock();
        state.is_answering = true;
        state.is_stream = false;
        StreamMark(Arc::clone(self))
    }

    /// Notes whether a part of an answer waits until the client takes it.
    pub fn set_unsent(&self, has_unsent: bool) {
        let mut state = self.lock();
        if state.has_unsent != has_unsent {
            state.has_unsent = has_unsent;
            state.idle_since = Instant::now();
        }
    }

    /// Whether the present answer is a live stream.
    pub fn is_stream(&self) -> bool {
        self.lock().is_stream
    }

    /// Whether the connection has become a websocket.
    pub fn is_socket(&self) -> bool {
        self.lock().is_socket
    }

    /// Since when no request is under way; `None` if one is.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        let is_idle = !state.is_answering && !state.has_unsent;
        is_idle.then_some(state.idle_since)
    }

    fn end(&self) {
        let mut state = self.lock();
        state.is_answering = false;
        state.idle_since = Instant::now();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamMark {
    /// Says that the answer is a live stream.
    pub fn set(&self) {
        self.0.lock().is_stream = true;
    }

    /// Says that the connection becomes a websocket: its client may pause longer, and sends more than requests.
    pub fn set_socket(&self) {
        let mut state = self.0.lock();
        state.is_stream = true;
        state.is_socket = true;
    }
}

impl<B> Answering<B> {
    /// The body of the answer of a connection.
    pub fn new(body: B, activity: Arc<Activity>) -> Self {
        Self { body, activity }
    }
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.activity.end();
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
