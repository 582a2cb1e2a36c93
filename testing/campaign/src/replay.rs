//! A consumer that believes every word: it replays the stream in its order, and counts what should not be
//! there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

use arancini_wire::iana::AfiSafi;

use crate::intervals::Intervals;
use crate::route::{Name, TABLES, Table};

/// How many of each kind of broken promise are described; all are counted.
const EXAMPLES: usize = 4;

/// The subject of a message, by its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubjectKey {
    /// The router.
    pub router: IpAddr,
    /// 0 updates, 1 peers, 2 routers, 3 statistics, 4 malformed.
    pub kind: u8,
    /// The peer's AS, where the subject has one.
    pub asn: u32,
    /// The family, where the subject has one.
    pub family: (u16, u8),
}

/// Of which table an update speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableKey {
    /// The peer.
    pub peer: IpAddr,
    /// Its distinguisher.
    pub distinguisher: u64,
    /// The RIB view, as the schema numbers it.
    pub view: u16,
    /// The family.
    pub family: AfiSafi,
}

impl TableKey {
    /// That of a router's table.
    #[must_use]
    pub fn of(table: Table) -> Self {
        let header = table.header();
        Self {
            peer: header.address,
            distinguisher: header.distinguisher,
            view: table.view as u16,
            family: table.kind.family(),
        }
    }
}

/// What an update says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Of which table.
    pub table: TableKey,
    /// Of which route.
    pub name: Name,
    /// What it holds now; `None` where it is gone.
    pub route: Option<Route>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TableKey {
            peer,
            distinguisher,
            view,
            family,
        } = self.table;
        write!(
            f,
            "peer {peer} distinguisher {distinguisher:x} view {view} {family} {}",
            self.name
        )?;
        match self.route {
            Some(route) => write!(f, " version {}", route.version),
            None => write!(f, " gone"),
        }
    }
}

/// A route as announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its fingerprint.
    pub fingerprint: u64,
    /// Its version; [`Route::DAMAGED`] where its attributes contradict each other.
    pub version: u32,
}

impl Route {
    /// Attributes that no router of a campaign sends.
    pub const DAMAGED: u32 = u32::MAX;
}

/// A scope that is emitted anew: what is not announced until its end is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Peer, distinguisher and view; all of the router where absent.
    pub peer: Option<(IpAddr, u64, u16)>,
    /// The family; all where absent.
    pub family: Option<AfiSafi>,
}

impl Scope {
    fn holds(&self, table: &TableKey) -> bool {
        let peer = (table.peer, table.distinguisher, table.view);
        self.peer.is_none_or(|own| own == peer) && self.family.is_none_or(|own| own == table.family)
    }
}

/// What was broken, how often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Broken {
    /// Messages with a router's sequence that was there before.
    pub same_sequence: u64,
    /// Withdraws of routes that consumers do not hold.
    pub withdrawn_unheld: u64,
    /// Announces of what consumers hold.
    pub announced_as_held: u64,
    /// Messages below an earlier one of their subject.
    pub out_of_order: u64,
    /// Updates of routes or attributes that no router has, and messages that can't be read.
    pub foreign: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    fingerprint: u64,
    /// 0: absent.
    version: u32,
    /// When it was announced last, in resyncs of its router.
    epoch: u32,
}

#[derive(Debug, Default)]
struct RouterState {
    seen: Intervals,
    tables: Vec<Vec<Held>>,
    epoch: u32,
    resyncs: Vec<(Scope, u32)>,
}

/// The consumer.
#[derive(Debug)]
pub struct Replay {
    routes: usize,
    tables: HashMap<TableKey, (usize, Table)>,
    known: HashSet<IpAddr>,
    routers: HashMap<IpAddr, RouterState>,
    subjects: HashMap<SubjectKey, u64>,
    /// Updates replayed.
    pub updates: u64,
    /// Resyncs begun.
    pub resyncs: u64,
    /// What was broken so far.
    pub broken: Broken,
    /// Some of it, by kind, in words.
    pub examples: BTreeMap<&'static str, Vec<String>>,
}

