//! Cursors: opaque texts that say where the next page begins.

use std::hash::{DefaultHasher, Hash, Hasher};

use arancini_core::ask::Position;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problem::Problem;

/// Where a page begins: at this position of this worker. All later workers follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PageStart {
    pub worker: usize,
    pub position: Position,
}

impl PageStart {
    /// The first page.
    pub const FIRST: Self = Self {
        worker: 0,
        position: Position::START,
    };
}

/// The life of this process. Positions mean nothing in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life(u64);

impl Life {
    /// A new life, told apart from all others by the time at which it began.
    pub fn begin() -> Self {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self(since.as_nanos() as u64)
    }
}

/// What a cursor contains.
#[derive(Serialize, Deserialize)]
struct Cursor<S> {
    life: Life,
    /// Hash of the resource and of the parameters that choose what is answered.
    choice: u64,
    /// Where the page begins.
    start: S,
}

fn hash_of(choice: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    choice.hash(&mut hasher);
    hasher.finish()
}

/// The cursor of a page of this choice.
pub(super) fn write_cursor<S: Serialize>(life: Life, choice: &str, start: S) -> String {
    let cursor = Cursor {
        life,
        choice: hash_of(choice),
        start,
    };
    // The cursor has no map and no float, so it can always be written.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

/// Reads the cursor of a page of this choice. 410 if it belongs to an earlier life.
pub(super) fn read_cursor<S: DeserializeOwned>(life: Life, choice: &str, text: &str) -> Result<S, Problem> {
    const AGAIN: &str = "ask again without cursor";
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor: Option<Cursor<S>> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(cursor) = cursor else {
        return Err(Problem::invalid("cursor", "this is no cursor of this API", AGAIN));
    };
    if cursor.life != life {
        let detail = "the collector was restarted since it gave out this cursor";
        return Err(Problem::new(StatusCode::GONE, detail, AGAIN).about("cursor"));
    }
    if cursor.choice != hash_of(choice) {
        return Err(Problem::invalid(
            "cursor",
            "this cursor was given out for another request",
            "repeat the parameters of the page before, or ask without cursor",
        ));
    }
    Ok(cursor.start)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_is_valid_in_its_life_and_for_its_request() {
        let start = PageStart {
            worker: 3,
            position: Position::START,
        };
        let text = write_cursor(Life(7), "routes?view=loc-rib", start.clone());
        assert_eq!(
            read_cursor::<PageStart>(Life(7), "routes?view=loc-rib", &text).unwrap(),
            start
        );
        let status = |life, choice, text: &str| {
            let problem = read_cursor::<PageStart>(life, choice, text).unwrap_err();
            serde_json::to_value(problem).unwrap()["status"].as_u64().unwrap()
        };
        assert_eq!(status(Life(8), "routes?view=loc-rib", &text), 410);
        assert_eq!(status(Life(7), "routes?", &text), 400);
        assert_eq!(status(Life(7), "routes?view=loc-rib", &text[1..]), 400);
        assert_eq!(status(Life(7), "routes?view=loc-rib", "%"), 400);
    }
}
