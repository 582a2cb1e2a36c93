//! Walks over the routes of a table, in slices.

use crate::curate::CuratedTable;
use crate::entry::{DOUBT, Value};
use crate::held::{Held, fingerprint_of};
use crate::key::{RouteKey, part};
use crate::sets::{AttributeSets, Round, SetId};
use crate::store::{Store, ipv4_key, ipv6_key, vpn4_key, vpn6_key};

impl CuratedTable {
    /// Visits the routes of one slice with their fingerprints, for snapshots. Returns the cursor of the next slice, `None`
    /// behind the last one. A walk starts at 0. `sets`: the sets that the table names, if it does. The fingerprint of a route in doubt is
    /// [`DOUBT`].
    pub fn visit(
        &self,
        cursor: usize,
        sets: Option<&AttributeSets>,
        mut visit: impl FnMut(RouteKey<'_>, u64),
    ) -> Option<usize> {
        self.visit_values(cursor, |key, value| {
            let is_known = value.epoch >= self.doubted_below;
            visit(
                key,
                if is_known {
                    fingerprint_of(value, sets)
                } else {
                    DOUBT
                },
            );
        })
    }

    /// Visits the routes of one slice with their standings, for questions. The cursor is that of [`Self::visit`].
    pub fn visit_held(&self, cursor: usize, mut visit: impl FnMut(RouteKey<'_>, Held)) -> Option<usize> {
        self.visit_values(cursor, |key, value| visit(key, self.held(value)))
    }

    /// Passes the routes of one slice that were last published in another round than this one to `publish`, with their sets. A
    /// route belongs to the round once `publish` returns true; once it returns false, no further route is passed. Returns the
    /// cursor of the next slice, or the same one if routes are left; `None` behind the last one.
    ///
    /// The table is one of sets. Routes that are doomed, and routes in doubt, are passed over. A walk that starts at 0 misses no
    /// route of another round that was there from its beginning to its end.
    pub fn publish_in_round(
        &mut self,
        cursor: usize,
        round: Round,
        mut publish: impl FnMut(RouteKey<'_>, SetId) -> bool,
    ) -> Option<usize> {
        let published_below = self.published_below();
        let mut goes_on = true;
        let mut one = |key: RouteKey<'_>, value: Value| {
            let set = SetId::of_word(value.fingerprint);
            let is_due = value.epoch >= published_below
                && set != SetId::DOUBT
                && Round::of_word(value.fingerprint) != round;
            if !goes_on || !is_due {
                return value;
            }
            goes_on = publish(key, set);
            if !goes_on {
                return value;
            }
            Value {
                fingerprint: round.put_into(value.fingerprint),
                ..value
            }
        };
        let has_path_ids = self.has_path_ids;
        let path = |bytes: [u8; 4]| has_path_ids.then(|| u32::from_be_bytes(bytes));
        let next = match &mut self.store {
            Store::Ipv4(table) => table.change(cursor, &mut |key, v| one(ipv4_key(key, None), v)),
            Store::Ipv4Path(table) => {
                table.change(cursor, &mut |key, v| one(ipv4_key(key, path(part(key, 5))), v))
            }
            Store::Ipv6(table) => table.change(cursor, &mut |key, v| one(ipv6_key(key, None), v)),
            Store::Ipv6Path(table) => {
                table.change(cursor, &mut |key, v| one(ipv6_key(key, path(part(key, 17))), v))
            }
            Store::Vpn4(table) => {
                table.change(cursor, &mut |key, v| one(vpn4_key(key, path(part(key, 5))), v))
            }
            Store::Vpn6(table) => {
                table.change(cursor, &mut |key, v| one(vpn6_key(key, path(part(key, 17))), v))
            }
            Store::Opaque(table) => table.change(cursor, &mut one),
        };
        if goes_on { next } else { Some(cursor) }
    }

    fn visit_values(&self, cursor: usize, mut visit: impl FnMut(RouteKey<'_>, Value)) -> Option<usize> {
        let has_path_ids = self.has_path_ids;
        let path = |bytes: [u8; 4]| has_path_ids.then(|| u32::from_be_bytes(bytes));
        match &self.store {
            Store::Ipv4(table) => table.visit(cursor, |key, v| visit(ipv4_key(key, None), v)),
            Store::Ipv4Path(table) => {
                table.visit(cursor, |key, v| visit(ipv4_key(key, path(part(key, 5))), v))
            }
            Store::Ipv6(table) => table.visit(cursor, |key, v| visit(ipv6_key(key, None), v)),
            Store::Ipv6Path(table) => {
                table.visit(cursor, |key, v| visit(ipv6_key(key, path(part(key, 17))), v))
            }
            Store::Vpn4(table) => table.visit(cursor, |key, v| visit(vpn4_key(key, path(part(key, 5))), v)),
            Store::Vpn6(table) => table.visit(cursor, |key, v| visit(vpn6_key(key, path(part(key, 17))), v)),
            Store::Opaque(table) => table.visit(cursor, visit),
        }
    }
}
