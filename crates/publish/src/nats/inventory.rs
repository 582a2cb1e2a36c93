//! Inventory: which messages the stream has of those that are in doubt after a lost connection.
//!
//! The stream is asked for each message's id. A conclusion from the last message of a subject would lose a message that the
//! server refused when nobody listened any more. Only headers are transferred.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arancini_client::headers::HEADER_MESSAGE_ID;
use arancini_client::{Reason, Trouble};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;

use crate::spool::FileHead;

/// With more subjects than this the whole base is read, since long lists of filters are slow on the server.
const MOST_FILTERS: usize = 64;

/// The messages that are in doubt.
#[derive(Debug, Clone)]
pub(crate) struct Doubts {
    /// Their subjects.
    pub(crate) subjects: HashSet<Arc<str>>,
    /// The stream holds them behind this place, if at all.
    pub(crate) floor: Floor,
    /// If present, all ids with this prefix are asked for instead of those on `subjects`.
    pub(crate) prefix: Option<String>,
}

/// Place from which the stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Floor {
    /// Behind this stream sequence.
    Sequence(u64),
    /// From this time on, in Unix nanoseconds.
    Time(u64),
}

/// How far the server's clock may be behind the collector's.
const CLOCKS_APART_NS: u64 = 600_000_000_000;

impl Floor {
    /// Returns the place that a former life knew when it began the spool's first file.
    pub(crate) fn of_former(head: FileHead) -> Self {
        match head.floor {
            0 => Self::Time(head.created_ns.saturating_sub(CLOCKS_APART_NS)),
            sequence => Self::Sequence(sequence),
        }
    }

    fn policy(self, last_sequence: u64) -> DeliverPolicy {
        match self {
            // A stream that counts lower was created again.
            Self::Sequence(sequence) if sequence > last_sequence => DeliverPolicy::All,
            Self::Sequence(sequence) => DeliverPolicy::ByStartSequence {
                start_sequence: sequence + 1,
            },
            Self::Time(unix_ns) => match async_nats::datetime::from_nanos(i128::from(unix_ns)) {
                Ok(start_time) => DeliverPolicy::ByStartTime { start_time },
                Err(_) => DeliverPolicy::All,
            },
        }
    }
}

/// Reads the ids of the messages in doubt that the stream has.
pub(crate) async fn stored_ids(
    stream: &Stream,
    base: String,
    doubts: Doubts,
    within: Duration,
) -> Result<HashSet<String>, Trouble> {
    let name = &stream.cached_info().config.name;
    let failed = |error: &dyn std::fmt::Display| {
        Trouble::new(
            Reason::Other,
            format!("can't ask stream {name} which messages it has: {error}"),
            "allow the user to publish $JS.API.CONSUMER.> for the stream; if the user may, look at the server's load",
        )
    };
    let filter_subjects = match doubts.subjects.len() {
        1..=MOST_FILTERS => doubts.subjects.iter().map(ToString::to_string).collect(),
        _ => vec![base],
    };
    let config = pull::OrderedConfig {
        deliver_policy: doubts.floor.policy(stream.cached_info().state.last_sequence),
        filter_subjects,
        headers_only: true,
        ..pull::OrderedConfig::default()
    };
    let consumer = stream
        .create_consumer(config)
        .await
        .map_err(|error| failed(&error))?;
    let mut pending = consumer.cached_info().num_pending;
    let mut ids = HashSet::new();
    if pending == 0 {
        return Ok(ids);
    }
    let mut messages = consumer.messages().await.map_err(|error| failed(&error))?;
    while pending > 0 {
        let next = tokio::time::timeout(within, messages.next())
            .await
            .map_err(|late| failed(&late))?;
        let message = match next {
            Some(message) => message.map_err(|error| failed(&error))?,
            None => return Err(failed(&"the consumer ended early")),
        };
        pending = message.info().map_err(|error| failed(&error))?.pending;
        let id = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get(HEADER_MESSAGE_ID));
        let is_wanted = |id: &str| match &doubts.prefix {
            Some(prefix) => id.starts_with(prefix),
            None => doubts.subjects.contains(message.subject.as_str()),
        };
        if let Some(id) = id.map(|id| id.as_str()).filter(|id| is_wanted(id)) {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}

/// Memory of how far the stream was at which time, no further back than the oldest message in doubt.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    /// Time and stream sequence; both rise.
    marks: VecDeque<(u64, u64)>,
}

impl Floors {
    const RESOLUTION_NS: u64 = 50_000_000;

    /// Notes that the stream was at `sequence` at this time. `oldest_doubt_ns` is when the oldest unacknowledged message was
    /// sent.
    pub(crate) fn mark(&mut self, now_ns: u64, sequence: u64, oldest_doubt_ns: Option<u64>) {
        if self
            .marks
            .back()
            .is_some_and(|(at, _)| now_ns < at + Self::RESOLUTION_NS)
        {
            return;
        }
        self.marks.push_back((now_ns, sequence));
        let needed = oldest_doubt_ns.unwrap_or(now_ns);
        while self.marks.get(1).is_some_and(|(at, _)| *at <= needed) {
            self.marks.pop_front();
        }
    }

    /// Returns a stream sequence behind which everything lies that was first sent at this time.
    pub(crate) fn floor_of(&self, first_sent_ns: u64) -> u64 {
        self.marks
            .iter()
            .take_while(|(at, _)| *at <= first_sent_ns)
            .last()
            .map_or(0, |(_, sequence)| *sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_never_above_what_was_known_at_that_time() {
        let mut floors = Floors::default();
        assert_eq!(floors.floor_of(5), 0);
        let second = 1_000_000_000;
        for now in 1..=10 {
            floors.mark(now * second, now * 100, Some(3 * second + 1));
        }
        assert_eq!(floors.floor_of(3 * second + 1), 300);
        assert_eq!(floors.floor_of(9 * second + 7), 900);
        assert_eq!(floors.floor_of(99 * second), 1000);
        assert_eq!(
            floors.floor_of(2 * second),
            0,
            "not remembered any more: read from the beginning, never too little"
        );
    }

    #[test]
    fn marks_stay_few() {
        let mut floors = Floors::default();
        for now in 0..100_000 {
            floors.mark(now * 1_000_000, now, Some(now * 1_000_000));
        }
        assert!(floors.marks.len() <= 2, "{}", floors.marks.len());
    }
}
