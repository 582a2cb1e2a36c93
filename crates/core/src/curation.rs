//! Curation and encoding: the routes of a field go through their table, and those that consumers have to hear of are written
//! to the open batch.
//!
//! What the routes share (fingerprint, layout) is made once, and the layout only if a route needs it.

use std::collections::HashSet;

use arancini_rib::{
    AttributeSets, CuratedTable, Curation, Fingerprints, Keep, KeyShape, RouteKey, StoredKey,
};
use arancini_schema::encode::{Carrier, WithdrawReason};
use arancini_schema::fingerprint;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::nlri::{self, Route};
use arancini_wire::iana::AfiSafi;

use crate::context::RouterContext;
use crate::emission::{Emission, MessageTimes};
use crate::keeping::{Canonical, Keeping, Retaining, unix_seconds};
use crate::opaque::{announce_opaque, opaque_key, withdraw_opaque};
use crate::progress::{AnnouncedRoutes, PartOfUpdate};
use crate::route::{fields_of, ipv4_keys, ipv6_keys, prefix_key};
use crate::router::TablePlace;
use crate::sections::{FieldKind, Section};
use crate::shared::Shared;
use crate::sweep::reason_of;
use crate::table::{TableIndex, key_shape};

/// What all routes of one UPDATE have in common.
pub(crate) struct UpdateWork<'a> {
    pub attributes: &'a PathAttributes<'a>,
    pub times: MessageTimes,
    /// Why routes are withdrawn.
    pub withdraw_reason: WithdrawReason,
}

/// The announced fields of an UPDATE that withdraws routes of the same table, and the progress that keeps their routes.
pub(crate) struct Overruling<'a, 'u> {
    pub announced: &'a [Option<Section<'u>>; 4],
    pub part: &'a mut Option<PartOfUpdate>,
}

/// What the encoder has laid out at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LaidOut {
    Nothing,
    Announce,
    Withdraw(WithdrawReason),
}

/// Takes the announced routes of a field.
#[inline]
pub(crate) fn announce(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
) {
    match context.shared.sets.take() {
        None => announce_as(context, place, work, section, Fingerprints),
        Some(sets) => announce_retained(context, place, work, section, sets),
    }
}

/// Takes the announced routes of a field to a table that names sets.
#[inline(never)]
fn announce_retained(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
    mut sets: Box<AttributeSets>,
) {
    let mut canonical = std::mem::replace(&mut context.shared.canonical, fingerprint::Scratch::empty());
    let keeping = Retaining {
        sets: &mut sets,
        unix_s: unix_seconds(context.now.unix_ns),
        round: context.router.table(place).round,
        canonical: Canonical::Unmade {
            field: work.attributes.field(),
            carrier: section.carrier,
            scratch: &mut canonical,
        },
        as_width: work.attributes.as_width,
    };
    announce_as(context, place, work, section, keeping);
    context.shared.sets = Some(sets);
    context.shared.canonical = canonical;
}

/// Takes the announced routes of a field to a table that keeps attributes in this way.
#[inline(always)]
fn announce_as(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
    mut keeping: impl Keeping,
) {
    let RouterContext { router, shared, .. } = context;
    let carrier = section.carrier;
    let Shared {
        batcher,
        encoder,
        scratch,
        counters,
        ..
    } = &mut **shared;
    let mut emission = Emission::of(router, place, batcher, encoder, work.times);
    // Used in place, because moving the source would cost time.
    let Emission {
        table,
        source,
        writer,
    } = &mut emission;
    let view = table.key.view;
    let shared = fingerprint::of_parsed(work.attributes, carrier, scratch);
    counters.attribute_fingerprints.add(1);
    let rib = table.of(section.add_path);
    let mut laid_out = LaidOut::Nothing;
    let (mut announces, mut withdraws, mut suppressed) = (0, 0, 0);
    announce_each(
        rib,
        section,
        shared,
        &mut keeping,
        |key, labels, fingerprint, curation| {
            if curation == Curation::Suppress {
                suppressed += 1;
                return;
            }
            let mut fields = fields_of(&key);
            if let Curation::EmitAfterWithdraw(doom) = curation {
                let reason = reason_of(doom);
                if laid_out != LaidOut::Withdraw(reason) {
                    writer
                        .encoder
                        .lay_out_withdraw(source, Carrier::UpdateField, reason);
                    counters.layouts.add(1);
                    laid_out = LaidOut::Withdraw(reason);
                }
                writer.put(&mut fields);
                withdraws += 1;
            }
            if laid_out != LaidOut::Announce {
                writer.encoder.lay_out_announce(source, carrier, work.attributes);
                counters.layouts.add(1);
                laid_out = LaidOut::Announce;
            }
            fields.labels = labels;
            fields.fingerprint = fingerprint;
            writer.put(&mut fields);
            announces += 1;
        },
    );
    counters.emitted_announces.of(view).add(announces);
    counters.suppressed.of(view).add(suppressed);
    if withdraws > 0 {
        counters.emitted_withdraws.of(view).add(withdraws);
        counters.synthetic_withdraws.add(withdraws);
    }
}

