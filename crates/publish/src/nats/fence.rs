//! The fence: keeps late writes of a dead connection, and a second collector of the same name, out of the stream.
//!
//! Each connection publishes one message to `<base>.fence.<collector>`; the place of that message in the stream is the
//! fence. Every message of the connection carries a header that says: this place must still be the last one of that
//! subject. Once a later connection has raised the fence, the server refuses whatever earlier connections still had on
//! the way. A connection raises the fence only from the place where it found it. If two collectors take turns, the earlier
//! one notices that it is fenced off and ends.
//!
//! A server before 2.11 does not know the header, and a stream with replicas takes one such message at a time. Without the
//! check of each message, a second collector is noticed only when it connects, and a restart waits for late writes.

use std::time::Duration;

use arancini_client::headers::{
    HEADER_COLLECTOR, HEADER_EXPECTED_SEQUENCE, HEADER_EXPECTED_STREAM, HEADER_INCARNATION,
};
use arancini_client::{Reason, Trouble};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::{Client, HeaderMap};

use super::labels::FenceLabel;
use super::landmarks::Landmark;
use super::reply::{Ack, explain_refusal, lost};
use crate::settings::NatsSettings;

/// Attempts to raise the fence. Another connection may raise it between the look and the attempt, but hardly each time.
const ATTEMPTS: usize = 5;

/// The fence, as one life of a collector knows it.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    subject: String,
    collector: String,
    incarnation: u64,
    stream: String,
    /// The place where this life raised it last.
    raised: Option<u64>,
    /// There was no fence when this life raised it, though the stream was not new.
    was_gone: bool,
}

/// Pause before the next attempt while the servers of a cluster still store an earlier message.
const STORING: Duration = Duration::from_millis(2);
/// Such pauses before the connection is given up.
const MOST_WAITS: usize = 500;

/// What came of one attempt to raise the fence.
enum Attempt {
    /// The fence is at this place now.
    Raised(u64),
    /// Another connection was faster.
    Overtaken,
    /// The servers still store an earlier message, so nothing is decided.
    TooEarly,
}

/// Where the fence was found, and which life raised it.
struct Found {
    /// Its place in the stream; 0 if there is none.
    place: u64,
    /// Start of the collector that raised it, if that is known.
    owner: Option<u64>,
}

impl Fence {
    /// Creates a fence that is not raised yet.
    pub(crate) fn new(settings: &NatsSettings, collector: &str, incarnation: u64) -> Self {
        Self {
            subject: subject(&settings.stream.base, collector),
            collector: collector.to_owned(),
            incarnation,
            stream: settings.stream.name.clone(),
            raised: None,
            was_gone: false,
        }
    }

    /// Returns the fence as each message names it.
    pub(crate) fn label(&self) -> FenceLabel {
        FenceLabel {
            subject: self.subject.clone(),
            place: self.raised.unwrap_or_default(),
        }
    }

    /// Returns the fence as a landmark: once it was raised, the stream has it.
    pub(crate) fn landmark(&self) -> Landmark {
        Landmark {
            sequence: self.raised.unwrap_or_default(),
            subject: self.subject.as_str().into(),
            identity: self.incarnation.to_string(),
        }
    }

    /// Returns whether the stream had messages but no fence. If this or another life had raised one before, somebody has
    /// removed what the stream held, or it aged out.
    pub(crate) const fn was_gone(&self) -> bool {
        self.was_gone
    }

