//! Writing a snapshot: a walk over the routers of a shard, in slices.
//!
//! Between two slices anything may happen to the routers. The walk takes routers in the order of their addresses, peers and
//! tables in the order of their places, and routes in the order of the table's own cursor, which misses no route that was there
//! from the first slice to the last. A peer or a table whose place goes to another one has no routes, and those of the other one
//! are published after the walk began.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use arancini_rib::AttributeSets;

use super::block::{BlockKind, MAGIC, VERSION, VERSION_WITHOUT_SETS, append_block, append_json};
use super::ends::{End, Head};
use super::entry::{PeerEntry, RouterEntry, TableEntry};
use super::route::append_route;
use super::sets::append_set;
use crate::peer::PeerIndex;
use crate::router::{Router, TablePlace};
use crate::table::{PeerTable, TableIndex};

/// Fixed cost of one block, counted as this many routes.
const BLOCK_COST: usize = 20;

/// What a walk writes next.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The router behind this one; the first router if there is none.
    RouterBehind(Option<IpAddr>),
    Peer(IpAddr, PeerIndex),
    /// The routes of one table from a segment on, those with path identifiers or those without.
    Routes {
        router: IpAddr,
        table: TablePlace,
        path_ids: bool,
        segment: usize,
    },
    /// The attribute sets from this number on.
    Sets(usize),
    Over,
}

impl Place {
    /// The first segment of a table.
    const fn start_of(router: IpAddr, table: TablePlace) -> Self {
        Self::Routes {
            router,
            table,
            path_ids: false,
            segment: 0,
        }
    }
}

/// A walk over the routers of one shard.
#[derive(Debug)]
pub struct Walk {
    place: Place,
    has_sets: bool,
    end: End,
}

impl Walk {
    /// Begins a snapshot without attribute sets: appends everything that stands before the routers to `out`.
    #[must_use]
    pub fn begin(head: &Head, out: &mut Vec<u8>) -> Self {
        Self::begin_as(head, false, out)
    }

    /// Begins a snapshot with attribute sets or without.
    pub(crate) fn begin_as(head: &Head, has_sets: bool, out: &mut Vec<u8>) -> Self {
        let version = if has_sets { VERSION } else { VERSION_WITHOUT_SETS };
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&version.to_le_bytes());
        append_block(BlockKind::Head, out, |out| append_json(head, out));
        Self {
            place: Place::RouterBehind(None),
            has_sets,
            end: End::default(),
        }
    }

    /// Ends the snapshot. `last_batch` is the last batch that was closed, after every open batch was closed.
    #[must_use]
    pub fn finish(mut self, last_batch: u64, out: &mut Vec<u8>) -> End {
        self.end.last_batch = last_batch;
        append_block(BlockKind::End, out, |out| append_json(&self.end, out));
        self.end
    }

    /// Notes what the shard knows besides its routers. The last call counts.
    pub(crate) const fn note_shard(&mut self, sequence_floor: u64, resync_strangers: bool) {
        self.end.sequence_floor = sequence_floor;
        self.end.resync_strangers = resync_strangers;
    }

    /// Appends about `budget` routes; returns whether there are more.
    pub(crate) fn slice(
        &mut self,
        routers: &BTreeMap<IpAddr, Router>,
        sets: Option<&AttributeSets>,
        budget: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut spent = 0;
        while spent < budget {
            self.place = match self.place {
                Place::Over => return false,
                Place::Sets(from) => match sets {
                    Some(sets) => {
                        let (cost, next) = append_sets(sets, from, budget - spent, out);
                        spent += cost;
                        next.map_or(Place::Over, Place::Sets)
                    }
                    None => Place::Over,
                },
                Place::RouterBehind(router) => self.router_behind(routers, router, out),
                Place::Peer(id, index) => {
                    let router = routers.get(&id);
                    match router.and_then(|router| router.peers.get(index.0)) {
                        Some(peer) => {
                            let entry = PeerEntry::of(id, peer);
                            append_block(BlockKind::Peer, out, |out| append_json(&entry, out));
                            let table = TablePlace {
                                peer: index,
                                table: TableIndex(0),
                            };
                            Place::start_of(id, table)
                        }
                        None => Place::RouterBehind(Some(id)),
                    }
                }
                Place::Routes {
                    router: id,
                    table: place,
                    path_ids,
                    segment,
                } => {
                    let router = routers.get(&id);
                    match router.and_then(|router| router.peers.get(place.peer.0)?.tables.get(place.table.0))
                    {
                        None => Place::Peer(id, PeerIndex(place.peer.0 + 1)),
                        Some(table) => {
                            let entry = TableEntry::of(id, &table.key, path_ids);
                            let from = TablePart {
                                entry: &entry,
                                table,
                                sets,
                                segment,
                            };
                            let (routes, next) = append_routes(from, budget - spent, out);
                            self.end.routes += routes as u64;
                            spent += routes;
                            behind_segment(self.place, next)
                        }
                    }
                }
            };
            spent += BLOCK_COST;
        }
        !matches!(self.place, Place::Over)
    }

    fn router_behind(
        &mut self,
        routers: &BTreeMap<IpAddr, Router>,
        last: Option<IpAddr>,
        out: &mut Vec<u8>,
    ) -> Place {
        let lower = last.map_or(Bound::Unbounded, Bound::Excluded);
        let Some((&id, router)) = routers.range((lower, Bound::Unbounded)).next() else {
            return if self.has_sets {
                Place::Sets(0)
            } else {
                Place::Over
            };
        };
        self.end.routers += 1;
        let entry = RouterEntry::of(router);
        append_block(BlockKind::Router, out, |out| append_json(&entry, out));
        Place::Peer(id, PeerIndex(0))
    }
}