/// Takes the withdrawn routes of a field, or announced routes that are treated as withdrawn.
#[inline]
pub(crate) fn withdraw(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
) {
    withdraw_some(context, place, work, section, |_| true);
}

/// Takes the withdrawn routes of a field in an UPDATE that announces routes of the same table too. A prefix in both fields
/// counts as announced only (RFC 4271 §4.3).
#[cold]
#[inline(never)]
pub(crate) fn withdraw_unless_announced(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
    overruling: Overruling<'_, '_>,
) {
    let kept = &mut overruling.part.get_or_insert_default().announced;
    let known = kept.take().filter(|routes| routes.table == section.table);
    let routes = known.unwrap_or_else(|| {
        let routes = announced_routes(section.table, overruling.announced);
        context.shared.work += routes.keys.len() as u64 / 2;
        Box::new(routes)
    });
    withdraw_some(context, place, work, section, |key| {
        !routes.keys.contains(&bare_key(key))
    });
    // The rest of the field may come in later turns, which must not pay for the keys again.
    *kept = Some(routes);
}

/// Collects the announced routes of a table.
fn announced_routes(table: TableIndex, announced: &[Option<Section<'_>>]) -> AnnouncedRoutes {
    let of_table = || announced.iter().flatten().filter(|field| field.table == table);
    let mut keys = HashSet::with_capacity(of_table().map(|field| field.routes).sum());
    for field in of_table() {
        key_each(field, |key| {
            keys.insert(key);
        });
    }
    AnnouncedRoutes { table, keys }
}

/// Takes the routes of a field whose keys `counts` accepts. The others count as suppressed.
#[inline]
fn withdraw_some(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
    counts: impl Fn(&RouteKey<'_>) -> bool,
) {
    let RouterContext { router, shared, .. } = context;
    let Section { carrier, kind, .. } = *section;
    let announced = kind == FieldKind::Announced;
    let Shared {
        batcher,
        encoder,
        counters,
        sets,
        ..
    } = &mut **shared;
    let mut emission = Emission::of(router, place, batcher, encoder, work.times);
    // Used in place, because moving the source would cost time.
    let Emission {
        table,
        source,
        writer,
    } = &mut emission;
    let view = table.key.view;
    let rib = table.of(section.add_path);
    let mut laid_out = false;
    let (mut withdraws, mut suppressed) = (0, 0);
    let mut left_out = 0;
    let counts = |key: &RouteKey<'_>| {
        let counts = counts(key);
        left_out += u64::from(!counts);
        counts
    };
    // A field that is treated as withdrawn came in MP_REACH_NLRI. Its withdraws name no MP_UNREACH_NLRI.
    let carrier = if announced { Carrier::UpdateField } else { carrier };
    let mut route = |key: RouteKey<'_>, curation| {
        if curation == Curation::Suppress {
            suppressed += 1;
            return;
        }
        if !laid_out {
            writer
                .encoder
                .lay_out_withdraw(source, carrier, work.withdraw_reason);
            counters.layouts.add(1);
            laid_out = true;
        }
        writer.put(&mut fields_of(&key));
        withdraws += 1;
    };
    match sets {
        None => withdraw_each(rib, section, &mut Fingerprints, counts, &mut route),
        Some(sets) => withdraw_each(rib, section, &mut **sets, counts, &mut route),
    }
    counters.emitted_withdraws.of(view).add(withdraws);
    counters.suppressed.of(view).add(suppressed + left_out);
    if announced {
        counters.treated_as_withdraw.add(withdraws + suppressed);
    }
}

