//! The routes of a peer that a Statistics Report counts, beside those that are held when it comes.
//!
//! Both numbers are of one moment of the stream, so updates between two reports make no difference. A table is compared only while
//! the router is not dumping it.

use arancini_wire::bmp::{PeerType, RibView};
use arancini_wire::iana::AfiSafi;
use arancini_wire::iana::bmp::StatisticsType;

use crate::last_statistics::{RouteComparison, Statistic};
use crate::peer::{Peer, PeerState};
use crate::shown_tables::ShownTables;
use crate::table::PeerTable;

/// The statistics that count the routes of a view: by family, and for all families together. Where a report has several for a view,
/// the first of them is compared. The types 7 and 9 do not name a view: RFC 7854 knows only the one before policy.
const COUNTED: [(RibView, StatisticsType); 12] = [
    (RibView::AdjRibInPre, StatisticsType::AdjRibInPreFamily),
    (RibView::AdjRibInPre, StatisticsType::AdjRibInPre),
    (RibView::AdjRibInPre, StatisticsType::AdjRibInFamily),
    (RibView::AdjRibInPre, StatisticsType::AdjRibIn),
    (RibView::AdjRibInPost, StatisticsType::AdjRibInPostFamily),
    (RibView::AdjRibInPost, StatisticsType::AdjRibInPost),
    (RibView::AdjRibOutPre, StatisticsType::AdjRibOutPreFamily),
    (RibView::AdjRibOutPre, StatisticsType::AdjRibOutPre),
    (RibView::AdjRibOutPost, StatisticsType::AdjRibOutPostFamily),
    (RibView::AdjRibOutPost, StatisticsType::AdjRibOutPost),
    (RibView::LocRib, StatisticsType::LocRibFamily),
    (RibView::LocRib, StatisticsType::LocRib),
];

/// What a comparison needs to know of the router and the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'r> {
    /// The views and families that the router monitors.
    pub shown: &'r ShownTables,
    /// The present time, in Unix nanoseconds.
    pub unix_ns: u64,
    /// A peer that came up less than this many nanoseconds ago is being dumped.
    pub quiet_period_ns: u64,
}

/// How many looks at a table or at a family cost as much as one route.
const LOOKS_A_ROUTE: usize = 32;

/// The work of comparing this many statistics with the tables of a peer at most, counted in routes.
pub(crate) fn work_of_comparing(peer: &Peer, statistics: usize) -> u64 {
    let looks = statistics * (peer.tables.len() + peer.agreed_families.len());
    (looks / LOOKS_A_ROUTE) as u64
}

/// Compares the statistics of a report with the routes that are held of its peer.
///
/// A family that no peer of the router has ever shown is not compared: the router counts it but does not monitor it. A number for all
/// families is compared only if the router monitors all families of the peer's BGP session. In the report of a peer that is no Loc-RIB,
/// the types 8 and 10 count the peer's routes that are in the Loc-RIB; there is no table to compare them with.
pub(crate) fn compare(
    peer: &Peer,
    statistics: &[Statistic],
    around: Surroundings<'_>,
) -> Vec<RouteComparison> {
    let came_up = peer.dump.began_unix_ns();
    let is_new = came_up.is_none_or(|began| around.unix_ns.saturating_sub(began) < around.quiet_period_ns);
    if peer.state == PeerState::Down || is_new {
        return Vec::new();
    }
    let mut compared: Vec<RouteComparison> = Vec::new();
    for (view, counting) in COUNTED {
        let is_loc_rib = view == RibView::LocRib;
        let is_of_peer = is_loc_rib == (peer.identity.peer_type == PeerType::LocRib.code());
        if !is_of_peer || compared.iter().any(|known| known.view == view) {
            continue;
        }
        for statistic in statistics {
            if StatisticsType::from_code(statistic.statistics_type) == counting {
                add(peer, view, statistic, around.shown, &mut compared);
            }
        }
    }
    compared
}

/// Adds the comparison of one statistic, if its tables are monitored and none of them is being dumped.
fn add(
    peer: &Peer,
    view: RibView,
    statistic: &Statistic,
    shown: &ShownTables,
    compared: &mut Vec<RouteComparison>,
) {
    let family = statistic.family.map(table_of);
    let is_meant = |of: AfiSafi| family.is_none_or(|family| family == table_of(of));
    let is_monitored = match statistic.family {
        Some(family) => shown.has(view, family),
        None => {
            let mut agreed = peer.agreed_families.iter();
            !peer.agreed_families.is_empty() && agreed.all(|family| shown.has(view, *family))
        }
    };
    let mut tables = peer.tables.iter();
    let is_of_statistic = |table: &&PeerTable| table.key.view == view && is_meant(table.key.family);
    if !is_monitored || tables.any(|table| is_of_statistic(&table) && table.is_changing_as_a_whole()) {
        return;
    }
    let same = |known: &&mut RouteComparison| known.view == view && known.family == family;
    if let Some(known) = compared.iter_mut().find(same) {
        known.reported = known.reported.saturating_add(statistic.value);
        return;
    }
    let tables = peer.tables.iter().filter(is_of_statistic);
    compared.push(RouteComparison {
        view,
        family,
        reported: statistic.value,
        held: tables.map(|table| table.routes() as u64).sum(),
    });
}

/// The family under which routes of a family are counted. Labelled unicast (RFC 8277) counts as unicast, because many routers keep both
/// in one table and report them together.
fn table_of(family: AfiSafi) -> AfiSafi {
    const LABELLED_UNICAST: u8 = 4;
    const UNICAST: u8 = 1;
    match family.safi {
        LABELLED_UNICAST => AfiSafi {
            safi: UNICAST,
            ..family
        },
        _ => family,
    }
}
