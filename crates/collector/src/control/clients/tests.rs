//! Clients within and beyond the limits, on real connections.

#![allow(clippy::unwrap_used)]

use std::io::{self, Read};
use std::net::SocketAddr;

use axum::Extension;
use futures_util::StreamExt;

use super::*;
use crate::control::activity::StreamMark;

/// Only a port that is broken takes longer.
const LONG: Duration = Duration::from_secs(120);

/// Serves `/` within the limits. Returns where.
async fn serve(request_timeout: Duration) -> SocketAddr {
    let here = axum::routing::get(|| async { "here" });
    serve_routes(request_timeout, Router::new().route("/", here)).await
}

async fn serve_routes(request_timeout: Duration, routes: Router) -> SocketAddr {
    let mut clients = Clients::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), None);
    clients.patience = Patience {
        request: request_timeout,
        stream: LONG,
    };
    let address = clients.listener.local_addr().unwrap();
    tokio::spawn(clients.serve(routes));
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
    let endless = || async {
        let parts = futures_util::stream::once(async { Ok::<_, io::Error>("begun") });
        axum::body::Body::from_stream(parts.chain(futures_util::stream::pending()))
    };
    let here = axum::routing::get(|| async { "here" });
    let routes = Router::new()
        .route("/", here)
        .route("/stream", axum::routing::get(endless));
    let address = serve_routes(LONG, routes).await;
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

/// Sends a request and returns the connection.
async fn asking(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn rest_of(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The oldest of them was closed without an answer.
#[tokio::test]
async fn requests_under_way_are_answered_when_more_clients_come_than_there_are_places() {
    let gate = Arc::new(Semaphore::new(0));
    let arrived = Arc::new(Semaphore::new(0));
    let slow = {
        let (gate, arrived) = (Arc::clone(&gate), Arc::clone(&arrived));
        move || async move {
            arrived.add_permits(1);
            let _passed = gate.acquire().await.unwrap();
            "slow"
        }
    };
    let routes = Router::new()
        .route("/", axum::routing::get(|| async { "here" }))
        .route("/slow", axum::routing::get(slow));
    let address = serve_routes(LONG, routes).await;
    let mut under_way = Vec::new();
    for _ in 1..MOST_CLIENTS {
        under_way.push(asking(address, "/slow").await);
    }
    arrived
        .acquire_many(MOST_CLIENTS as u32 - 1)
        .await
        .unwrap()
        .forget();
    let _idle = TcpStream::connect(address).await.unwrap();
    // The idle one makes room for these, one after the other.
    for _ in 0..3 {
        assert!(request(address).await.ends_with("here"));
    }
    // The last place: from now on, clients wait.
    under_way.push(asking(address, "/slow").await);
    arrived.acquire().await.unwrap().forget();
    let waiting = asking(address, "/").await;
    gate.add_permits(1);
    for stream in under_way {
        assert!(rest_of(stream).await.ends_with("slow"));
    }
    assert!(rest_of(waiting).await.ends_with("here"));
}

/// It was closed after the time of a request, without the event that says why.
#[tokio::test]
async fn the_client_of_a_stream_that_pauses_gets_the_end_of_what_waits_for_it() {
    let stream = |Extension(mark): Extension<StreamMark>| async move {
        mark.set();
        let parts = (0..64).map(|_| vec![b'x'; 1 << 20]).chain([b"the end".to_vec()]);
        axum::body::Body::from_stream(futures_util::stream::iter(parts.map(Ok::<_, io::Error>)))
    };
    let routes = Router::new().route("/stream", axum::routing::get(stream));
    let address = serve_routes(Duration::from_millis(50), routes).await;
    let mut paused = asking(address, "/stream").await;
    assert_eq!(paused.read(&mut [0]).await.unwrap(), 1, "the stream has begun");
    // The time of a request is over for these, so it has passed for the stream too.
    for _ in 0..3 {
        let mut silent = TcpStream::connect(address).await.unwrap();
        assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    }
    let mut answer = Vec::new();
    paused.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.windows(7).any(|part| part == b"the end"),
        "{}",
        answer.len()
    );
}

/// The connection was closed without a word.
#[tokio::test]
async fn a_request_that_is_too_long_is_refused_with_a_problem() {
    let address = serve(LONG).await;
    let long = "x".repeat(100_000);
    for (head, status) in [
        (
            format!("GET /{long} HTTP/1.1\r\nHost: test\r\n\r\n"),
            "414 URI Too Long",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: test\r\nX: {long}\r\n\r\n"),
            "431 Request Header Fields Too Large",
        ),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest_of(stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("application/problem+json"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(problem["remedy"].is_string(), "{problem}");
    }
}