/// Announces each route of a field to its table. Hands out the route's key, its labels, its fingerprint with the labels mixed
/// in, and what consumers have to hear.
///
/// [`nlri::decide_add_path`] has accepted the field with this `add_path`. Unicast routes go through the table together, so
/// that their memory is fetched ahead.
// It has one caller, and costs five instructions a route more if it is a call.
#[inline(always)]
fn announce_each(
    rib: &mut CuratedTable,
    section: &Section<'_>,
    fingerprint: u64,
    keeping: &mut impl Keeping,
    mut route: impl FnMut(RouteKey<'_>, &[u8], u64, Curation),
) {
    let Section { field, add_path, .. } = *section;
    let mut one = |rib: &mut CuratedTable, key: RouteKey<'_>, labels: &[u8]| {
        let fingerprint = fingerprint::with_labels(fingerprint, labels);
        let curation = keeping.announce(rib, &key, fingerprint, labels);
        route(key, labels, fingerprint, curation);
    };
    // For a single route there is nothing to fetch ahead: the direct way is faster.
    match (section.family, section.routes) {
        (AfiSafi::IPV4_UNICAST, 1) => ipv4_keys(field, add_path).for_each(|key| one(rib, key, &[])),
        (AfiSafi::IPV6_UNICAST, 1) => ipv6_keys(field, add_path).for_each(|key| one(rib, key, &[])),
        (AfiSafi::IPV4_UNICAST, _) => {
            keeping.announce_each(rib, ipv4_keys(field, add_path), fingerprint, |key, curation| {
                route(key, &[], fingerprint, curation);
            });
        }
        (AfiSafi::IPV6_UNICAST, _) => {
            keeping.announce_each(rib, ipv6_keys(field, add_path), fingerprint, |key, curation| {
                route(key, &[], fingerprint, curation);
            });
        }
        (family, _) if key_shape(family) == KeyShape::Opaque => {
            announce_opaque(rib, section, fingerprint, keeping, route);
        }
        (family, _) => match (key_shape(family), add_path) {
            (KeyShape::Ipv4, false) => announce_labelled::<5>(rib, section, fingerprint, keeping, route),
            (KeyShape::Ipv4, true) => announce_labelled::<9>(rib, section, fingerprint, keeping, route),
            (KeyShape::Ipv6, true) => announce_labelled::<21>(rib, section, fingerprint, keeping, route),
            (KeyShape::Vpn6, _) => announce_labelled::<29>(rib, section, fingerprint, keeping, route),
            _ => announce_labelled::<17>(rib, section, fingerprint, keeping, route),
        },
    }
}

/// Routes with labels or a route distinguisher that go through the table together.
const LABELLED_BATCH: usize = 16;

/// Announces the routes of a field to their table, whose keys have `N` bytes, in batches. Each has a fingerprint of its own.
fn announce_labelled<const N: usize>(
    rib: &mut CuratedTable,
    section: &Section<'_>,
    fingerprint: u64,
    keeping: &mut impl Keeping,
    mut route: impl FnMut(RouteKey<'_>, &[u8], u64, Curation),
) where
    [u8; N]: StoredKey<N>,
{
    let nlri = nlri::iter(section.family, section.field, section.add_path).flatten();
    let mut routes = nlri.filter_map(|nlri| {
        let (key, labels) = prefix_key(&nlri)?;
        Some((<[u8; N]>::of(&key)?, key, labels))
    });
    loop {
        let mut stored = [[0; N]; LABELLED_BATCH];
        let mut batch = [None; LABELLED_BATCH];
        let mut count = 0;
        for (place, (stored_key, key, labels)) in routes.by_ref().take(LABELLED_BATCH).enumerate() {
            stored[place] = stored_key;
            batch[place] = Some((key, labels, fingerprint::with_labels(fingerprint, labels)));
            count += 1;
        }
        if count == 0 {
            return;
        }
        let of = |number: usize| {
            batch[number].map_or((fingerprint, &[][..]), |(_, labels, fingerprint)| {
                (fingerprint, labels)
            })
        };
        keeping.announce_labelled(rib, &stored[..count], of, |number, curation| {
            if let Some((key, labels, fingerprint)) = batch[number] {
                route(key, labels, fingerprint, curation);
            }
        });
    }
}

/// Hands out the key of each route of a field, without the octets that name an opaque route for consumers.
fn key_each(section: &Section<'_>, mut route: impl FnMut(RouteKey<'static>)) {
    for nlri in nlri::iter(section.family, section.field, section.add_path).flatten() {
        if let Some((key, _)) = prefix_key(&nlri) {
            route(bare_key(&key));
        } else if let Route::Opaque(octets) = nlri.route {
            route(bare_key(&opaque_key(section.family, octets, nlri.path_id)));
        }
    }
}

