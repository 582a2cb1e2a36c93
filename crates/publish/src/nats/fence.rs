//! The fence: what keeps the late writes of a dead connection, and a second collector of the same name, out of the stream.
//!
//! Each session publishes one message to `<base>.fence.<collector>`; its place in the stream is the fence. Every message of
//! the session says that this place must still be the last of that subject, so once a later session has raised the fence,
//! the server refuses whatever earlier ones had left on its way. A session raises it only from where it found it: of two
//! collectors that take turns, the earlier one learns that it is fenced off and ends.
//!
//! A server before 2.11 does not know the header, and a stream with replicas takes one such message at a time: without the
//! check of each message there, a second collector is found when it connects, and late writes are waited for at a restart.

use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::{Client, HeaderMap};

use super::message::{HEADER_COLLECTOR, HEADER_EXPECTED_STREAM};
use super::reply::{Ack, explain_refusal, lost};
use crate::settings::NatsSettings;
use crate::status::{Reason, Trouble};

/// The start of the collector that raised the fence, in Unix nanoseconds.
pub const HEADER_INCARNATION: &str = "Arancini-Incarnation";
/// Which place of a subject must be its last one.
pub const HEADER_EXPECTED_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// The subject that is meant, where it is not the message's own.
pub const HEADER_EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// Somebody else may raise the fence between a look and the attempt, but hardly for ever.
const ATTEMPTS: usize = 5;

/// What one life of a collector knows of its fence.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    subject: String,
    collector: String,
    incarnation: u64,
    stream: String,
    /// Where this life raised it last.
    raised: Option<u64>,
    /// There was none when it was raised, though the stream was not a new one.
    was_gone: bool,
}

impl Fence {
    /// Not raised yet.
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

    /// Its subject.
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Where it was raised last; 0 if it was not.
    pub(crate) fn place(&self) -> u64 {
        self.raised.unwrap_or_default()
    }

    /// Whether there was none in a stream that had been written to. If one had been raised before, by this life or another,
    /// somebody removed what the stream held, unless it aged out.
    pub(crate) const fn was_gone(&self) -> bool {
        self.was_gone
    }

    /// Raises it for a new session.
    ///
    /// # Errors
    /// [`Reason::Fenced`]: another collector of this name has raised it since this one did. Otherwise the stream can't be
    /// read or written now.
    pub(crate) async fn raise(mut self, client: &Client, stream: &Stream) -> Result<Self, Trouble> {
        for _ in 0..ATTEMPTS {
            let (last, owner) = self.look(stream).await?;
            self.was_gone = last == 0 && stream.cached_info().state.last_sequence > 0;
            if let Some(raised) = self.raised
                && last > raised
                && owner != Some(self.incarnation)
            {
                return Err(self.fenced_off(owner));
            }
            if let Some(place) = self.try_from(last, client).await? {
                self.raised = Some(place);
                return Ok(self);
            }
        }
        Err(Trouble::new(
            Reason::Other,
            format!("others raise the fence {} all the time", self.subject),
            "give each collector a name of its own (collector_name)",
        ))
    }

    /// Where the fence is, 0 for nowhere, and who raised it.
    async fn look(&self, stream: &Stream) -> Result<(u64, Option<u64>), Trouble> {
        match stream.get_last_raw_message_by_subject(&self.subject).await {
            Ok(last) => {
                let owner = last.headers.get(HEADER_INCARNATION);
                Ok((last.sequence, owner.and_then(|owner| owner.as_str().parse().ok())))
            }
            Err(error) => match error.kind() {
                LastRawMessageErrorKind::NoMessageFound => Ok((0, None)),
                LastRawMessageErrorKind::JetStream(refusal) => Err(Trouble::new(
                    Reason::Other,
                    format!("the last message of {} can't be had: {refusal}", self.subject),
                    "see the server's log",
                )),
                _ => Err(lost()),
            },
        }
    }

    /// Raises it if it is still at `last`; returns where it is then.
    async fn try_from(&self, last: u64, client: &Client) -> Result<Option<u64>, Trouble> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_EXPECTED_STREAM, self.stream.as_str());
        headers.insert(HEADER_EXPECTED_SEQUENCE, last.to_string().as_str());
        headers.insert(HEADER_COLLECTOR, self.collector.as_str());
        headers.insert(HEADER_INCARNATION, self.incarnation.to_string().as_str());
        let request = client.request_with_headers(self.subject.clone(), headers, "".into());
        let reply = request.await.map_err(|_| lost())?;
        let ack: Ack = serde_json::from_slice(&reply.payload).unwrap_or_default();
        match ack.error {
            None if ack.seq > 0 => Ok(Some(ack.seq)),
            Some(refusal) if refusal.is_wrong_sequence() => Ok(None),
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
            "stop one of the two, or give each a name of its own (collector_name)",
        )
    }
}

/// Whether this is a collector's fence, which says nothing to consumers.
pub(crate) fn is_fence(base: &str, subject: &str) -> bool {
    let below = subject
        .strip_prefix(base)
        .and_then(|rest| rest.strip_prefix(".fence."));
    below.is_some()
}

/// The subject of a collector's fence.
fn subject(base: &str, collector: &str) -> String {
    format!("{base}.fence.{collector}")
}

/// Whether server and stream check the fence of each message.
pub(crate) fn is_checked(client: &Client, stream: &Stream) -> bool {
    client.is_server_compatible(2, 11, 0) && stream.cached_info().config.num_replicas == 1
}
