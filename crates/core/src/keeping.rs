//! How the routes of an UPDATE go to a table of fingerprints, or to a table of attribute sets (`rib.attributes`).
//!
//! The compiler makes a copy of the code for each way, so that tables of fingerprints do no work for sets.

use arancini_rib::{
    AttributeSets, Content, CuratedTable, Curation, Fingerprints, Retained, Round, RouteKey, SetId, StoredKey,
};
use arancini_schema::encode::Carrier;
use arancini_schema::fingerprint::{self, Scratch};
use arancini_wire::bgp::AsWidth;

/// A way to announce routes to a table.
pub(crate) trait Keeping {
    /// Announces a route with these labels, which the fingerprint contains.
    fn announce(
        &mut self,
        rib: &mut CuratedTable,
        key: &RouteKey<'_>,
        fingerprint: u64,
        labels: &[u8],
    ) -> Curation;

    /// Announces routes without labels.
    fn announce_each(
        &mut self,
        rib: &mut CuratedTable,
        keys: impl Iterator<Item = RouteKey<'static>>,
        fingerprint: u64,
        curated: impl FnMut(RouteKey<'_>, Curation),
    );

    /// Announces routes with the fingerprint and the labels that `of` returns for each index of `keys`.
    fn announce_labelled<'l, const N: usize>(
        &mut self,
        rib: &mut CuratedTable,
        keys: &[[u8; N]],
        of: impl Fn(usize) -> (u64, &'l [u8]),
        curated: impl FnMut(usize, Curation),
    ) where
        [u8; N]: StoredKey<N>;
}

impl Keeping for Fingerprints {
    #[inline(always)]
    fn announce(
        &mut self,
        rib: &mut CuratedTable,
        key: &RouteKey<'_>,
        fingerprint: u64,
        _labels: &[u8],
    ) -> Curation {
        rib.announce(key, fingerprint)
    }

    #[inline(always)]
    fn announce_each(
        &mut self,
        rib: &mut CuratedTable,
        keys: impl Iterator<Item = RouteKey<'static>>,
        fingerprint: u64,
        curated: impl FnMut(RouteKey<'_>, Curation),
    ) {
        rib.announce_each(keys, fingerprint, curated);
    }

    #[inline(always)]
    fn announce_labelled<'l, const N: usize>(
        &mut self,
        rib: &mut CuratedTable,
        keys: &[[u8; N]],
        of: impl Fn(usize) -> (u64, &'l [u8]),
        curated: impl FnMut(usize, Curation),
    ) where
        [u8; N]: StoredKey<N>,
    {
        rib.announce_labelled_batch(keys, |number| of(number).0, curated);
    }
}

/// Announces the routes of one UPDATE to tables of sets.
pub(crate) struct Retaining<'a> {
    pub sets: &'a mut AttributeSets,
    /// The time of the announces.
    pub unix_s: u32,
    /// The round of the router.
    pub round: Round,
    pub canonical: Canonical<'a>,
    /// The width of AS numbers in the attributes.
    pub as_width: AsWidth,
}

impl Retaining<'_> {
    /// Finds or adds the set of routes with these labels.
    #[inline]
    fn set(&mut self, fingerprint: u64, labels: &[u8]) -> SetId {
        let (canonical, as_width) = (&mut self.canonical, self.as_width);
        self.sets.find_or_add(fingerprint, || {
            Some(Content {
                two_octet_asns: as_width == AsWidth::Two,
                attributes: canonical.octets(),
                labels,
            })
        })
    }

    /// Announces up to 32 routes without labels, on the short way. Returns a bit for each route that consumers have to hear of.
    // Not inlined, here and below: the short way of tables of fingerprints must not grow.
    #[inline(never)]
    pub fn announce_batch<const N: usize>(
        mut self,
        rib: &mut CuratedTable,
        keys: &[[u8; N]],
        fingerprint: u64,
    ) -> u32
    where
        [u8; N]: StoredKey<N>,
    {
        let set = self.set(fingerprint, &[]);
        let mut emitted = 0;
        let announced = Retained::new(self.sets, set, self.unix_s, self.round);
        rib.announce_batch(keys, announced, |number, curation| {
            emitted |= u32::from(curation != Curation::Suppress) << number;
        });
        self.sets.forget_if_unused(set);
        emitted
    }
}

/// Withdraws up to 32 routes on the short way. Returns a bit for each route that consumers have to hear of.
#[inline(never)]
pub(crate) fn withdraw_retained<const N: usize>(
    sets: &mut AttributeSets,
    rib: &mut CuratedTable,
    keys: &[[u8; N]],
) -> u32
where
    [u8; N]: StoredKey<N>,
{
    let mut emitted = 0;
    rib.withdraw_batch(keys, sets, |number, curation| {
        emitted |= u32::from(curation != Curation::Suppress) << number;
    });
    emitted
}

impl Keeping for Retaining<'_> {
    fn announce(
        &mut self,
        rib: &mut CuratedTable,
        key: &RouteKey<'_>,
        fingerprint: u64,
        labels: &[u8],
    ) -> Curation {
        let set = self.set(fingerprint, labels);
        let curation = rib.announce(key, Retained::new(self.sets, set, self.unix_s, self.round));
        self.sets.forget_if_unused(set);
        curation
    }

    fn announce_each(
        &mut self,
        rib: &mut CuratedTable,
        keys: impl Iterator<Item = RouteKey<'static>>,
        fingerprint: u64,
        curated: impl FnMut(RouteKey<'_>, Curation),
    ) {
        let set = self.set(fingerprint, &[]);
        rib.announce_each(
            keys,
            Retained::new(self.sets, set, self.unix_s, self.round),
            curated,
        );
        self.sets.forget_if_unused(set);
    }

    fn announce_labelled<'l, const N: usize>(
        &mut self,
        rib: &mut CuratedTable,
        keys: &[[u8; N]],
        of: impl Fn(usize) -> (u64, &'l [u8]),
        mut curated: impl FnMut(usize, Curation),
    ) where
        [u8; N]: StoredKey<N>,
    {
        for (number, key) in keys.iter().enumerate() {
            let (fingerprint, labels) = of(number);
            let set = self.set(fingerprint, labels);
            let announced = Retained::new(self.sets, set, self.unix_s, self.round);
            rib.announce_batch(&[*key], announced, |_, curation| curated(number, curation));
            self.sets.forget_if_unused(set);
        }
    }
}

/// The canonical form of an UPDATE's attributes.
pub(crate) enum Canonical<'a> {
    /// It was made together with the fingerprint.
    Made(&'a [u8]),
    /// It is made of the Path Attributes field when it is first needed.
    Unmade {
        field: &'a [u8],
        carrier: Carrier,
        scratch: &'a mut Scratch,
    },
}

impl Canonical<'_> {
    #[inline]
    fn octets(&mut self) -> &[u8] {
        match self {
            Self::Made(octets) => octets,
            Self::Unmade {
                field,
                carrier,
                scratch,
            } => fingerprint::canonical(field, *carrier, scratch),
        }
    }
}

/// The time in Unix seconds, as entries of sets hold it.
#[inline]
pub(crate) const fn unix_seconds(unix_ns: u64) -> u32 {
    (unix_ns / 1_000_000_000) as u32
}
