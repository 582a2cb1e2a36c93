//! The HTTP server and its routes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::{MissedTickBehavior, interval};

use super::bind::BindError;
use super::clients::Clients;
use super::exposition::Exposition;
use super::page;
use super::render;
use super::source::ControlSource;
use super::thread::ControlThread;
use crate::telemetry::SAMPLE_EVERY;
use crate::tls::ServerTls;

/// The text at `/help`, and at `/` for clients that are no browser.
const HELP: &str = "arancini\n\n/         the page, for a browser\n/metrics  metrics for Prometheus\n/healthz  whether the process is alive\n/readyz   whether updates get through, and otherwise the reason and the remedy\n/api/v1   routers, peers and routes as JSON, described at /api/v1/openapi.json\n/v1/ws    published routes as a websocket, in the protocol of RIS Live\n";

/// A running control port. Dropping it stops the server.
#[derive(Debug)]
pub struct ControlServer {
    address: SocketAddr,
    ris_address: Option<SocketAddr>,
    _thread: ControlThread,
}

/// A port of its own for RIS Live.
#[derive(Debug)]
pub struct RisPort {
    /// The address to listen on.
    pub address: SocketAddr,
    /// Its paths.
    pub paths: Router,
}

impl ControlServer {
    /// Listens on the address, with TLS or without, and serves requests on a thread of its own: what the source shows, and the paths
    /// of the API; and RIS Live on its own port, if it has one. Port 0 lets the kernel choose a free port.
    ///
    /// # Errors
    /// An address can't be bound, or the thread can't be made.
    pub fn spawn(
        address: SocketAddr,
        tls: Option<Arc<ServerTls>>,
        source: Arc<dyn ControlSource>,
        api: Router,
        ris: Option<RisPort>,
    ) -> Result<Self, BindError> {
        render::note_start();
        let failed = |source| BindError {
            what: "the control port",
            address,
            source,
        };
        let (listener, bound) = bind(address).map_err(failed)?;
        let ris = ris.map(|port| {
            let bound = bind(port.address).map_err(|source| BindError {
                what: "RIS Live",
                address: port.address,
                source,
            });
            Ok((bound?, port.paths.layer(map_response(protect))))
        });
        let ris = ris.transpose()?;
        let ris_address = ris.as_ref().map(|((_, bound), _)| *bound);
        let routes = routes(Arc::clone(&source))
            .merge(api)
            .layer(map_response(protect));
        let thread = ControlThread::spawn(|| {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let clients = Clients::new(listener, tls.clone());
            let ris = match ris {
                Some(((listener, _), paths)) => {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    Some((Clients::new(listener, tls), paths))
                }
                None => None,
            };
            let ris = async {
                if let Some((clients, paths)) = ris {
                    clients.serve(paths).await;
                }
            };
            Ok(async move {
                tokio::join!(clients.serve(routes), ris, keep_rates(source));
            })
        });
        Ok(Self {
            address: bound,
            ris_address,
            _thread: thread.map_err(failed)?,
        })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of RIS Live, if it has a port of its own.
    #[must_use]
    pub fn ris_address(&self) -> Option<SocketAddr> {
        self.ris_address
    }
}

/// Listens on an address. Returns the listener and its address.
fn bind(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Has samples of the rates taken, for ever.
async fn keep_rates(source: Arc<dyn ControlSource>) {
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        source.keep_rates();
    }
}

fn routes(source: Arc<dyn ControlSource>) -> Router {
    Router::new()
        .merge(page::paths(HELP))
        .route("/metrics", get(show_metrics))
        .route(
            "/healthz",
            get(|| async { axum::Json(serde_json::json!({"status": "ok"})) }),
        )
        .route("/readyz", get(show_readiness))
        .with_state(source)
}

/// Adds the headers that keep browsers from guessing types, storing answers, and showing them within foreign pages. The files of
/// the page have a policy and a cache control of their own.
async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn show_metrics(State(source): State<Arc<dyn ControlSource>>, headers: HeaderMap) -> Response {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|accepted| accepted.to_str().ok());
    let exposition = Exposition::accepted_by(accepted);
    match render::scrape(&source, exposition).await {
        Ok(text) => ([(header::CONTENT_TYPE, exposition.content_type())], text).into_response(),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics could not be written\n",
        )
            .into_response(),
    }
}