impl Replay {
    /// Of these routers, which have so many routes a table.
    #[must_use]
    pub fn new(routers: impl IntoIterator<Item = IpAddr>, routes: u32) -> Self {
        let tables = TABLES.into_iter().enumerate();
        Self {
            routes: routes as usize,
            tables: tables
                .map(|(index, table)| (TableKey::of(table), (index, table)))
                .collect(),
            known: routers.into_iter().collect(),
            routers: HashMap::new(),
            subjects: HashMap::new(),
            updates: 0,
            resyncs: 0,
            broken: Broken::default(),
            examples: BTreeMap::new(),
        }
    }

    /// Any message: its place in the order.
    pub fn message(&mut self, subject: SubjectKey, sequence: u64) {
        let last = self.subjects.entry(subject).or_default();
        let before = *last;
        *last = sequence.max(before);
        let is_new = self.router(subject.router).seen.insert(sequence);
        if !is_new {
            self.broken.same_sequence += 1;
            self.example("same sequence", || format!("{sequence} on {subject:?}"));
        } else if sequence <= before {
            self.broken.out_of_order += 1;
            self.example("out of order", || {
                format!("{sequence} behind {before} on {subject:?}")
            });
        }
    }

    /// An update.
    pub fn update(&mut self, router: IpAddr, sequence: u64, said: &Said) {
        self.updates += 1;
        let place = self.tables.get(&said.table).and_then(|(index, table)| {
            let number = table.number(&said.name)? as usize;
            (number < self.routes && self.known.contains(&router)).then_some((*index, number))
        });
        let damaged = said.route.is_some_and(|route| route.version == Route::DAMAGED);
        let Some((table, number)) = place.filter(|_| !damaged) else {
            self.foreign(|| format!("{router} sequence {sequence}: {said}"));
            return;
        };
        let state = self.router(router);
        let epoch = state.epoch;
        let in_resync = state.resyncs.iter().any(|(scope, _)| scope.holds(&said.table));
        let Some(held) = state
            .tables
            .get_mut(table)
            .and_then(|table| table.get_mut(number))
        else {
            return;
        };
        let before = *held;
        match said.route {
            Some(Route { fingerprint, version }) => {
                *held = Held {
                    fingerprint,
                    version,
                    epoch,
                };
                if before.version != 0 && before.fingerprint == fingerprint && !in_resync {
                    self.broken.announced_as_held += 1;
                    self.example("announced as held", || {
                        format!("{router} sequence {sequence}: {said}")
                    });
                }
            }
            None => {
                *held = Held::default();
                if before.version == 0 {
                    self.broken.withdrawn_unheld += 1;
                    self.example("withdrawn, not held", || {
                        format!("{router} sequence {sequence}: {said}")
                    });
                }
            }
        }
    }

    /// From now on what this scope holds is announced anew.
    pub fn resync_begins(&mut self, router: IpAddr, scope: Scope) {
        self.resyncs += 1;
        let state = self.router(router);
        state.epoch += 1;
        state.resyncs.retain(|(open, _)| *open != scope);
        state.resyncs.push((scope, state.epoch));
    }

    /// What was not announced since the resync's begin is gone.
    pub fn resync_ends(&mut self, router: IpAddr, scope: Scope) {
        let keys = TABLES.map(TableKey::of);
        let state = self.router(router);
        let Some(open) = state.resyncs.iter().position(|(open, _)| *open == scope) else {
            self.foreign(|| format!("{router}: a resync ends that never began: {scope:?}"));
            return;
        };
        let (_, epoch) = state.resyncs.swap_remove(open);
        for (key, table) in keys.iter().zip(&mut state.tables) {
            if scope.holds(key) {
                let gone = table.iter_mut().filter(|held| held.epoch < epoch);
                gone.for_each(|held| *held = Held::default());
            }
        }
    }

    /// Resyncs that began and did not end yet.
    #[must_use]
    pub fn open_resyncs(&self) -> usize {
        self.routers.values().map(|state| state.resyncs.len()).sum()
    }

    /// Sequences between the first and the last one of each router that were in no message. A collector that
    /// lost nothing and was not started again leaves none out.
    #[must_use]
    pub fn sequences_left_out(&self) -> u64 {
        self.routers.values().map(|state| state.seen.gaps()).sum()
    }

