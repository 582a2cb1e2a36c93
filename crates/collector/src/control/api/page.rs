//! The end of a page, which every list has.

use serde::Serialize;

use super::asker::Gathered;
use super::cursor::{Life, write_cursor};

/// How a page ends.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageEnd {
    /// The `cursor` of the next page. There is none behind the last page. A page may be empty and still have a next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// What this page left out, if it ended for another reason than its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'static str>,
    /// Which routes a search by attributes left out on this page, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'static str>,
}

impl PageEnd {
    /// The end of a page of this choice.
    pub fn of(gathered: &Gathered, life: Life, choice: &str) -> Self {
        let next = gathered.next.clone();
        let incomplete = gathered
            .out_of_time
            .then_some("the time or the size for one request was used up: go on with next");
        let left_out = gathered.left_out.then_some(
            "routes whose attributes are not known were not searched; arancini_routes_without_attributes counts them",
        );
        Self {
            next: next.map(|start| write_cursor(life, choice, start)),
            incomplete,
            left_out,
        }
    }
}
