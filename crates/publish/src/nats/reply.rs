//! What the server says back: acknowledgements, refusals, events; each turned into what it means.

use async_nats::{Event, ServerError};
use serde::Deserialize;

use super::connect::Connection;
use super::stream;
use crate::status::{Reason, Trouble};

/// What the server reported meanwhile (a permission violation, the end of the connection) explains a failure better
/// than the failure itself.
pub(crate) fn explained(failure: Trouble, connection: &mut Connection) -> Trouble {
    let events = std::iter::from_fn(|| connection.events.try_recv().ok());
    let (said, rest): (Vec<_>, Vec<_>) = events.partition(|event| matches!(event, Event::ServerError(_)));
    said.into_iter().chain(rest).find_map(judge).unwrap_or(failure)
}

/// What an event means for the session.
pub(crate) fn judge(event: Event) -> Option<Trouble> {
    match event {
        Event::Disconnected | Event::Closed => Some(lost()),
        Event::ServerError(ServerError::AuthorizationViolation) => Some(Trouble::new(
            Reason::Authentication,
            "the server withdrew the authorization",
            "check user and account on the server",
        )),
        Event::ServerError(ServerError::Other(text))
            if text.to_ascii_lowercase().contains("permissions violation") =>
        {
            Some(Trouble::new(
                Reason::Permission,
                format!("the server denies: {text}"),
                "let the user publish the base subject and $JS.API.>, and subscribe its inbox",
            ))
        }
        Event::ServerError(ServerError::Other(text)) => Some(Trouble::new(
            Reason::Other,
            format!("the server says: {text}"),
            "see the server's log",
        )),
        _ => None,
    }
}

pub(crate) fn lost() -> Trouble {
    Trouble::new(
        Reason::Unreachable,
        "the connection to NATS is lost",
        "if it does not come back, check nats-server and the network",
    )
}

/// A publish acknowledgement of JetStream.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Ack {
    /// Where the stream has it.
    #[serde(default)]
    pub(crate) seq: u64,
    /// The stream had it before.
    #[serde(default)]
    pub(crate) duplicate: bool,
    /// The stream does not take it.
    pub(crate) error: Option<Refusal>,
}

/// Why the stream does not take a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

impl Refusal {
    /// The place that was expected to be the last of a subject is not.
    pub(crate) const fn is_wrong_sequence(&self) -> bool {
        matches!(self.err_code, 10071 | 10164)
    }
}

/// Error codes as nats-server's `errors.json` numbers them.
pub(crate) fn explain_refusal(stream: &str, refusal: Option<Refusal>) -> Trouble {
    let Some(Refusal {
        code,
        err_code,
        description,
    }) = refusal
    else {
        return Trouble::new(
            Reason::Other,
            "an acknowledgement could not be read",
            "see the server's log",
        );
    };
    let said = format!("stream {stream} refuses: {description} ({code}/{err_code})");
    match err_code {
        10077 | 10023 | 10047 | 10002 | 10028 => Trouble::new(
            Reason::StreamFull,
            said,
            "raise the limits of stream or account, free disk, or let the stream discard old messages",
        ),
        10054 => Trouble::new(Reason::TooLarge, said, "raise max_msg_size of the stream"),
        10060 => Trouble::new(
            Reason::StreamMismatch,
            said,
            "another stream has these subjects; correct nats.stream",
        ),
        10059 => stream::missing(stream),
        10071 | 10164 => Trouble::new(
            Reason::Fenced,
            said,
            "none if the fence has aged out, it is raised anew; otherwise another collector has this one's name",
        ),
        _ => Trouble::new(Reason::Other, said, "see the server's log"),
    }
}
