//! The book of a campaign: what consumers hold of routes that are numbers, in vectors instead of a map.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use arancini_judge::book::{Before, Foreign, Held};
use arancini_judge::update_capnp::update;
use arancini_judge::{Book, Family, Kind, Route, Value, route};
use arancini_wire::iana::AfiSafi;

use crate::route::{self as own, TABLES, Table};

/// The version of a route that an announce carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// Attributes that contradict each other: no router of a campaign sends them.
    pub const DAMAGED: Self = Self(u32::MAX);
}

impl Value for Version {
    fn read(update: update::Reader<'_>) -> capnp::Result<Self> {
        let kind = match AfiSafi::new(update.get_afi(), update.get_safi()) {
            AfiSafi::IPV4_VPN => own::Kind::Vpn4,
            AfiSafi::IPV6_UNICAST => own::Kind::V6,
            _ => own::Kind::V4,
        };
        let community = update.get_communities()?.iter().last();
        let carried = own::Carried {
            origin_as: update.get_as_path()?.iter().last().unwrap_or_default(),
            med: update.get_multi_exit_disc(),
            community: community.map_or(0, |community| community.get_value()),
            first_label: update.get_labels()?.iter().next(),
        };
        Ok(carried.version(kind).map_or(Self::DAMAGED, Self))
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    fingerprint: u64,
    /// 0 where the route is absent.
    version: u32,
    epoch: u32,
}

impl Slot {
    const fn before(self) -> Option<Before> {
        if self.version == 0 {
            return None;
        }
        Some(Before {
            fingerprint: self.fingerprint,
            epoch: self.epoch,
        })
    }
}

/// The book: the routes of every table of the known routers, by their numbers.
#[derive(Debug)]
pub struct NumberedBook {
    /// [`TABLES`] as the stream names them, of no router.
    named: [route::Table; TABLES.len()],
    routers: HashMap<IpAddr, Vec<Vec<Slot>>>,
}

/// Stands for the router where a table is named without one.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const NO_ROUTE: Foreign = Foreign("no router has this route");

impl NumberedBook {
    /// An empty book of these routers, each of whose tables has this many routes.
    #[must_use]
    pub fn new(routers: impl IntoIterator<Item = IpAddr>, routes: u32) -> Self {
        let tables = || vec![vec![Slot::default(); routes as usize]; TABLES.len()];
        Self {
            named: TABLES.map(|table| table.of(NOBODY)),
            routers: routers.into_iter().map(|router| (router, tables())).collect(),
        }
    }

    /// The version that consumers hold of a route; 0 where it is absent.
    #[must_use]
    pub fn held(&self, router: IpAddr, table: usize, number: usize) -> u32 {
        let slot = self
            .routers
            .get(&router)
            .and_then(|tables| tables.get(table)?.get(number));
        slot.map_or(0, |slot| slot.version)
    }

    fn slot(&mut self, route: &Route) -> Result<&mut Slot, Foreign> {
        let tables = self.routers.get_mut(&route.table.router).ok_or(NO_ROUTE)?;
        let named = route::Table {
            router: NOBODY,
            ..route.table
        };
        let index = self.named.iter().position(|table| *table == named);
        let (index, table) = index
            .and_then(|index| Some((index, TABLES.get(index)?)))
            .ok_or(NO_ROUTE)?;
        let number = table.number(&route.name).ok_or(NO_ROUTE)? as usize;
        let slots = tables.get_mut(index).ok_or(NO_ROUTE)?;
        slots.get_mut(number).ok_or(NO_ROUTE)
    }
}

impl Book for NumberedBook {
    type Value = Version;

    fn announce(&mut self, route: &Route, held: Held<Version>) -> Result<Option<Before>, Foreign> {
        if held.value == Version::DAMAGED {
            return Err(Foreign("its attributes contradict each other"));
        }
        let slot = self.slot(route)?;
        let before = slot.before();
        *slot = Slot {
            fingerprint: held.fingerprint,
            version: held.value.0,
            epoch: held.epoch,
        };
        Ok(before)
    }

    fn withdraw(&mut self, route: &Route) -> Result<Option<Before>, Foreign> {
        Ok(std::mem::take(self.slot(route)?).before())
    }

    fn give_up(&mut self, router: IpAddr, scope: &route::Scope, epoch: u32) -> usize {
        let Some(tables) = self.routers.get_mut(&router) else {
            return 0;
        };
        let mut given_up = 0;
        for (table, slots) in TABLES.iter().zip(tables) {
            if scope.holds(&table.of(router)) {
                for slot in slots.iter_mut().filter(|slot| slot.epoch < epoch) {
                    given_up += usize::from(slot.before().is_some());
                    *slot = Slot::default();
                }
            }
        }
        given_up
    }

