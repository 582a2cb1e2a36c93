//! Metrics of single routers and peers, gathered from the workers at each scrape.
//!
//! The workers answer as they answer the API, slice by slice beside the routers' messages, so these metrics cost nothing on the
//! way of a message.

use std::fmt;
use std::sync::Arc;

use arancini_core::ask::{Answer, PeerAnswer, Question, RouterAnswer, Selector};

use super::peer_metrics::PeerMetrics;
use super::router_metrics::RouterMetrics;
use super::series_budget::SeriesBudget;
use crate::config::DetailedMetrics;
use crate::control::api::Asker;
use crate::control::{Details, Metrics};

/// The metrics of one scrape.
#[derive(Debug)]
pub(super) struct GatheredDetails {
    routers: Vec<RouterMetrics>,
    peers: Vec<PeerMetrics>,
    left_out: u64,
    /// Whether every worker has answered in time, for everything that it holds.
    is_complete: bool,
}

/// Asks the workers.
pub(super) async fn gather(asker: Arc<Asker>, wanted: DetailedMetrics) -> Arc<dyn Details> {
    let most = wanted.max_series;
    let mut is_complete = true;
    let (mut routers, mut peers) = (Vec::new(), Vec::new());
    let mut take = |answer| match answer {
        Answer::Routers(mut answers) => routers.append(&mut answers),
        Answer::Peers(mut answers) => peers.append(&mut answers),
        Answer::Counts(_) | Answer::Routes(_) => {}
    };
    is_complete &= ask(&asker, &mut take, || Question::routers(Selector::default(), most)).await;
    if wanted.per_peer {
        is_complete &= ask(&asker, &mut take, || Question::peers(Selector::default(), most)).await;
    }
    Arc::new(GatheredDetails::new(routers, peers, most, is_complete))
}

/// Asks one question. Returns whether it was answered completely.
async fn ask(asker: &Asker, take: &mut impl FnMut(Answer), question: impl Fn() -> Question) -> bool {
    match asker.everything(question).await {
        Ok(gathered) => {
            gathered.answers.into_iter().for_each(|(_, answer)| take(answer));
            !gathered.out_of_time
        }
        Err(_) => false,
    }
}

impl GatheredDetails {
    fn new(routers: Vec<RouterAnswer>, peers: Vec<PeerAnswer>, most: usize, is_complete: bool) -> Self {
        let mut routers: Vec<_> = routers.iter().map(RouterMetrics::of).collect();
        routers.sort_unstable_by_key(RouterMetrics::order);
        let mut peers: Vec<_> = peers.iter().map(PeerMetrics::of).collect();
        peers.sort_unstable_by(|one, other| one.order().cmp(&other.order()));
        let mut budget = SeriesBudget::new(most);
        routers.retain(|router| budget.take(router.series()));
        peers.retain(|peer| budget.take(peer.series()));
        Self {
            routers,
            peers,
            left_out: budget.left_out(),
            is_complete,
        }
    }
}

impl Details for GatheredDetails {
    fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        metrics
            .gauge(
                "series_left_out",
                "Time series of routers and peers that this scrape leaves out, because there are more than metrics.max_series.",
            )?
            .sample(&[], self.left_out)?;
        metrics
            .gauge(
                "series_complete",
                "Whether the workers had time to answer for all their routers and peers in this scrape: 1 or 0.",
            )?
            .sample(&[], u64::from(self.is_complete))?;
        RouterMetrics::write(&self.routers, metrics)?;
        PeerMetrics::write(&self.peers, metrics)
    }
}
