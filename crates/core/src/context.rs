//! One router together with what it shares with the worker's other routers: every message is taken in such a context.

use arancini_rib::Doom;
use arancini_wire::bmp::PerPeerHeader;

use crate::counters::Quirk;
use crate::notice::NoticeKind;
use crate::peer::PeerIndex;
use crate::router::{Router, TablePlace};
use crate::shared::Shared;
use crate::table::TableIndex;
use crate::time::Now;

/// A router, the state it shares with others, and the present time.
pub(crate) struct RouterContext<'s> {
    pub router: &'s mut Router,
    pub shared: &'s mut Shared,
    pub now: Now,
}

impl RouterContext<'_> {
    /// The peer that a header names, added if it is new. `None` if the router has as many peers as it may have.
    pub fn find_or_add_peer(&mut self, header: &PerPeerHeader<'_>) -> Option<PeerIndex> {
        if let Some(peer) = self.router.find_peer(header) {
            return Some(peer);
        }
        if self.router.peers.len() >= self.shared.settings.max_peers_per_router {
            let place = self.router.replace_gone_peer(header.identity(), header.asn());
            if place.is_some() {
                return place;
            }
            self.shared.counters.peer_limit_exceeded.add(1);
            let router = self.router.id;
            self.shared.notices.push(router, None, NoticeKind::PeerLimit);
            return None;
        }
        Some(self.router.add_peer(header.identity(), header.asn()))
    }

    /// Dooms all routes of a peer and queues its tables for the sweep.
    pub fn doom_peer(&mut self, peer: PeerIndex, doom: Doom) {
        for (index, table) in self.router.peers[peer].tables.iter_mut().enumerate() {
            if table.doom_all(doom) {
                let table = TableIndex(index);
                self.shared
                    .doomed
                    .push(self.router.id, TablePlace { peer, table });
            }
        }
    }

    /// Counts a quirk of a peer. The first one of its kind becomes a notice.
    #[cold]
    pub fn count_quirk(&mut self, peer: PeerIndex, quirk: Quirk) {
        self.shared.counters.quirks[quirk as usize].add(1);
        let peer = &mut self.router.peers[peer];
        let seen = &mut peer.quirks[quirk as usize];
        *seen += 1;
        if *seen == 1 {
            let address = peer.address();
            self.shared
                .notices
                .push(self.router.id, Some(address), NoticeKind::Quirk(quirk));
        }
    }
}
