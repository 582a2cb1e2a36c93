//! `/api/v1/counts`: how many routes there are, by view and family.

use std::sync::Arc;

use arancini_core::ask::{Answer, Question, TableCount};
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::parameters::{Parameters, RawQuery};
use super::problem::{Problem, Problems};
use super::state::Api;
use super::text;

/// Numbers of all tables of one view and family together.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// The RIB view.
    rib_view: &'static str,
    /// The name of the family, else AFI/SAFI.
    family: String,
    /// Address Family Identifier.
    afi: u16,
    /// Subsequent Address Family Identifier.
    safi: u8,
    /// Tables that hold routes.
    tables: usize,
    /// Routes held.
    routes: usize,
}

impl Count {
    pub(super) fn of(count: &TableCount) -> Self {
        Self {
            rib_view: count.view.name(),
            family: text::family(count.family),
            afi: count.family.afi,
            safi: count.family.safi,
            tables: count.tables,
            routes: count.routes,
        }
    }
}

/// Numbers of routes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// The numbers by view and family.
    counts: Vec<Count>,
    /// What was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'static str>,
}

/// Numbers of routes by view and family.
#[utoipa::path(get, path = "/api/v1/counts", tag = "routes",
    params(
        ("router" = Option<String>, Query, description = "Only this router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address or key"),
        ("view" = Option<String>, Query, description = "Only this RIB view", pattern = "^(adj-rib-(in|out)-(pre|post)|loc-rib)$"),
        ("family" = Option<String>, Query, description = "Only this family: a name, or AFI/SAFI"),
    ),
    responses((status = 200, body = Counts), Problems))]
pub(super) async fn counts(State(api): State<Arc<Api>>, query: RawQuery) -> Result<Json<Counts>, Problem> {
    let parameters = Parameters::read(query, &["router", "peer", "view", "family"])?;
    let selector = parameters.selector()?;
    let gathered = api
        .asker()?
        .everything(|| Question::counts(selector.clone()))
        .await?;
    let mut sums: Vec<TableCount> = Vec::new();
    for (_, answer) in gathered.answers {
        if let Answer::Counts(counts) = answer {
            counts.into_iter().for_each(|count| add(&mut sums, count));
        }
    }
    sums.sort_by_key(|count| (count.view, count.family));
    Ok(Json(Counts {
        counts: sums.iter().map(Count::of).collect(),
        incomplete: gathered
            .out_of_time
            .then_some("the time for one request was over: ask for one router"),
    }))
}

fn add(sums: &mut Vec<TableCount>, count: TableCount) {
    match sums
        .iter_mut()
        .find(|sum| (sum.view, sum.family) == (count.view, count.family))
    {
        Some(sum) => {
            sum.tables += count.tables;
            sum.routes += count.routes;
        }
        None => sums.push(count),
    }
}
