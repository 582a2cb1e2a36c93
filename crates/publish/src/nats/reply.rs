//! Replies of the server: acknowledgements, refusals and events, each turned into what it means.

use arancini_client::connect::Connection;
use arancini_client::streams::missing_stream;
use arancini_client::{Reason, Trouble};
use async_nats::{Event, ServerError};
use serde::Deserialize;

/// Replaces a failure by what the server has reported meanwhile, if anything: a permission violation or the end of the
/// connection explains the failure better than the failure itself.
pub(crate) fn explained(failure: Trouble, connection: &mut Connection) -> Trouble {
    let events = std::iter::from_fn(|| connection.events.try_recv().ok());
    let (errors, rest): (Vec<_>, Vec<_>) = events.partition(|event| matches!(event, Event::ServerError(_)));
    let mut troubles = errors.into_iter().chain(rest).filter_map(trouble_of);
    troubles.next().unwrap_or(failure)
}

/// Returns the trouble that an event stands for; `None` if the connection can be used on.
pub(crate) fn trouble_of(event: Event) -> Option<Trouble> {
    match event {
        Event::Disconnected | Event::Closed => Some(lost()),
        Event::ServerError(ServerError::AuthorizationViolation) => Some(Trouble::new(
            Reason::Authentication,
            "the server has withdrawn the authorization",
            "check the user and its account on the server",
        )),
        Event::ServerError(ServerError::Other(text))
            if text.to_ascii_lowercase().contains("permissions violation") =>
        {
            Some(Trouble::new(
                Reason::Permission,
                format!("the server denies a permission: {text}"),
                "allow the user to publish the base subject and $JS.API.>, and to subscribe to its inbox",
            ))
        }
        Event::ServerError(ServerError::Other(text)) => Some(Trouble::new(
            Reason::Other,
            format!("the server reports: {text}"),
            "look at the server's log",
        )),
        _ => None,
    }
}

/// The trouble of a lost connection.
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
    /// Stream sequence of the message.
    #[serde(default)]
    pub(crate) seq: u64,
    /// The stream had the message before.
    #[serde(default)]
    pub(crate) duplicate: bool,
    /// Why the stream does not take the message.
    pub(crate) error: Option<Refusal>,
}

/// Error code of a message whose expected last place of a subject is not its last.
const WRONG_LAST_SEQUENCE: u32 = 10071;
/// Error code of a message with an expected place, while a replicated stream still stores another one. The text is almost the
/// same as of [`WRONG_LAST_SEQUENCE`].
const STILL_STORING: u32 = 10164;

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
    /// Returns whether the expected last place of a subject is not its last: somebody else has raised the fence.
    pub(crate) const fn is_wrong_sequence(&self) -> bool {
        self.err_code == WRONG_LAST_SEQUENCE
    }

    /// Returns whether another message with an expected place is still being stored. Nothing is known of the place yet, and
    /// the message may be sent again.
    pub(crate) const fn is_too_early(&self) -> bool {
        self.err_code == STILL_STORING
    }
}

/// Turns a refusal into a trouble. The error codes are those of nats-server's `errors.json`.
pub(crate) fn explain_refusal(stream: &str, refusal: Option<Refusal>) -> Trouble {
    let Some(Refusal {
        code,
        err_code,
        description,
    }) = refusal
    else {
        return Trouble::new(
            Reason::Other,
            "can't read an acknowledgement of the server",
            "look at the server's log",
        );
    };
    let said = format!("stream {stream} refuses: {description} ({code}/{err_code})");
    match err_code {
        10077 | 10023 | 10047 | 10002 | 10028 => Trouble::new(
            Reason::StreamFull,
            said,
            "raise the limits of the stream or the account, free disk space, or let the stream discard old messages",
        ),
        10054 => Trouble::new(
            Reason::TooLarge,
            said,
            "nothing: a size limit was lowered, and the collector connects again to learn it; raise the stream's max_msg_size so that consumers get such messages",
        ),
        10060 => Trouble::new(
            Reason::StreamMismatch,
            said,
            "set nats.stream to the stream that has these subjects",
        ),
        10059 => missing_stream(stream),
        STILL_STORING => Trouble::new(
            Reason::Other,
            format!("{said}; it was still storing another message with the fence's check"),
            "nothing: the collector sends the message again",
        ),
        WRONG_LAST_SEQUENCE => Trouble::new(
            Reason::Fenced,
            said,
            "if the fence has aged out or was purged, the collector publishes the fence again; do nothing. Otherwise another collector uses this name: give each collector its own collector_name",
        ),
        _ => Trouble::new(Reason::Other, said, "look at the server's log"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal(err_code: u32) -> Option<Refusal> {
        let text = format!(
            r#"{{"error":{{"code":400,"err_code":{err_code},"description":"wrong last sequence"}},"stream":"S","seq":0}}"#
        );
        serde_json::from_str::<Ack>(&text).unwrap().error
    }

    #[test]
    fn a_place_that_is_not_known_yet_is_not_a_second_collector() {
        let early = refusal(10164).unwrap();
        assert!(early.is_too_early() && !early.is_wrong_sequence());
        let trouble = explain_refusal("S", Some(early));
        assert_eq!(trouble.reason, Reason::Other);
        assert!(!trouble.remedy.contains("collector_name"), "{trouble}");
        let wrong = refusal(10071).unwrap();
        assert!(wrong.is_wrong_sequence() && !wrong.is_too_early());
        assert_eq!(explain_refusal("S", Some(wrong)).reason, Reason::Fenced);
    }
}
