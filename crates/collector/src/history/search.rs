//! Searches the history, the newest message first.

use std::time::Instant;

use arancini_core::BatchKind;
use arancini_schema::decode::Messages;
use arancini_schema::json::write_message;
use serde::{Deserialize, Serialize};

use super::batch::PublishedBatch;
use super::ring::Recent;
use crate::message_filter::MessageFilter;

/// A place in the history: right before this message of this batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Number of the batch.
    pub batch: u64,
    /// Number of the message in the batch.
    pub message: usize,
}

/// What is searched.
#[derive(Debug, Clone)]
pub struct Search {
    /// The conditions of the messages.
    pub filter: MessageFilter,
    /// Only messages of this kind; `None` for all kinds of the shelf.
    pub kind: Option<BatchKind>,
    /// Only messages before this place; `None` begins with the newest.
    pub before: Option<Place>,
    /// Most messages that are found.
    pub limit: usize,
    /// When the search ends at the latest.
    pub deadline: Instant,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The messages as `arancini tail --json` prints them, the newest first.
    pub lines: Vec<String>,
    /// Where the search goes on; `None` if it has seen everything.
    pub next: Option<Place>,
    /// Whether the search ended because of its deadline.
    pub is_out_of_time: bool,
}

impl Search {
    /// Searches until the limit, the deadline or the end. Gives up when `is_abandoned`, which is asked after each batch.
    pub fn run(&self, recent: &Recent, is_abandoned: impl Fn() -> bool) -> Found {
        let mut found = Found::default();
        for batch in recent.newest_first() {
            if batch.taken_ns < self.filter.since_ns {
                break;
            }
            if self.before.is_some_and(|before| batch.number > before.batch) || !self.selects(batch) {
                continue;
            }
            let end = match self.before {
                Some(before) if before.batch == batch.number => before.message,
                _ => usize::MAX,
            };
            let is_first = found.next.is_none();
            if !is_first && (is_abandoned() || Instant::now() >= self.deadline) {
                found.is_out_of_time = true;
                return found;
            }
            if let Some(message) = self.search_batch(batch, end, &mut found.lines) {
                found.next = Some(Place {
                    batch: batch.number,
                    message,
                });
                return found;
            }
            found.next = Some(Place {
                batch: batch.number,
                message: 0,
            });
        }
        found.next = None;
        found
    }

    fn selects(&self, batch: &PublishedBatch) -> bool {
        self.kind.is_none_or(|kind| kind == batch.kind) && self.filter.selects_router(batch.router)
    }

    /// Searches the messages of a batch before `end`, the last first. Returns the number of the last one that was found, if
    /// the limit ended the search.
    fn search_batch(&self, batch: &PublishedBatch, end: usize, lines: &mut Vec<String>) -> Option<usize> {
        let messages = Messages::new(&batch.payload).map_while(Result::ok);
        let agreeing: Vec<_> = messages
            .enumerate()
            .take(end)
            .filter(|(_, message)| self.filter.passes(batch.kind, message))
            .collect();
        for (number, message) in agreeing.into_iter().rev() {
            let mut line = Vec::new();
            // The workers write whole messages; anything else would be a bug that readers of the stream meet as well.
            if write_message(batch.kind, &message, &mut line).is_err() {
                continue;
            }
            line.pop();
            lines.extend(String::from_utf8(line));
            if lines.len() == self.limit {
                return Some(number);
            }
        }
        None
    }
}