async fn show_readiness(State(source): State<Arc<dyn ControlSource>>) -> Response {
    let readiness = source.readiness();
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(readiness.to_json())).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fmt;
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::control::{Metrics, Problem, Readiness};

    /// A source with fixed metrics, ready or not.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Fake {
        Ready,
        NotReady,
    }

    impl ControlSource for Fake {
        fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
            let mut messages = metrics.counter("messages", "BMP messages")?;
            messages.sample(&[("type", "peer_up")], 2)?;
            messages.sample(&[("type", "route_monitoring")], 3)?;
            metrics.gauge("sessions", "Open sessions")?.sample(&[], 1)?;
            metrics.histogram(
                "ack_seconds",
                "Time to the ack",
                0.25,
                &[(0.1, 1), (f64::INFINITY, 1)],
            )
        }

        fn readiness(&self) -> Readiness {
            if *self == Self::Ready {
                return Readiness::READY;
            }
            Readiness {
                problems: vec![Problem {
                    part: "sink",
                    reason: "stream_missing",
                    cause: "the stream is missing".to_owned(),
                    remedy: "arancini stream create".to_owned(),
                }],
                warnings: Vec::new(),
            }
        }
    }

    /// Sends one request over TCP. Returns the status line with the headers, and the body.
    fn request(source: Fake, path: &str) -> (String, String) {
        request_accepting(source, path, "*/*")
    }

    fn request_accepting(source: Fake, path: &str, accepted: &str) -> (String, String) {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = ControlServer::spawn(any_port, None, Arc::new(source), Router::new(), None).unwrap();
        ask(&server, path, accepted)
    }

    fn ask(server: &ControlServer, path: &str, accepted: &str) -> (String, String) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut answer = String::new();
        runtime.block_on(async {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: test\r\nAccept: {accepted}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.read_to_string(&mut answer).await.unwrap();
        });
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    #[test]
    fn metrics_are_served_as_openmetrics() {
        let accepted = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
        let (head, body) = request_accepting(Fake::Ready, "/metrics", accepted);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(
            head.contains("application/openmetrics-text; version=1.0.0"),
            "{head}"
        );
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            "# TYPE arancini_messages counter".to_owned(),
            "arancini_messages_total{type=\"route_monitoring\"} 3".to_owned(),
            "arancini_sessions 1".to_owned(),
            "arancini_ack_seconds_bucket{le=\"0.1\"} 1".to_owned(),
            "arancini_ack_seconds_bucket{le=\"+Inf\"} 2".to_owned(),
            "arancini_ack_seconds_count 2".to_owned(),
            format!("arancini_build_info{{version=\"{version}\"}} 1"),
        ] {
            assert!(
                body.lines().any(|found| found == line),
                "{line} is not in\n{body}"
            );
        }
        assert!(body.ends_with("# EOF\n"), "{body}");
    }

    #[test]
    fn metrics_are_served_as_prometheus_text_to_whoever_does_not_ask_for_openmetrics() {
        let (head, body) = request(Fake::Ready, "/metrics");
        assert!(head.contains("text/plain; version=0.0.4"), "{head}");
        for line in [
            "# HELP arancini_messages_total BMP messages",
            "# TYPE arancini_messages_total counter",
            "arancini_messages_total{type=\"route_monitoring\"} 3",
            "# TYPE arancini_ack_seconds histogram",
        ] {
            assert!(
                body.lines().any(|found| found == line),
                "{line} is not in\n{body}"
            );
        }
        assert!(!body.contains("# EOF"), "{body}");
    }

    #[test]
    fn not_ready_says_why_and_what_to_do() {
        let (head, body) = request(Fake::NotReady, "/readyz");
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["ready"], false);
        assert_eq!(body["problems"][0]["reason"], "stream_missing");
        assert_eq!(body["problems"][0]["cause"], "the stream is missing");
        assert_eq!(body["problems"][0]["remedy"], "arancini stream create");
    }

    #[test]
    fn requests_are_answered_on_a_thread_of_their_own() {
        let name = || async { std::thread::current().name().unwrap_or_default().to_owned() };
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let api = Router::new().route("/name", get(name));
        let server = ControlServer::spawn(any_port, None, Arc::new(Fake::Ready), api, None).unwrap();
        let (_, body) = ask(&server, "/name", "*/*");
        assert_eq!(body, "arancini-control");
    }

    #[test]
    fn ready_and_healthy_are_200() {
        assert!(request(Fake::Ready, "/readyz").0.starts_with("HTTP/1.1 200"));
        assert!(request(Fake::NotReady, "/healthz").0.starts_with("HTTP/1.1 200"));
        assert!(request(Fake::Ready, "/nothing").0.starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn a_taken_port_says_whom_to_ask() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let error =
            ControlServer::spawn(address, None, Arc::new(Fake::Ready), Router::new(), None).unwrap_err();
        let expected = format!("ss -ltnp 'sport = :{}'", address.port());
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
