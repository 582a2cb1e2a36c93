//! Answers about routers, peers and tables, without their routes.

use std::sync::Arc;

use arancini_rib::{CurationMode, DOUBT, Standing};

use super::answer::{Found, PeerAnswer, RouteAnswer, RouterAnswer, TableAnswer, TableCount};
use super::kept::KeptOfRoutes;
use super::selector::Selector;
use crate::counters::Quirk;
use crate::peer::{Peer, PeerState};
use crate::route_attributes::RouteAttributes;
use crate::router::Router;
use crate::table::PeerTable;

impl RouterAnswer {
    /// A router without its peers.
    pub(super) fn begin(router: &Router) -> Self {
        Self {
            router: router.id,
            naming: Arc::clone(&router.naming),
            port: router.port,
            sys_name: router.sys_name.clone(),
            sys_descr: router.sys_descr.clone(),
            life: router.life,
            needs_resync: router.needs_resync(),
            messages: router.messages,
            last_message_unix_ns: router.last_message_unix_ns,
            malformed: router.malformed,
            peers: 0,
            peers_up: 0,
            quirks: 0,
            settling: 0,
            routes: 0,
            counts: Vec::new(),
            changes: router.changes.clone(),
        }
    }

    /// Adds one of its peers.
    pub(super) fn add(&mut self, peer: &Peer, selector: &Selector) {
        self.peers += 1;
        self.peers_up += usize::from(peer.state != PeerState::Down);
        self.quirks += peer.quirks.iter().sum::<u64>();
        let settling = peer
            .tables
            .iter()
            .filter(|table| table.settling_since_ns().is_some());
        self.settling += settling.count();
        self.routes += peer.routes();
        count(peer, selector, &mut self.counts);
    }
}

/// Adds the routes of a peer to the numbers of their views and families.
pub(super) fn count(peer: &Peer, selector: &Selector, counts: &mut Vec<TableCount>) {
    for table in &peer.tables {
        if table.routes() == 0 || !selector.selects_table(&table.key) {
            continue;
        }
        let of = (table.key.view, table.key.family);
        let place = counts.binary_search_by_key(&of, |count| (count.view, count.family));
        let place = place.unwrap_or_else(|place| {
            let (view, family) = of;
            let empty = TableCount {
                view,
                family,
                tables: 0,
                routes: 0,
            };
            counts.insert(place, empty);
            place
        });
        counts[place].tables += 1;
        counts[place].routes += table.routes();
    }
}

impl PeerAnswer {
    pub(super) fn of(router: &Router, peer: &Peer, selector: &Selector) -> Self {
        let quirks = Quirk::ALL.into_iter().zip(peer.quirks);
        let tables = peer
            .tables
            .iter()
            .filter(|table| selector.selects_table(&table.key));
        Self {
            router: router.id,
            identity: peer.identity,
            asn: peer.asn,
            state: peer.state,
            opens: peer.opens.clone(),
            tables: tables.map(|table| table_answer(peer, table)).collect(),
            quirks: quirks.filter(|(_, seen)| *seen > 0).collect(),
            statistics: peer.statistics.clone(),
            last_message_unix_ns: peer.last_message_unix_ns(),
            dump: peer.dump.clone(),
            changes: peer.changes.clone(),
        }
    }
}

fn table_answer(peer: &Peer, table: &PeerTable) -> TableAnswer {
    TableAnswer {
        key: table.key,
        table_name: peer.table_name(table.key.family).to_owned(),
        routes: table.routes(),
        received_announces: table.received_announces,
        received_withdraws: table.received_withdraws,
        add_path: table.add_path,
        is_settling: table.settling_since_ns().is_some(),
    }
}

impl RouteAnswer {
    /// A route of a table.
    pub(super) fn of(
        router: &Router,
        peer: &Peer,
        table: &PeerTable,
        found: Found,
        kept: KeptOfRoutes<'_>,
    ) -> Self {
        let has_fingerprints = kept.mode == CurationMode::Attributes;
        let fingerprint = found.held.fingerprint(kept.sets);
        let set = found.held.set();
        Self {
            router: router.id,
            peer: peer.identity,
            peer_state: peer.state,
            table: table.key,
            table_name: peer.table_name(table.key.family).to_owned(),
            name: found.name,
            fingerprint: (has_fingerprints && fingerprint != DOUBT).then_some(fingerprint),
            attributes: kept.sets.and_then(|sets| RouteAttributes::of_set(sets, set.set)),
            since: kept.sets.and(set.since),
            is_stale: found.held.standing == Standing::Stale,
        }
    }
}
