//! The clients of the control port, with limits: clients must not use up the file descriptors that routers need.
//!
//! When [`MOST_CLIENTS`] are connected and one more comes, the connection that has been without a request for longest is
//! closed. It may be closed once it was without a request for [`LEAST_IDLE`], so that a client that has just connected can
//! send its request. While requests are under way on all connections, the next client waits: no answer is cut. `connection`
//! limits how long a client may take.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::server::TlsStream;

use super::activity::{Activity, Answering};
use super::api::{ClientCertificate, refusal_of_plain_http};
use super::connection::{Bounded, Patience, REQUEST_TIMEOUT, STREAM_TIMEOUT};
use crate::tls::{Accepted, ServerTls};

/// Connections that may be open at the same time.
pub(super) const MOST_CLIENTS: usize = 64;
/// How long a connection keeps its place without a request while others wait for it.
const LEAST_IDLE: Duration = Duration::from_millis(250);
/// How long the port rests when it can't accept, for example because the process has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Accepts clients within the limits.
pub(super) struct Clients {
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    patience: Patience,
    room: Arc<Semaphore>,
    /// The open connections, the oldest first.
    open: VecDeque<Open>,
    failing: bool,
}

/// An open connection.
struct Open {
    /// Closes the connection when it is dropped.
    keep_open: oneshot::Sender<()>,
    activity: Arc<Activity>,
}

impl Clients {
    /// Accepts clients of this listener, with TLS or without.
    pub(super) fn new(listener: TcpListener, tls: Option<Arc<ServerTls>>) -> Self {
        Self {
            listener,
            tls,
            patience: Patience {
                request: REQUEST_TIMEOUT,
                stream: STREAM_TIMEOUT,
            },
            room: Arc::new(Semaphore::new(MOST_CLIENTS)),
            open: VecDeque::new(),
            failing: false,
        }
    }

    /// Answers requests, for ever.
    pub(super) async fn serve(mut self, routes: Router) {
        let service = TowerToHyperService::new(routes);
        loop {
            let stream = self.next().await;
            let place = self.place().await;
            let (keep_open, closed) = oneshot::channel();
            let activity = Arc::new(Activity::new());
            let connection = Connection {
                routes: service.clone(),
                activity: Arc::clone(&activity),
                patience: self.patience,
            };
            let connection = connection.run(stream, self.tls.clone());
            tokio::spawn(async move {
                tokio::select! {
                    _ = closed => {}
                    () = connection => {}
                }
                drop(place);
            });
            self.open.push_back(Open { keep_open, activity });
        }
    }

    /// Waits for a place for one more client. Closes connections without a request if there is none.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        loop {
            self.open.retain(|open| !open.keep_open.is_closed());
            let idle = self.open.iter().enumerate();
            let idle = idle.filter_map(|(index, open)| Some((open.activity.idle_since()?, index)));
            let longest = idle.min();
            let until = longest.map_or_else(Instant::now, |(since, _)| since) + LEAST_IDLE;
            if let Ok(place) = timeout_at(until, Arc::clone(&self.room).acquire_owned()).await {
                return place.ok();
            }
            // It may have got a request meanwhile.
            if let Some((since, index)) = longest
                && self.open[index].activity.idle_since() == Some(since)
            {
                self.open.remove(index);
                return Arc::clone(&self.room).acquire_owned().await.ok();
            }
        }
    }

    async fn next(&mut self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    self.failing = false;
                    return stream;
                }
                Err(error) => {
                    // One line a run of failures, since any client can repeat them.
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "connection to the control port not accepted; if file descriptors ran out, raise the limit on open files");
                    }
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }
}

/// One connection, from its first byte to its end.
struct Connection {
    routes: TowerToHyperService<Router>,
    activity: Arc<Activity>,
    patience: Patience,
}

impl Connection {
    /// Answers the requests of a client, within TLS if the port has it.
    async fn run(self, stream: TcpStream, tls: Option<Arc<ServerTls>>) {
        let Some(tls) = tls else {
            return self.answer(stream, None).await;
        };
        let handshake = timeout(self.patience.request, shake_hands(stream, &tls)).await;
        if let Ok(Some((stream, accepted))) = handshake {
            let (_, session) = stream.get_ref();
            let shown = session.peer_certificates().map(|_| Shown { tls, accepted });
            self.answer(stream, shown).await;
        }
    }

    /// Answers requests. `shown` is there if the client has shown a certificate.
    async fn answer<S>(self, stream: S, shown: Option<Shown>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            routes,
            activity,
            patience,
        } = self;
        let bounded = Bounded::new(stream, Arc::clone(&activity), patience);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let activity = Arc::clone(&activity);
            request.extensions_mut().insert(activity.begin());
            let is_outdated = shown.as_ref().is_some_and(|shown| !shown.counts());
            if shown.is_some() && !is_outdated {
                request.extensions_mut().insert(ClientCertificate);
            }
            let answer = routes.call(request);
            async move {
                let mut answer = answer.await?;
                if is_outdated {
                    // The client has to show its certificate on a new connection.
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(answer.map(|body| Answering::new(body, activity)))
            }
        });
        // An error means that the client is gone or exceeded a limit. It is no concern of the operator.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(bounded), service)
            .with_upgrades()
            .await;
    }
}

/// A client certificate that was shown in a handshake.
struct Shown {
    tls: Arc<ServerTls>,
    accepted: Accepted,
}

impl Shown {
    /// Whether the certificate still counts. After the files were read again, a client has to show it in a new connection.
    fn counts(&self) -> bool {
        self.tls.is_present(&self.accepted)
    }
}

/// Begins TLS. A client that speaks HTTP without TLS is told so; `None` if the handshake fails.
async fn shake_hands(mut stream: TcpStream, tls: &ServerTls) -> Option<(TlsStream<TcpStream>, Accepted)> {
    let mut first = [0];
    stream.peek(&mut first).await.ok()?;
    // A method begins with a letter, and TLS with the type of its record, 22.
    if first[0].is_ascii_alphabetic() {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(&refusal_of_plain_http()).await;
        return None;
    }
    let (acceptor, accepted) = tls.acceptor();
    Some((acceptor.accept(stream).await.ok()?, accepted))
}

#[cfg(test)]
mod tests;
