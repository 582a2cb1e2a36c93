//! Finding a JetStream stream, and explaining why the server does not give it.

use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, ErrorCode};
use futures_util::{StreamExt, TryStreamExt};

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

/// Time for the names of other streams. A user who may not ask for them gets no answer at all.
const NAMES_WITHIN: Duration = Duration::from_secs(2);
/// Streams that a message names.
const MOST_NAMES: usize = 10;

/// Looks up a stream that somebody has named. If it does not exist, the trouble names the streams that are there.
///
/// # Errors
/// The stream does not exist, or the server does not answer, or has no JetStream for this account.
pub async fn existing_stream(context: &jetstream::Context, name: &str) -> Result<Stream, Trouble> {
    if let Some(stream) = find_stream(context, name).await? {
        return Ok(stream);
    }
    let names = context.stream_names().take(1000).try_collect::<Vec<String>>();
    Err(match tokio::time::timeout(NAMES_WITHIN, names).await {
        Ok(Ok(names)) => missing_among(name, names),
        Ok(Err(_)) | Err(_) => missing_stream(name),
    })
}

/// The trouble of a stream that does not exist beside these. Those of key-value buckets and object stores are left out.
fn missing_among(name: &str, mut names: Vec<String>) -> Trouble {
    names.retain(|name| !name.starts_with("KV_") && !name.starts_with("OBJ_"));
    names.sort();
    if names.is_empty() {
        return Trouble::new(
            Reason::StreamMissing,
            format!("there is no stream {name}, and no other for this user"),
            "check the server and the account; `arancini stream create` creates the stream, and a collector does with nats.create_stream = true",
        );
    }
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Trouble::new(
        Reason::StreamMissing,
        format!(
            "there is no stream {name}; the server has {}{more}",
            names.join(", ")
        ),
        "name one of them (--stream, nats.stream), or create it with `arancini stream create`",
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_stream_is_told_with_the_streams_that_are_there() {
        let told = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            missing_among("NONE", names.collect()).to_string()
        };
        let buckets = ["KV_arancini-snapshots", "OBJ_arancini-snapshots"];
        assert!(
            told(&buckets)
                .starts_with("there is no stream NONE, and no other for this user; check the server")
        );
        let text = told(&["LAB", buckets[0], "ARANCINI"]);
        assert!(
            text.starts_with("there is no stream NONE; the server has ARANCINI, LAB; name one of them"),
            "{text}"
        );
        let many: Vec<_> = (10..22).map(|number| format!("S{number}")).collect();
        let text = told(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(text.contains("S18, S19 and 2 more;"), "{text}");
    }
}