/// What comes behind the routes at `place`: `segment` of the same table, else its routes with path identifiers, else the
/// peer's next table.
const fn behind_segment(place: Place, segment: Option<usize>) -> Place {
    let Place::Routes {
        router,
        table,
        path_ids,
        ..
    } = place
    else {
        return place;
    };
    match (segment, path_ids) {
        (Some(segment), _) => Place::Routes {
            router,
            table,
            path_ids,
            segment,
        },
        (None, false) => Place::Routes {
            router,
            table,
            path_ids: true,
            segment: 0,
        },
        (None, true) => {
            let table = TablePlace {
                peer: table.peer,
                table: TableIndex(table.table.0 + 1),
            };
            Place::start_of(router, table)
        }
    }
}

/// Octets of a set that take as long to write as one route.
const OCTETS_PER_ROUTE: usize = 16;

/// Appends the sets from a number on, for a work of about `budget` routes. Returns the work, and the number to go on with.
fn append_sets(
    sets: &AttributeSets,
    from: usize,
    budget: usize,
    out: &mut Vec<u8>,
) -> (usize, Option<usize>) {
    let (mut cost, mut next) = (0, Some(from));
    let mut octets = Vec::new();
    append_block(BlockKind::Sets, out, |out| {
        while let Some(at) = next
            && cost < budget
        {
            cost += 1;
            next = sets.visit(at, &mut octets, |fingerprint, content| {
                cost += 1 + content.attributes.len() / OCTETS_PER_ROUTE;
                append_set(fingerprint, &content, out);
            });
        }
    });
    (cost, next)
}

/// The routes of a table from a segment on.
#[derive(Clone, Copy)]
struct TablePart<'a> {
    entry: &'a TableEntry,
    table: &'a PeerTable,
    /// The sets that the table names, if it does.
    sets: Option<&'a AttributeSets>,
    segment: usize,
}

/// Appends about `budget` routes of a table; returns how many, and the segment to go on with.
fn append_routes(part: TablePart<'_>, budget: usize, out: &mut Vec<u8>) -> (usize, Option<usize>) {
    let TablePart {
        entry,
        table,
        sets,
        segment,
    } = part;
    let path_ids = entry.path_ids;
    let rib = table.with_path_ids(path_ids);
    if rib.is_empty() {
        return (0, None);
    }
    let mut routes = 0;
    let mut next = Some(segment);
    append_block(BlockKind::Routes, out, |out| {
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        append_json(entry, out);
        let length = (out.len() - length_at - 4) as u32;
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        while let Some(at) = next
            && routes < budget
        {
            next = rib.visit(at, sets, |key, fingerprint| {
                append_route(&key, fingerprint, path_ids, out);
                routes += 1;
            });
        }
    });
    (routes, next)
}