    /// Raises the fence for a new connection.
    ///
    /// # Errors
    /// [`Reason::Fenced`]: another collector of this name has raised the fence since this one did. Any other reason: the
    /// stream cannot be read or written now.
    pub(crate) async fn raise(mut self, client: &Client, stream: &Stream) -> Result<Self, Trouble> {
        let (mut attempts, mut waits) = (0, 0);
        while attempts < ATTEMPTS {
            let Found { place: last, owner } = self.look(stream).await?;
            self.was_gone = last == 0 && stream.cached_info().state.last_sequence > 0;
            if let Some(raised) = self.raised
                && last > raised
                && owner != Some(self.incarnation)
            {
                return Err(self.fenced_off(owner));
            }
            match self.try_from(last, client).await? {
                Attempt::Raised(place) => {
                    self.raised = Some(place);
                    return Ok(self);
                }
                Attempt::Overtaken => attempts += 1,
                // Nothing was stored, and nobody is in the way. The servers finish within milliseconds.
                Attempt::TooEarly if waits < MOST_WAITS => {
                    waits += 1;
                    tokio::time::sleep(STORING).await;
                }
                Attempt::TooEarly => return Err(still_storing(&self.subject)),
            }
        }
        Err(Trouble::new(
            Reason::Other,
            format!("other collectors keep raising the fence {}", self.subject),
            "give each collector a name of its own (collector_name)",
        ))
    }

    /// Looks where the fence is.
    async fn look(&self, stream: &Stream) -> Result<Found, Trouble> {
        match stream.get_last_raw_message_by_subject(&self.subject).await {
            Ok(last) => {
                let owner = last.headers.get(HEADER_INCARNATION);
                Ok(Found {
                    place: last.sequence,
                    owner: owner.and_then(|owner| owner.as_str().parse().ok()),
                })
            }
            Err(error) => match error.kind() {
                LastRawMessageErrorKind::NoMessageFound => Ok(Found {
                    place: 0,
                    owner: None,
                }),
                LastRawMessageErrorKind::JetStream(refusal) => Err(Trouble::new(
                    Reason::Other,
                    format!("can't read the last message of {}: {refusal}", self.subject),
                    "look at the server's log",
                )),
                _ => Err(lost()),
            },
        }
    }

    /// Raises the fence if it is still at `last`.
    async fn try_from(&self, last: u64, client: &Client) -> Result<Attempt, Trouble> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_EXPECTED_STREAM, self.stream.as_str());
        headers.insert(HEADER_EXPECTED_SEQUENCE, last.to_string().as_str());
        headers.insert(HEADER_COLLECTOR, self.collector.as_str());
        headers.insert(HEADER_INCARNATION, self.incarnation.to_string().as_str());
        let request = client.request_with_headers(self.subject.clone(), headers, "".into());
        let reply = request.await.map_err(|_| lost())?;
        let ack: Ack = serde_json::from_slice(&reply.payload).unwrap_or_default();
        match ack.error {
            None if ack.seq > 0 => Ok(Attempt::Raised(ack.seq)),
            Some(refusal) if refusal.is_wrong_sequence() => Ok(Attempt::Overtaken),
            Some(refusal) if refusal.is_too_early() => Ok(Attempt::TooEarly),
            error => Err(explain_refusal(&self.stream, error)),
        }
    }

    fn fenced_off(&self, owner: Option<u64>) -> Trouble {
        let started = owner.map_or_else(String::new, |owner| format!(", started at {owner} ns,"));
        Trouble::new(
            Reason::Fenced,
            format!(
                "another collector named {}{started} publishes to stream {}",
                self.collector, self.stream
            ),
            "stop one of the two, or give each collector a name of its own (collector_name)",
        )
    }
}

fn still_storing(fence: &str) -> Trouble {
    Trouble::new(
        Reason::Timeout,
        format!("the servers keep storing an earlier message of {fence}"),
        "check the load and the disks of the servers that hold the stream",
    )
}

/// Returns the subject of a collector's fence.
fn subject(base: &str, collector: &str) -> String {
    format!("{base}.fence.{collector}")
}

/// Returns whether server and stream check the fence of each message.
pub(crate) fn is_checked(client: &Client, stream: &Stream) -> bool {
    client.is_server_compatible(2, 11, 0) && stream.cached_info().config.num_replicas == 1
}