    /// Something that should not be in the stream at all.
    pub fn foreign(&mut self, what: impl FnOnce() -> String) {
        self.broken.foreign += 1;
        self.example("foreign", what);
    }

    /// The version that consumers hold of a route; 0 where it is absent.
    #[must_use]
    pub fn held(&self, router: IpAddr, table: usize, number: usize) -> u32 {
        let held = self
            .routers
            .get(&router)
            .and_then(|state| state.tables.get(table)?.get(number));
        held.map_or(0, |held| held.version)
    }

    /// Describes something that is counted elsewhere, unless enough is described.
    pub fn example(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        let of_kind = self.examples.entry(kind).or_default();
        if of_kind.len() < EXAMPLES {
            of_kind.push(what());
        }
    }

    fn router(&mut self, router: IpAddr) -> &mut RouterState {
        let routes = self.routes;
        self.routers.entry(router).or_insert_with(|| RouterState {
            tables: TABLES.iter().map(|_| vec![Held::default(); routes]).collect(),
            ..RouterState::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arancini_bed::router::router_address;

    const ROUTER: IpAddr = router_address(1);

    fn said(number: u32, version: Option<u32>) -> Said {
        Said {
            table: TableKey::of(TABLES[0]),
            name: TABLES[0].name(number),
            route: version.map(|version| Route {
                fingerprint: u64::from(version),
                version,
            }),
        }
    }

    /// Replays updates of one subject.
    fn replayed(updates: &[(u64, Said)]) -> Replay {
        let mut replay = Replay::new([ROUTER], 10);
        for (sequence, said) in updates {
            let subject = SubjectKey {
                router: ROUTER,
                kind: 0,
                asn: 1,
                family: (1, 1),
            };
            replay.message(subject, *sequence);
            replay.update(ROUTER, *sequence, said);
        }
        replay
    }

    #[test]
    fn what_is_right_breaks_nothing() {
        let replay = replayed(&[
            (1, said(3, Some(1))),
            (2, said(3, Some(2))),
            (4, said(3, None)),
            (9, said(3, Some(2))),
        ]);
        assert_eq!(replay.broken, Broken::default());
        assert_eq!(replay.held(ROUTER, 0, 3), 2);
    }

    #[test]
    fn each_broken_promise_is_counted_as_what_it_is() {
        let broken = |updates: &[(u64, Said)]| replayed(updates).broken;
        let none = Broken::default();
        let twice = broken(&[(1, said(3, Some(1))), (1, said(4, Some(1)))]);
        assert_eq!(
            twice,
            Broken {
                same_sequence: 1,
                ..none
            }
        );
        let late = broken(&[(2, said(3, Some(1))), (1, said(4, Some(1)))]);
        assert_eq!(
            late,
            Broken {
                out_of_order: 1,
                ..none
            }
        );
        let again = broken(&[(1, said(3, Some(1))), (2, said(3, Some(1)))]);
        assert_eq!(
            again,
            Broken {
                announced_as_held: 1,
                ..none
            }
        );
        assert_eq!(
            broken(&[(1, said(3, None))]),
            Broken {
                withdrawn_unheld: 1,
                ..none
            }
        );
        assert_eq!(broken(&[(1, said(10, Some(1)))]), Broken { foreign: 1, ..none });
        assert_eq!(
            broken(&[(1, said(3, Some(Route::DAMAGED)))]),
            Broken { foreign: 1, ..none }
        );
    }

    #[test]
    fn a_resync_may_announce_again_and_takes_what_it_leaves_out() {
        let scope = Scope {
            peer: None,
            family: None,
        };
        let mut replay = replayed(&[(1, said(3, Some(1))), (2, said(4, Some(1)))]);
        replay.resync_begins(ROUTER, scope);
        replay.update(ROUTER, 3, &said(3, Some(1)));
        replay.resync_ends(ROUTER, scope);
        assert_eq!(replay.broken, Broken::default());
        assert_eq!((replay.held(ROUTER, 0, 3), replay.held(ROUTER, 0, 4)), (1, 0));
        replay.update(ROUTER, 4, &said(3, Some(1)));
        assert_eq!(replay.broken.announced_as_held, 1, "the resync is over");
    }
}