    /// Routers of a campaign send no statistics, and nothing that can't be read.
    fn knows(&self, kind: Kind) -> bool {
        !matches!(kind, Kind::Statistics | Kind::Malformed)
    }
}

impl Table {
    /// The table of this router, as the stream names it.
    #[must_use]
    pub fn of(self, router: IpAddr) -> route::Table {
        let header = self.header();
        let AfiSafi { afi, safi } = self.kind.family();
        route::Table {
            router,
            peer: header.address,
            distinguisher: header.distinguisher,
            asn: header.asn,
            bgp_id: header.bgp_id.to_bits(),
            view: self.view as u16,
            family: Family::new(afi, safi),
        }
    }
}

#[cfg(test)]
mod tests {
    use arancini_bed::router::router_address;
    use arancini_judge::finding::Counts;
    use arancini_judge::message::{Said, Subject, Synthetic};
    use arancini_judge::route::Scope;
    use arancini_judge::{FindingKind, Judge, Rules, What, Withdrawn};

    use super::*;

    const ROUTER: IpAddr = router_address(1);

    fn said(sequence: u64, what: What<Version>) -> Said<Version> {
        let subject = Subject {
            kind: Kind::Updates,
            router: ROUTER,
            asn: Some(1),
            family: None,
        };
        Said {
            subject,
            sequence,
            what,
        }
    }

    /// An update of a route; a withdraw where there is no version.
    fn update(sequence: u64, number: u32, version: Option<u32>) -> Said<Version> {
        let route = Route {
            table: TABLES[0].of(ROUTER),
            name: TABLES[0].name(number),
        };
        said(
            sequence,
            match version {
                Some(version) => What::Announce {
                    route,
                    fingerprint: u64::from(version),
                    value: Version(version),
                },
                None => What::Withdraw {
                    route,
                    synthetic: Synthetic::No,
                },
            },
        )
    }

    fn judged(said: &[Said<Version>]) -> Judge<NumberedBook> {
        let mut judge = Judge::new(NumberedBook::new([ROUTER], 10), Rules::default());
        for said in said {
            judge.place(said);
            judge.take(said);
        }
        judge
    }

    /// The counts are this kind, once, and nothing else.
    fn assert_is(counts: &Counts, kind: FindingKind) {
        assert_eq!((counts.of(kind), counts.sum()), (1, 1), "{kind:?}: {counts:?}");
    }

    #[test]
    fn what_is_right_breaks_nothing() {
        let judge = judged(&[
            update(1, 3, Some(1)),
            update(2, 3, Some(2)),
            update(4, 3, None),
            update(9, 3, Some(2)),
        ]);
        assert_eq!(judge.findings.counts, Counts::default());
        assert_eq!(judge.book.held(ROUTER, 0, 3), 2);
    }

    #[test]
    fn each_broken_promise_is_counted_as_what_it_is() {
        let broken = |said: &[Said<Version>]| judged(said).findings.counts;
        let twice = broken(&[update(1, 3, Some(1)), update(1, 4, Some(1))]);
        assert_is(&twice, FindingKind::SameSequence);
        let late = broken(&[update(2, 3, Some(1)), update(1, 4, Some(1))]);
        assert_is(&late, FindingKind::OutOfOrder);
        let again = broken(&[update(1, 3, Some(1)), update(2, 3, Some(1))]);
        assert_is(&again, FindingKind::AnnouncedAsHeld);
        assert_is(&broken(&[update(1, 3, None)]), FindingKind::WithdrawnUnheld);
        assert_is(&broken(&[update(1, 10, Some(1))]), FindingKind::Foreign);
        let damaged = update(1, 3, Some(Version::DAMAGED.0));
        assert_is(&broken(&[damaged]), FindingKind::Foreign);
    }

    #[test]
    fn a_resync_may_announce_again_and_takes_what_it_leaves_out() {
        let judge = judged(&[
            update(1, 3, Some(1)),
            update(2, 4, Some(1)),
            said(3, What::ResyncBegins(Scope::EVERYTHING)),
            update(4, 3, Some(1)),
            said(5, What::ResyncEnds(Scope::EVERYTHING, Withdrawn::Known)),
        ]);
        assert_eq!(judge.findings.counts, Counts::default());
        assert_eq!(
            (judge.book.held(ROUTER, 0, 3), judge.book.held(ROUTER, 0, 4)),
            (1, 0)
        );
        let mut judge = judge;
        judge.take(&update(6, 3, Some(1)));
        assert_is(&judge.findings.counts, FindingKind::AnnouncedAsHeld);
    }
}
