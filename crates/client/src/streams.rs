//! Finding a JetStream stream, and explaining why the server does not give it.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, ErrorCode};

use crate::trouble::{Reason, Trouble};

/// Looks up a stream; `None` if it does not exist.
///
/// # Errors
/// The server does not answer, or has no JetStream for this account.
pub async fn find_stream(context: &jetstream::Context, name: &str) -> Result<Option<Stream>, Trouble> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(reply) if reply.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Ok(None)
            }
            _ => Err(explain_api(name, "STREAM.INFO", &error.to_string())),
        },
    }
}

/// The trouble of a stream that does not exist.
pub fn missing_stream(name: &str) -> Trouble {
    Trouble::new(
        Reason::StreamMissing,
        format!("there is no stream {name}"),
        "create it with `arancini stream create`, or set nats.create_stream = true",
    )
}

/// Explains why a call of the JetStream API failed; `text` is the error of async-nats.
pub fn explain_api(name: &str, call: &str, text: &str) -> Trouble {
    let lower = text.to_ascii_lowercase();
    let no_jetstream = ["no responders", "not enabled", "resource does not exist"];
    if no_jetstream.iter().any(|part| lower.contains(part)) {
        return Trouble::new(
            Reason::StreamMissing,
            format!("the server has no JetStream for this account ({text})"),
            "start nats-server with -js, or enable JetStream for the account",
        );
    }
    if lower.contains("timed out") || lower.contains("request error") {
        return Trouble::new(
            Reason::Permission,
            format!("JetStream does not answer $JS.API.{call}.{name} ({text})"),
            format!(
                "allow the user to publish $JS.API.{call}.{name} and to subscribe to its inbox; if the user may, look at the server's load"
            ),
        );
    }
    if lower.contains("insufficient") || lower.contains("resource limits") || lower.contains("maximum") {
        return Trouble::new(
            Reason::StreamFull,
            format!("JetStream has no room for stream {name} ({text})"),
            "raise max_file_store or the account's limits, or lower nats.max_bytes or nats.replicas",
        );
    }
    Trouble::new(
        Reason::Other,
        format!("JetStream refuses {call} for stream {name}: {text}"),
        "look at the server's log",
    )
}
