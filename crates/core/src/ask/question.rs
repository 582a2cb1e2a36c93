//! A question on its walk over the routers of a shard.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use super::answer::{Answer, Found, PeerAnswer, RouteAnswer, RouteName, RouterAnswer};
use super::attribute_filter::{AttributeFilter, Verdicts};
use super::inventory::count;
use super::kept::KeptOfRoutes;
use super::longest::Longest;
use super::position::{PeerAt, Place, Position, TableAt};
use super::search::{Match, Search, step};
use super::selector::Selector;
use crate::route_attributes::RouteAttributes;
use crate::router::Router;

/// Cost of one entry of an answer, counted as this many routes that a scan visits: an entry allocates.
const ENTRY_COST: usize = 10;
/// Octets of attributes with which an answer is full, however few routes it has.
const MOST_OCTETS: usize = 4 << 20;
/// Most octets of attributes that one step copies, beside those of its first route. It takes less than a millisecond.
const MOST_OCTETS_OF_STEP: usize = 128 << 10;
/// Octets of attributes that take as long as one route that a scan visits.
const OCTETS_PER_COST: usize = 16;
/// How many candidates for the longest match are held, for each entry of the answer.
const CANDIDATES_PER_ENTRY: usize = 4;

/// A question, with what it has found so far.
#[derive(Debug)]
pub struct Question {
    selector: Selector,
    search: Option<Search>,
    /// Which routes it is about, by their attributes.
    attributes: Option<AttributeFilter>,
    verdicts: Verdicts,
    /// Most entries of the answer.
    limit: usize,
    place: Place,
    /// Where the next question goes on if this one ends within a router or a table whose answer is not complete.
    unit: Option<Place>,
    answer: Answer,
    /// Octets of the attributes in the answer.
    octets: usize,
    /// The candidates of the present table, with [`Match::Longest`].
    longest: Longest,
}

/// The end of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the question has found.
    pub answer: Answer,
    /// Where another question goes on for the rest; `None` if nothing is left. The rest may turn out to be empty.
    pub rest: Option<Position>,
    /// Whether routes were left out because a filter asks for their attributes, which are not known.
    pub left_out: bool,
}

/// What a step of the walk did.
enum Walked {
    /// So much work, counted in routes.
    On(usize),
    /// Nothing: the answer is full, or there is nothing left to look at.
    End,
}

impl Question {
    /// Asks for routers.
    #[must_use]
    pub fn routers(selector: Selector, limit: usize) -> Self {
        Self::new(selector, limit, Answer::Routers(Vec::new()))
    }

    /// Asks for peers.
    #[must_use]
    pub fn peers(selector: Selector, limit: usize) -> Self {
        Self::new(selector, limit, Answer::Peers(Vec::new()))
    }

    /// Asks for the numbers of routes by view and family. The answer is small, so it has no limit.
    #[must_use]
    pub fn counts(selector: Selector) -> Self {
        Self::new(selector, usize::MAX, Answer::Counts(Vec::new()))
    }

    /// Asks for routes: those of a prefix, or all.
    #[must_use]
    pub fn routes(selector: Selector, search: Option<Search>, limit: usize) -> Self {
        Self {
            search,
            ..Self::new(selector, limit, Answer::Routes(Vec::new()))
        }
    }

    /// Asks only for routes with such attributes. Tables without attribute sets then have no routes.
    #[must_use]
    pub fn with_attributes(mut self, filter: AttributeFilter) -> Self {
        self.attributes = (!filter.selects_all()).then_some(filter);
        self
    }

    /// An answer with a limit of nothing would never come to an end, so it has at least one entry.
    fn new(selector: Selector, limit: usize, answer: Answer) -> Self {
        Self {
            selector,
            search: None,
            attributes: None,
            verdicts: Verdicts::default(),
            limit: limit.max(1),
            place: Position::START.0,
            unit: None,
            answer,
            octets: 0,
            longest: Longest::default(),
        }
    }

