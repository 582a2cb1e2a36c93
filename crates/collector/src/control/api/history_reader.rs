//! Searches the history beside the runtime of the control port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::problem::Problem;
use crate::history::{Found, Gap, Place, Search, Shelf};
use crate::message_filter::MessageFilter;
use crate::tap::Tap;
use crate::telemetry::ApiFigures;

/// Searches that run at the same time. Each keeps a thread busy, and keeps what it searches in memory.
const MOST_SEARCHES: usize = 2;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a search may run. Then it is answered with what it has found so far.
const SEARCH_TIME: Duration = Duration::from_secs(1);

/// What a request wants of the history.
pub(super) struct Wanted {
    pub shelf: Shelf,
    pub kind: Option<arancini_core::BatchKind>,
    pub filter: MessageFilter,
    pub before: Option<Place>,
    pub limit: usize,
}

/// What was found, and how far the history goes back.
pub(super) struct Past {
    pub found: Found,
    /// Everything that the sink took after this time was searched, in Unix nanoseconds.
    pub since_ns: u64,
    /// What the history left out since then, as far as it was asked for.
    pub gaps: Vec<Gap>,
    /// Whether the place at which the search should go on has left the history.
    pub has_lost_place: bool,
}

/// Searches the history.
pub(super) struct HistoryReader {
    tap: Arc<Tap>,
    room: Arc<Semaphore>,
    figures: Arc<ApiFigures>,
}

impl HistoryReader {
    /// A reader of the history of this tap.
    pub fn new(tap: Arc<Tap>, figures: Arc<ApiFigures>) -> Self {
        Self {
            tap,
            room: Arc::new(Semaphore::new(MOST_SEARCHES)),
            figures,
        }
    }

    /// Searches on a thread of its own. The search ends when nobody waits for it any more.
    pub async fn search(&self, wanted: Wanted) -> Result<Past, Problem> {
        let Ok(Ok(place)) = timeout(PATIENCE, Arc::clone(&self.room).acquire_owned()).await else {
            self.figures.count_refused();
            return Err(Problem::later(
                1,
                format!("{MOST_SEARCHES} searches of the history run already"),
                "ask again after a moment, and ask fewer questions at the same time",
            ));
        };
        let Some(recent) = self.tap.history.recent(wanted.shelf) else {
            return Err(Problem::new(
                axum::http::StatusCode::CONFLICT,
                "the collector keeps no history",
                "set control.history_bytes to 1048576 or more, or leave it out for 67108864, and restart the collector; arancini tail reads what the sink stores",
            ));
        };
        let search = Search {
            filter: wanted.filter,
            kind: wanted.kind,
            before: wanted.before,
            limit: wanted.limit,
            deadline: Instant::now() + SEARCH_TIME,
        };
        let since_ns = recent.since_ns;
        let mut gaps = recent.gaps.clone();
        gaps.retain(|gap| gap.to_ns >= search.filter.since_ns);
        let has_lost_place = wanted
            .before
            .is_some_and(|before| recent.oldest().is_none_or(|oldest| before.batch < oldest));
        let (out, found) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let answer = search.run(&recent, || out.is_closed());
            drop((recent, place));
            let _ = out.send(answer);
        });
        let found = found
            .await
            .map_err(|_| Problem::later(5, "the collector is stopping", "ask again when it runs"))?;
        Ok(Past {
            found,
            since_ns,
            gaps,
            has_lost_place,
        })
    }
}
