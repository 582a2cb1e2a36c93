//! The conversation with one client, from the first message to the last.

use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::Error;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::time::{Instant, sleep_until};

use super::answer::{host_list, pong, subscribe_ok};
use super::request::{Request, Subscription, read_request};
use super::wrong::Wrong;
use crate::live::{MOST_ENTRIES, MOST_WITHOUT_PREFIX, RisSeat, Subscribed, Views};

/// Longest message of a client that is read as a request.
const MOST_MESSAGE_BYTES: usize = 64 * 1024;
/// Longest message of a client that is received, so that its client reads why it is refused. A longer one ends the
/// connection.
pub const MOST_RECEIVED_BYTES: usize = 256 * 1024;
/// How often a client gets a ping, which it has to answer.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How many pings a client may leave unanswered.
const MOST_UNANSWERED: u32 = 2;

/// Gives the addresses of the routers that the collector knows.
pub type Hosts = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, Wrong>> + Send>> + Send>;

/// The conversation with one client.
pub struct Conversation {
    socket: WebSocket,
    seat: RisSeat,
    /// The views of subscriptions that name no view.
    views: Views,
    hosts: Hosts,
    /// Whether subscriptions are acknowledged.
    acknowledges: bool,
}

/// What happens next.
enum Event {
    Messages(Option<VecDeque<Bytes>>),
    Received(Option<Result<Message, Error>>),
    PingIsDue,
}

/// Why a conversation ends.
enum End {
    /// The client is gone, or can't be written to.
    Gone,
    /// The client breaks a rule. It is told the code of RFC 6455 §7.4.1 and the reason.
    Told(u16, &'static str),
}

impl From<Error> for End {
    fn from(_: Error) -> Self {
        Self::Gone
    }
}

impl Conversation {
    /// A conversation with a client that has just connected.
    pub fn new(socket: WebSocket, seat: RisSeat, views: Views, hosts: Hosts) -> Self {
        Self {
            socket,
            seat,
            views,
            hosts,
            acknowledges: false,
        }
    }

    /// Talks to the client until one of the two ends the connection.
    pub async fn run(mut self) {
        if let Err(End::Told(code, reason)) = self.talk().await {
            let frame = CloseFrame {
                code,
                reason: Utf8Bytes::from_static(reason),
            };
            // The client may be gone.
            let _ = self.socket.send(Message::Close(Some(frame))).await;
        }
    }

    async fn talk(&mut self) -> Result<(), End> {
        let mut ping_at = Instant::now() + PING_EVERY;
        let mut unanswered = 0;
        loop {
            let event = tokio::select! {
                messages = self.seat.next() => Event::Messages(messages),
                received = self.socket.recv() => Event::Received(received),
                () = sleep_until(ping_at) => Event::PingIsDue,
            };
            match event {
                Event::Messages(Some(messages)) => self.send(messages).await?,
                Event::Messages(None) => return Err(End::Told(close_code::POLICY, "reads too slowly")),
                Event::Received(None) => return Ok(()),
                Event::Received(Some(Ok(Message::Close(_)))) => {
                    // The library has queued the close frame that answers this one (RFC 6455 §5.5.1). The client may be gone.
                    let _ = self.socket.flush().await;
                    return Ok(());
                }
                Event::Received(Some(Err(_))) => return Err(self.refuse_frame().await),
                Event::Received(Some(Ok(message))) => {
                    unanswered = 0;
                    self.answer(message).await?;
                }
                Event::PingIsDue if unanswered >= MOST_UNANSWERED => {
                    return Err(End::Told(close_code::POLICY, "answers no ping"));
                }
                Event::PingIsDue => {
                    unanswered += 1;
                    self.socket.send(Message::Ping(Bytes::new())).await?;
                    // Pings that were due during a long write are left out: the client needs time to answer.
                    ping_at = Instant::now() + PING_EVERY;
                }
            }
        }
    }

    /// Sends messages, as many as fit with one write.
    async fn send(&mut self, messages: VecDeque<Bytes>) -> Result<(), Error> {
        for message in messages {
            self.socket.feed(text_frame(message)).await?;
        }
        self.socket.flush().await
    }

    /// Answers a message of the client.
    async fn answer(&mut self, message: Message) -> Result<(), Error> {
        let answer = match message {
            Message::Text(text) if text.len() > MOST_MESSAGE_BYTES => {
                let detail = format!("the message is longer than {MOST_MESSAGE_BYTES} bytes");
                let wrong = Wrong::new(detail, "split a long list of prefixes into several subscriptions");
                Some(wrong.message())
            }
            Message::Text(text) => self.answer_text(&text).await,
            Message::Binary(_) => {
                let wrong = Wrong::new("the message is binary", "send JSON in a text frame");
                Some(wrong.message())
            }
            // The library answers pings.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
        };
        match answer {
            Some(answer) => self.socket.send(text_frame(answer)).await,
            None => Ok(()),
        }
    }

    async fn answer_text(&mut self, text: &str) -> Option<Bytes> {
        match read_request(text, self.views) {
            Ok(Request::Subscribe(subscription)) => self.subscribe(*subscription),
            Ok(Request::Unsubscribe(None)) => {
                self.seat.unsubscribe_from_all();
                None
            }
            Ok(Request::Unsubscribe(Some(filter))) => {
                let was_there = self.seat.unsubscribe(&filter);
                (!was_there).then(|| {
                    let wrong = Wrong::new(
                        "there is no subscription with this filter",
                        "repeat the data of its ris_subscribe, or leave data out to end all subscriptions",
                    );
                    wrong.message()
                })
            }
            Ok(Request::HostList) => Some(match (self.hosts)().await {
                Ok(hosts) => host_list(&hosts),
                Err(wrong) => wrong.message(),
            }),
            Ok(Request::Ping) => Some(pong()),
            Err(wrong) => Some(wrong.message()),
        }
    }

    fn subscribe(&mut self, subscription: Subscription) -> Option<Bytes> {
        self.acknowledges = subscription.acknowledge.unwrap_or(self.acknowledges);
        match self.seat.subscribe(subscription.filter) {
            Subscribed::Accepted => self.acknowledges.then(|| subscribe_ok(subscription.fields)),
            Subscribed::TooMany => {
                let wrong = Wrong::new(
                    format!(
                        "this client would have more than {MOST_ENTRIES} subscriptions, where each prefix counts as one"
                    ),
                    "subscribe to a prefix that contains several of them, end other subscriptions, or open a second connection",
                );
                Some(wrong.message())
            }
            Subscribed::TooManyWithoutPrefix => {
                let wrong = Wrong::new(
                    format!(
                        "this client would have more than {MOST_WITHOUT_PREFIX} subscriptions without a prefix"
                    ),
                    "add a prefix to subscriptions, end other subscriptions, or open a second connection",
                );
                Some(wrong.message())
            }
        }
    }

    /// Tells a client whose frame can't be received what a message has to be.
    async fn refuse_frame(&mut self) -> End {
        let wrong = Wrong::new(
            format!(
                "a message can't be received: it is longer than {MOST_RECEIVED_BYTES} bytes, or no valid frame"
            ),
            "send shorter messages",
        );
        // The connection may be broken, and bytes that nobody reads may keep the client from reading this.
        match self.socket.send(text_frame(wrong.message())).await {
            Ok(()) => End::Told(close_code::SIZE, "message can't be received"),
            Err(_) => End::Gone,
        }
    }
}

fn text_frame(text: Bytes) -> Message {
    // All messages are made from `String`, so they are UTF-8.
    match Utf8Bytes::try_from(text) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Text(Utf8Bytes::default()),
    }
}