    /// Goes on where an earlier question about the same ended.
    #[must_use]
    pub fn going_on(mut self, from: Position) -> Self {
        self.place = from.0;
        self
    }

    /// Ends the question, whether or not it has come to its end.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        if let Some(unit) = self.unit {
            // A router that is not complete is not answered.
            if let Answer::Routers(routers) = &mut self.answer {
                routers.pop();
            }
            self.place = unit;
        }
        Outcome {
            answer: self.answer,
            left_out: self.verdicts.left_out,
            rest: (self.place != Place::Over).then_some(Position(self.place)),
        }
    }

    /// Walks on for about `budget` routes; returns whether there is more to do.
    pub(crate) fn slice(
        &mut self,
        routers: &BTreeMap<IpAddr, Router>,
        kept: KeptOfRoutes<'_>,
        budget: usize,
    ) -> bool {
        if let Some(sets) = kept.sets {
            self.verdicts.renew(sets);
        }
        let mut spent = 0;
        while spent < budget {
            match self.walk(routers, kept) {
                Walked::On(cost) => spent += cost,
                Walked::End => return false,
            }
        }
        true
    }

    fn walk(&mut self, routers: &BTreeMap<IpAddr, Router>, kept: KeptOfRoutes<'_>) -> Walked {
        match &self.place {
            Place::Over => Walked::End,
            &Place::RouterBehind(router) => self.router_behind(routers, router),
            &Place::Peer(at) => match routers.get(&at.router) {
                Some(router) => self.peer(router, at),
                None => self.leave_router(at.router),
            },
            Place::Routes { table, .. } => match routers.get(&table.peer.router) {
                Some(router) => self.routes_of(router, kept),
                None => self.leave_router(table.peer.router),
            },
        }
    }

    fn leave_router(&mut self, router: IpAddr) -> Walked {
        self.leave_table(Place::RouterBehind(Some(router)))
    }

    fn router_behind(&mut self, routers: &BTreeMap<IpAddr, Router>, last: Option<IpAddr>) -> Walked {
        let behind = (last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let next = match self.selector.router {
            Some(only) if last.is_none_or(|last| last < only) => routers.get(&only),
            Some(_) => None,
            None => routers.range(behind).next().map(|(_, router)| router),
        };
        let Some(router) = next else {
            self.place = Place::Over;
            return Walked::End;
        };
        if let Answer::Routers(found) = &mut self.answer {
            if found.len() >= self.limit {
                return Walked::End;
            }
            found.push(RouterAnswer::begin(router));
            self.unit = Some(self.place.clone());
        }
        self.place = Place::Peer(PeerAt::first(router.id));
        Walked::On(ENTRY_COST)
    }

    fn peer(&mut self, router: &Router, at: PeerAt) -> Walked {
        let Some(peer) = router.peers.get(at.index().0) else {
            return self.leave_router(at.router);
        };
        if !self.selector.selects_peer(&peer.identity) {
            self.place = Place::Peer(at.next());
            return Walked::On(1);
        }
        let mut cost = 1 + peer.tables.len();
        match &mut self.answer {
            Answer::Routers(routers) => {
                if let Some(answer) = routers.last_mut() {
                    answer.add(peer, &self.selector);
                }
            }
            Answer::Counts(counts) => count(peer, &self.selector, counts),
            Answer::Peers(peers) => {
                if peers.len() >= self.limit {
                    return Walked::End;
                }
                peers.push(PeerAnswer::of(router, peer, &self.selector));
                cost *= ENTRY_COST;
            }
            Answer::Routes(_) => {
                self.place = TableAt { peer: at, table: 0 }.start();
                return Walked::On(1);
            }
        }
        self.place = Place::Peer(at.next());
        Walked::On(cost)
    }

    /// Makes one step through the table at the present place.
    fn routes_of(&mut self, router: &Router, kept: KeptOfRoutes<'_>) -> Walked {
        let Place::Routes {
            table: at,
            path_ids,
            step: from,
            behind,
        } = self.place.clone()
        else {
            return Walked::End;
        };
        let Some(table) = at.of(router) else {
            return self.leave_table(Place::Peer(at.peer.next()));
        };
        let (search, family) = (self.search, table.key.family);
        if table.routes() == 0
            || !self.selector.selects_table(&table.key)
            || !search.is_none_or(|search| search.is_about(family))
        {
            return self.leave_table(at.next().start());
        }
        if self.is_full() {
            return Walked::End;
        }
        let verdicts = &mut self.verdicts;
        verdicts.begin_step();
        let step = step(
            search.as_ref(),
            family,
            table.with_path_ids(path_ids),
            from,
            |held, cost| match (&self.attributes, kept.sets) {
                (None, _) => true,
                (Some(filter), Some(sets)) => verdicts.admits(filter, sets, family, held, cost),
                (Some(_), None) => false,
            },
        );
        let next = match (step.next, path_ids) {
            (Some(next), _) => Some((path_ids, next)),
            (None, false) => Some((true, 0)),
            (None, true) => None,
        };
        let is_longest = search.is_some_and(|search| search.matching == Match::Longest);
        let mut cost = step.cost + ENTRY_COST * step.found.len();
        let mut found = step.found;
        if let Some(behind) = &behind {
            found.retain(|found| found.name > *behind);
        }
        let mut another_pass = None;
        if is_longest {
            self.unit.get_or_insert_with(|| self.place.clone());
            let most = self.limit.saturating_mul(CANDIDATES_PER_ENTRY);
            cost += self.longest.add(table.key, found, most);
            found = Vec::new();
            if next.is_none() {
                (found, another_pass) = self.longest.take();
            }
        }
        let octets_before = self.octets;
        let last = self.answer_with(router, at, found, kept);
        cost += (self.octets - octets_before) / OCTETS_PER_COST;
        let is_full = last.is_some() && self.is_full();
        if let Some(behind) = last.or(another_pass) {
            // The rest of this step is looked at again, behind the last route that was answered. With the longest match, the
            // whole table is one step.
            self.leave_table(Place::Routes {
                table: at,
                path_ids: path_ids && !is_longest,
                step: if is_longest { 0 } else { from },
                behind: Some(behind),
            });
            return if is_full { Walked::End } else { Walked::On(cost) };
        }
        let Some((path_ids, step)) = next else {
            self.leave_table(at.next().start());
            return Walked::On(cost);
        };
        self.place = Place::Routes {
            table: at,
            path_ids,
            step,
            behind: behind.filter(|_| is_longest),
        };
        Walked::On(cost)
    }

    const fn is_full(&self) -> bool {
        match &self.answer {
            Answer::Routes(routes) => routes.len() >= self.limit || self.octets >= MOST_OCTETS,
            _ => false,
        }
    }

    /// Leaves a table that is complete, or whose place was given to something else meanwhile, or begins it anew.
    fn leave_table(&mut self, to: Place) -> Walked {
        self.place = to;
        self.unit = None;
        self.longest.clear();
        Walked::On(1)
    }

    /// Answers with these routes of a table. If not all of them fit into the answer or into one step, returns the name of the
    /// last one that does.
    fn answer_with(
        &mut self,
        router: &Router,
        at: TableAt,
        mut found: Vec<Found>,
        kept: KeptOfRoutes<'_>,
    ) -> Option<RouteName> {
        let (Answer::Routes(routes), Some(table)) = (&mut self.answer, at.of(router)) else {
            return None;
        };
        let room = self.limit.saturating_sub(routes.len());
        if found.len() > room || kept.sets.is_some() {
            found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        }
        let peer = &router.peers[at.peer.index()];
        let most_octets = MOST_OCTETS.min(self.octets + MOST_OCTETS_OF_STEP);
        for (taken, found) in found.into_iter().enumerate() {
            if taken >= room || self.octets >= most_octets {
                return routes.last().map(|last| last.name.clone());
            }
            let answer = RouteAnswer::of(router, peer, table, found, kept);
            self.octets += answer.attributes.as_ref().map_or(0, RouteAttributes::octets);
            routes.push(answer);
        }
        None
    }
}
