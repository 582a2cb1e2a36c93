//! Tables with routes to withdraw: which they are, found out table by table; the withdrawing is the shard's.

use std::collections::VecDeque;
use std::net::IpAddr;

use arancini_rib::Doom;

use crate::peer::PeerIndex;
use crate::router::{Router, TablePlace};
use crate::table::TableIndex;
use crate::time::Now;

/// A table that has routes to withdraw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DoomedTable {
    pub router: IpAddr,
    pub place: TablePlace,
}

/// Settles the tables whose dump has been quiet for long enough; returns whether others still wait.
///
/// A router dumps one table after the other: as long as it repeats stale routes of any of them, the turn of the others
/// may still come.
pub(crate) fn settle_quiet_tables(
    router: &mut Router,
    doomed: &mut VecDeque<DoomedTable>,
    now: Now,
    quiet_period_ns: u64,
    deaf_ns: u64,
) -> bool {
    let heard_ns = router.last_repeated_ns(now.monotonic_ns).max(deaf_ns);
    let mut waiting = false;
    for (peer_index, peer) in router.peers.iter_mut().enumerate() {
        for (table_index, table) in peer.tables.iter_mut().enumerate() {
            let Some(since_ns) = table.settling_since_ns() else {
                continue;
            };
            if now.monotonic_ns.saturating_sub(since_ns.max(heard_ns)) < quiet_period_ns {
                waiting = true;
            } else if table.settle() {
                doomed.push_back(DoomedTable {
                    router: router.id,
                    place: TablePlace {
                        peer: PeerIndex(peer_index),
                        table: TableIndex(table_index),
                    },
                });
            }
        }
    }
    waiting
}

pub(crate) fn doom_router(router: &mut Router, doomed: &mut VecDeque<DoomedTable>) {
    for (peer_index, peer) in router.peers.iter_mut().enumerate() {
        for (table_index, table) in peer.tables.iter_mut().enumerate() {
            if table.doom_all(Doom::SessionLost) {
                doomed.push_back(DoomedTable {
                    router: router.id,
                    place: TablePlace {
                        peer: PeerIndex(peer_index),
                        table: TableIndex(table_index),
                    },
                });
            }
        }
    }
}
