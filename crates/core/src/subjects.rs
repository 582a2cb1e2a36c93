//! The subjects of a router's messages, and which of them the router still needs.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use arancini_schema::subject;
use arancini_wire::iana::AfiSafi;

use crate::batch::BatchKind;
use crate::batcher::{Batcher, RouterBatches, SubjectId};
use crate::peer::Peer;

/// Least and most subjects that a router may keep although it does not need them. Beyond, they are released: a router whose
/// peers come up with ever new AS numbers would otherwise have a subject for each of them. A release looks at all peers, tables
/// and subjects, so it must be rare; it must also end soon, so it must not find too many.
const KEPT_SUBJECTS: (usize, usize) = (256, 1024);

/// What tells a subject from the others of its router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SubjectKey {
    Updates(u32, AfiSafi),
    Peers(u32),
    Statistics(u32),
    Routers,
    Malformed,
}

impl SubjectKey {
    const fn kind(self) -> BatchKind {
        match self {
            Self::Updates(..) => BatchKind::Updates,
            Self::Peers(_) => BatchKind::Peers,
            Self::Statistics(_) => BatchKind::Statistics,
            Self::Routers => BatchKind::Routers,
            Self::Malformed => BatchKind::Malformed,
        }
    }

    fn name(self, base: &str, router: IpAddr) -> String {
        match self {
            Self::Updates(asn, family) => subject::updates_subject(base, router, asn, family),
            Self::Peers(asn) => subject::peers_subject(base, router, asn),
            Self::Statistics(asn) => subject::statistics_subject(base, router, asn),
            Self::Routers => subject::routers_subject(base, router),
            Self::Malformed => subject::malformed_subject(base, router),
        }
    }
}

/// The subjects of one router that are registered with the batcher.
pub(crate) struct Subjects {
    by_key: BTreeMap<SubjectKey, SubjectId>,
    /// The router's open batches; set as soon as it has subjects.
    batches: Option<RouterBatches>,
    /// The number of subjects at which those that nobody needs are released.
    release_at: usize,
}

impl Subjects {
    pub const fn new() -> Self {
        Self {
            by_key: BTreeMap::new(),
            batches: None,
            release_at: KEPT_SUBJECTS.0,
        }
    }

    /// Whether a subject with this key would be one too many, so that [`Self::release_unneeded`] has to come first.
    pub fn is_one_too_many(&self, key: SubjectKey) -> bool {
        self.by_key.len() >= self.release_at && !self.by_key.contains_key(&key)
    }

    /// The subject with this key, registered at its first use.
    pub fn get(&mut self, key: SubjectKey, router: IpAddr, base: &str, batcher: &mut Batcher) -> SubjectId {
        let batches = *self.batches.get_or_insert_with(|| batcher.register_router());
        *self
            .by_key
            .entry(key)
            .or_insert_with(|| batcher.register(key.kind(), key.name(base, router).into(), router, batches))
    }

    /// Releases every subject that no table and no peer of the router needs. The next release comes when as many others are
    /// registered, within the limits of [`KEPT_SUBJECTS`].
    #[cold]
    #[inline(never)]
    pub fn release_unneeded(&mut self, peers: &[Peer], batcher: &mut Batcher) {
        let (mut of_peers, mut of_tables) = (HashSet::new(), HashSet::new());
        for peer in peers {
            of_peers.insert(peer.asn);
            of_tables.extend(peer.tables.iter().map(|table| table.subject));
        }
        self.by_key.retain(|key, subject| {
            let needed = match key {
                SubjectKey::Updates(..) => of_tables.contains(subject),
                SubjectKey::Peers(asn) | SubjectKey::Statistics(asn) => of_peers.contains(asn),
                SubjectKey::Routers | SubjectKey::Malformed => true,
            };
            if !needed {
                batcher.release(*subject);
            }
            needed
        });
        let needed = self.by_key.len();
        self.release_at = needed + needed.clamp(KEPT_SUBJECTS.0, KEPT_SUBJECTS.1);
    }

    /// Number of subjects.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Closes all open batches of the router.
    pub fn close_batches(&self, batcher: &mut Batcher) {
        if let Some(batches) = self.batches {
            batcher.close_router(batches);
        }
    }

    /// Gives all subjects back to the batcher.
    pub fn release_all(&mut self, batcher: &mut Batcher) {
        for subject in std::mem::take(&mut self.by_key).into_values() {
            batcher.release(subject);
        }
        if let Some(batches) = self.batches.take() {
            batcher.release_router(batches);
        }
    }
}