/// What identifies a route: two keys name one route if their bare keys are equal.
const fn bare_key(key: &RouteKey<'_>) -> RouteKey<'static> {
    match *key {
        RouteKey::Ipv4 {
            address,
            length,
            path_id,
        } => RouteKey::Ipv4 {
            address,
            length,
            path_id,
        },
        RouteKey::Ipv6 {
            address,
            length,
            path_id,
        } => RouteKey::Ipv6 {
            address,
            length,
            path_id,
        },
        RouteKey::Vpn4 {
            distinguisher,
            address,
            length,
            path_id,
        } => RouteKey::Vpn4 {
            distinguisher,
            address,
            length,
            path_id,
        },
        RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            path_id,
        } => RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            path_id,
        },
        RouteKey::Opaque {
            identity, path_id, ..
        } => RouteKey::Opaque {
            identity,
            nlri: &[],
            path_id,
        },
    }
}

/// Withdraws each route of a field whose key `counts` accepts from its table, as [`announce_each`] announces. Labels of
/// withdrawn routes mean nothing (RFC 8277 §2.4).
#[inline]
fn withdraw_each(
    rib: &mut CuratedTable,
    section: &Section<'_>,
    keep: &mut impl Keep,
    counts: impl FnMut(&RouteKey<'_>) -> bool,
    route: impl FnMut(RouteKey<'_>, Curation),
) {
    let Section { field, add_path, .. } = *section;
    match section.family {
        AfiSafi::IPV4_UNICAST => rib.withdraw_each(ipv4_keys(field, add_path).filter(counts), keep, route),
        AfiSafi::IPV6_UNICAST => rib.withdraw_each(ipv6_keys(field, add_path).filter(counts), keep, route),
        family if key_shape(family) == KeyShape::Opaque => withdraw_opaque(rib, section, keep, counts, route),
        family => {
            let nlri = nlri::iter(family, field, add_path).flatten();
            let keys = nlri.filter_map(|nlri| Some(bare_key(&prefix_key(&nlri)?.0)));
            rib.withdraw_each(keys.filter(counts), keep, route);
        }
    }
}

#[cfg(test)]
mod tests {
    use arancini_rib::CurationMode;
    use arancini_schema::encode::Carrier;
    use proptest::prelude::*;

    use super::*;
    use crate::route::prefetch;

    proptest! {
        /// Routes that go through the table together have the same outcome as routes that go one by one.
        #[test]
        fn each_route_is_told_as_one_by_one(
            known in 0..60_usize,
            routes in prop::collection::vec((any::<u32>(), 0..=32_u8, 0..1000_u32), 0..60),
            add_path: bool,
        ) {
            let mut field = Vec::new();
            for &(address, length, path_id) in &routes {
                if add_path {
                    field.extend(path_id.to_be_bytes());
                }
                field.push(length);
                field.extend(&address.to_be_bytes()[..usize::from(length).div_ceil(8)]);
            }
            let section = Section {
                family: AfiSafi::IPV4_UNICAST,
                field: &field,
                offset: 0,
                carrier: Carrier::UpdateField,
                kind: FieldKind::Announced,
                table: TableIndex(0),
                add_path,
                routes: routes.len(),
                taken_bytes: 0,
            };
            let new = if add_path { CuratedTable::with_path_ids } else { CuratedTable::new };
            let new = || new(KeyShape::Ipv4, CurationMode::Attributes);
            let (mut together, mut alone) = (new(), new());
            let keys: Vec<_> = ipv4_keys(&field, add_path).collect();
            prop_assert_eq!(keys.len(), routes.len());
            for key in keys.iter().take(known) {
                together.announce(key, 7);
                alone.announce(key, 7);
            }
            prefetch(&together, AfiSafi::IPV4_UNICAST, &field, add_path);
            let mut told = Vec::new();
            announce_each(&mut together, &section, 7, &mut Fingerprints, |key, labels, fingerprint, curation| {
                assert_eq!((labels, fingerprint), (&[][..], 7));
                told.push((format!("{key:?}"), curation));
            });
            let one_by_one = keys.iter().map(|key| (format!("{key:?}"), alone.announce(key, 7)));
            prop_assert_eq!(told, one_by_one.collect::<Vec<_>>());
            let mut told = Vec::new();
            withdraw_each(&mut together, &section, &mut Fingerprints, |_| true, |key, curation| told.push((format!("{key:?}"), curation)));
            let one_by_one = keys.iter().map(|key| (format!("{key:?}"), alone.withdraw(key, &mut Fingerprints)));
            prop_assert_eq!(told, one_by_one.collect::<Vec<_>>());
            prop_assert!(together.is_empty());
        }
    }
}
