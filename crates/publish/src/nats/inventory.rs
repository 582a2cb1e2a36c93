//! Inventory: which messages the stream has of those that are in doubt after a lost connection.
//!
//! The stream is asked for each message's id. A conclusion from the last message of a subject would lose a message that the
//! server refused when nobody listened any more. Only headers are transferred.
//!
//! A read ends at the fence that the present connection has raised. In a stream with replicas, the server may read from a
//! replica that lags behind, and such a replica may not even have messages that were acknowledged. The fence was stored
//! behind all of them, so whoever has read the fence has read them all.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arancini_client::headers::{HEADER_MESSAGE_ID, message_identity};
use arancini_client::{Reason, Trouble};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;

use super::labels::FenceLabel;
use super::landmarks::Landmark;
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
    /// An acknowledged message: whether the stream still has it.
    pub(crate) landmark: Option<Landmark>,
}

/// Place from which the stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floor {
    /// Behind this stream sequence, where it is known and the stream still counts higher.
    sequence: Option<u64>,
    /// Otherwise from this time on, in Unix nanoseconds.
    unix_ns: u64,
}

/// How far the server's clock may be behind the collector's.
const CLOCKS_APART_NS: u64 = 600_000_000_000;

impl Floor {
    /// Returns the place behind this stream sequence, which the stream had reached at this time.
    pub(crate) const fn behind(sequence: u64, unix_ns: u64) -> Self {
        Self {
            sequence: Some(sequence),
            unix_ns,
        }
    }

    /// Returns the place that an earlier run knew when it began the spool's first file.
    pub(crate) fn of_former(head: FileHead) -> Self {
        Self {
            sequence: (head.floor > 0).then_some(head.floor),
            unix_ns: head.created_ns,
        }
    }

    /// Returns where to begin if the fence is at this place. A stream whose fence lies lower than the floor was created
    /// again, or has lost its end.
    fn policy(self, fence: u64) -> DeliverPolicy {
        match self.sequence {
            Some(sequence) if sequence < fence => DeliverPolicy::ByStartSequence {
                start_sequence: sequence + 1,
            },
            _ => {
                let start = self.unix_ns.saturating_sub(CLOCKS_APART_NS);
                match async_nats::datetime::from_nanos(i128::from(start)) {
                    Ok(start_time) => DeliverPolicy::ByStartTime { start_time },
                    Err(_) => DeliverPolicy::All,
                }
            }
        }
    }
}

/// What the stream has of the messages that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Ids of the messages in doubt, with their places in the stream.
    pub(crate) ids: HashMap<String, u64>,
    /// The landmark is at its place.
    pub(crate) has_landmark: bool,
}

/// Reads which messages in doubt the stream has, up to the fence. `base` are the subjects of the stream.
///
/// # Errors
/// The stream cannot be read now.
pub(crate) async fn take_inventory(
    stream: &Stream,
    base: String,
    fence: &FenceLabel,
    doubts: &Doubts,
    within: Duration,
) -> Result<Inventory, Trouble> {
    let name = &stream.cached_info().config.name;
    let failed = |error: &dyn std::fmt::Display| {
        Trouble::new(
            Reason::Other,
            format!("can't ask stream {name} which messages it has: {error}"),
            "allow the user to publish $JS.API.CONSUMER.> for the stream; if the user may, look at the server's load",
        )
    };
    let mut filters: HashSet<&str> = doubts.subjects.iter().map(|subject| &**subject).collect();
    filters.extend(doubts.landmark.iter().map(|landmark| &*landmark.subject));
    filters.insert(&fence.subject);
    let filter_subjects = if filters.len() <= MOST_FILTERS && doubts.prefix.is_none() {
        filters.into_iter().map(str::to_owned).collect()
    } else {
        vec![base]
    };
    let config = pull::OrderedConfig {
        deliver_policy: doubts.floor.policy(fence.place),
        filter_subjects,
        headers_only: true,
        ..pull::OrderedConfig::default()
    };
    let consumer = stream
        .create_consumer(config)
        .await
        .map_err(|error| failed(&error))?;
    let mut messages = consumer.messages().await.map_err(|error| failed(&error))?;
    let mut inventory = Inventory::default();
    loop {
        let next = tokio::time::timeout(within, messages.next()).await.map_err(|_| {
            failed(&format!(
                "nothing arrives before the fence at sequence {}",
                fence.place
            ))
        })?;
        let message = match next {
            Some(message) => message.map_err(|error| failed(&error))?,
            None => return Err(failed(&"the consumer ended early")),
        };
        let sequence = message.info().map_err(|error| failed(&error))?.stream_sequence;
        if sequence >= fence.place {
            return Ok(inventory);
        }
        let Some(headers) = message.headers.as_ref() else {
            continue;
        };
        if let Some(landmark) = doubts
            .landmark
            .as_ref()
            .filter(|landmark| landmark.sequence == sequence)
        {
            inventory.has_landmark = message_identity(headers) == Some(&landmark.identity);
        }
        let is_wanted = |id: &str| match &doubts.prefix {
            Some(prefix) => id.starts_with(prefix),
            None => doubts.subjects.contains(message.subject.as_str()),
        };
        let id = headers.get(HEADER_MESSAGE_ID).map(|id| id.as_str());
        if let Some(id) = id.filter(|id| is_wanted(id)) {
            inventory.ids.insert(id.to_owned(), sequence);
        }
    }
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
