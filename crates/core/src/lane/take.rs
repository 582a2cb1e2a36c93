//! One message on the short way.

use std::ops::Range;

use arancini_rib::{CuratedTable, Curation, Fingerprints};
use arancini_schema::encode::{Carrier, DirectRoute, LaidOut, RouteLabel, Times, WINDOW};
use arancini_schema::fingerprint::{self, Hashed};
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::CommonAttributes;
use arancini_wire::iana::{AfiSafi, attribute_type as code};

use super::lanes::{Lane, Lanes};
use super::message::{CommonMessage, Content, Part, first_route, routes_of_reach};
use super::prefixes::{Ipv4, Ipv4Path, Ipv6, Ipv6Path, KeyOctets, Label, Shape, Vpn4, Vpn6, read_all};
use crate::batcher::{Batcher, SubjectId};
use crate::context::RouterContext;
use crate::keeping::{Canonical, Keeping, Retaining, unix_seconds, withdraw_retained};
use crate::peer::Peer;
use crate::router::Router;
use crate::table::PeerTable;

/// Routes that go through a table together.
const CHUNK: usize = 16;

/// Takes a whole BMP message, if it is of the common kind and its lane is open. Otherwise it returns `false`, and nothing has
/// changed. `behind` are the bytes behind the message: memory for the next message is prefetched.
#[inline]
pub(crate) fn take(context: &mut RouterContext<'_>, lanes: &mut Lanes, frame: &[u8], behind: &[u8]) -> bool {
    let Some(message) = CommonMessage::read(frame, behind) else {
        return false;
    };
    let taken = match message.content {
        Content::Announced { attributes, from } => take_announced(context, lanes, &message, attributes, from),
        Content::Withdrawn { part, from, to } => take_withdrawn(context, lanes, &message, part, from..to),
    };
    taken.is_some()
}

/// Calls a method of [`Work`] with the shape of a lane's routes and the length of their keys.
macro_rules! of_shape {
    ($context:ident, $lane:ident, $work:ident.$method:ident($($argument:expr),+)) => {
        match ($lane.family(), add_path($context, $lane)) {
            (AfiSafi::IPV4_UNICAST, false) => $work.$method::<Ipv4, 5>($($argument),+),
            (AfiSafi::IPV4_UNICAST, true) => $work.$method::<Ipv4Path, 9>($($argument),+),
            (AfiSafi::IPV4_VPN, false) => $work.$method::<Vpn4<false>, 17>($($argument),+),
            (AfiSafi::IPV4_VPN, true) => $work.$method::<Vpn4<true>, 17>($($argument),+),
            (AfiSafi::IPV6_VPN, false) => $work.$method::<Vpn6<false>, 29>($($argument),+),
            (AfiSafi::IPV6_VPN, true) => $work.$method::<Vpn6<true>, 29>($($argument),+),
            (_, false) => $work.$method::<Ipv6, 17>($($argument),+),
            (_, true) => $work.$method::<Ipv6Path, 21>($($argument),+),
        }
    };
}

/// Takes a message with announced routes. `None` if it has to take the general way.
#[inline(always)]
fn take_announced(
    context: &mut RouterContext<'_>,
    lanes: &mut Lanes,
    message: &CommonMessage<'_>,
    field: &[u8],
    from: usize,
) -> Option<()> {
    let revision = context.router.revision();
    let mut attributes = CommonAttributes::NONE;
    let end = message.frame.len();
    if from < end {
        let lane = lanes.find(message.header, Part::FIELD, revision)?;
        let work = Work::new(context, lane, message, from..end);
        return if add_path(context, lane) {
            work.announce::<Ipv4Path, 9>(context, field, &mut attributes)
        } else {
            work.announce::<Ipv4, 5>(context, field, &mut attributes)
        };
    }
    // The attributes tell the family.
    if !attributes.read(field) || !attributes.has(code::MP_REACH_NLRI) {
        return None;
    }
    let reach = &attributes.mp_reach;
    let lane = lanes.find(message.header, Part::multi_protocol(reach.family), revision)?;
    let work = Work::new(context, lane, message, routes_of_reach(reach));
    of_shape!(context, lane, work.announce(context, field, &mut attributes))
}

/// Takes a message with withdrawn routes. `None` if it has to take the general way.
#[inline(always)]
fn take_withdrawn(
    context: &mut RouterContext<'_>,
    lanes: &mut Lanes,
    message: &CommonMessage<'_>,
    part: Part,
    routes: Range<usize>,
) -> Option<()> {
    let lane = lanes.find(message.header, part, context.router.revision())?;
    let work = Work::new(context, lane, message, routes);
    of_shape!(context, lane, work.withdraw(context))
}

/// Whether the routes of a lane have path identifiers.
#[inline(always)]
fn add_path(context: &RouterContext<'_>, lane: &Lane) -> bool {
    context.router.table(lane.place).add_path
}

/// A message that has found its lane.
struct Work<'w> {
    lane: &'w Lane,
    times: Times,
    now_ns: u64,
    message: &'w CommonMessage<'w>,
    /// The octets of the frame that are routes.
    routes: Range<usize>,
}

/// The table of a lane, if lanes may change it at present. Notes when the message of its peer came.
#[inline(always)]
fn table_of<'r>(peers: &'r mut [Peer], lane: &Lane, received_ns: u64) -> Option<&'r mut PeerTable> {
    let peer = peers.get_mut(lane.place.peer.0)?;
    peer.last_message_unix_ns = received_ns;
    let table = peer.tables.get_mut(lane.place.table.0)?;
    // The general way publishes withdraws of doomed routes between announces, and guesses where path identifiers are absent.
    let usual = !table.needs_sweep() && !table.path_ids_absent;
    usual.then_some(table)
}

impl<'w> Work<'w> {
    #[inline(always)]
    fn new(
        context: &RouterContext<'_>,
        lane: &'w Lane,
        message: &'w CommonMessage<'w>,
        routes: Range<usize>,
    ) -> Self {
        Self {
            lane,
            times: Times {
                received_ns: context.now.unix_ns,
                bmp_header_ns: message.per_peer_header().timestamp_ns(),
            },
            now_ns: context.now.monotonic_ns,
            message,
            routes,
        }
    }

    /// Takes the announced routes, whose keys have `N` bytes. `field` has the path attributes. They are read already if the
    /// routes are among them.
    #[inline(always)]
    fn announce<S: Shape<N>, const N: usize>(
        &self,
        context: &mut RouterContext<'_>,
        field: &'w [u8],
        attributes: &mut CommonAttributes<'w>,
    ) -> Option<()>
    where
        [u8; N]: KeyOctets<N>,
    {
        let lane = self.lane;
        let RouterContext { router, shared, .. } = context;
        let Router { peers, sequence, .. } = &mut **router;
        let table = table_of(peers, lane, self.times.received_ns)?;
        let room = shared.room();
        let (keys, labels) = read_all::<S, N>(self.message.frame, &self.routes, &mut shared.prefixes)?;
        let rib = table.of(S::HAS_PATH_ID);
        let first = keys.first()?;
        // The memory of the first route arrives while the attributes are read.
        if std::mem::take(&mut shared.looked_ahead) {
            rib.prefetch_entry(first);
        } else {
            rib.prefetch_batch(&[*first]);
        }
        let carrier = lane.layout.carrier();
        if carrier == Carrier::UpdateField {
            // Routes of one UPDATE are fetched together. A single one is fetched while the message before is taken.
            if keys.len() == 1
                && let Some(next) = first_route(self.message.behind)
                && let Some(next) = S::read(self.message.behind, next.start, next.end)
            {
                rib.prefetch_batch(&[next.key]);
                shared.looked_ahead = true;
            }
            let is_common = attributes.read(field)
                && attributes.has(code::NEXT_HOP)
                && !attributes.has(code::MP_REACH_NLRI);
            if !is_common {
                return None;
            }
        }
        let routes = keys.len() as u64;
        // As the general way counts it (`route_work` in `update.rs`).
        let work = routes * (1 + ((field.len() - attributes.mp_reach.nlri.len()) as u64 >> 8));
        if !lane.four_octet_as || work > room {
            return None;
        }
        // Accepted: from here on the message is taken.
        shared.work += work;
        let Hashed {
            fingerprint,
            canonical,
        } = fingerprint::of_common(field, attributes, carrier, &mut shared.scratch);
        let mut writer = Writer::new(&mut shared.batcher, table.subject, sequence, self.now_ns);
        let round = table.round;
        let rib = table.of(S::HAS_PATH_ID);
        for (chunk, keys) in keys.chunks(CHUNK).enumerate() {
            let retaining = shared.sets.as_mut().map(|sets| Retaining {
                sets,
                round,
                unix_s: unix_seconds(self.times.received_ns),
                canonical: Canonical::Made(canonical),
                as_width: AsWidth::Four,
            });
            let labels = match labels.get(chunk * CHUNK..) {
                Some(labels) if S::LABELLED => labels_of(labels, fingerprint),
                _ => labels_of(&[], fingerprint),
            };
            let label = |number: usize| S::LABELLED.then(|| labels[number % CHUNK]);
            let emitted = match retaining {
                None if S::LABELLED => announce_labelled(Fingerprints, rib, keys, &labels),
                Some(retaining) if S::LABELLED => announce_labelled(retaining, rib, keys, &labels),
                None => {
                    let mut emitted = 0;
                    rib.announce_batch(keys, fingerprint, |number, curation| {
                        emitted |= u32::from(curation != Curation::Suppress) << number;
                    });
                    emitted
                }
                Some(retaining) => retaining.announce_batch(rib, keys, fingerprint),
            };
            writer.put_each::<S, N>(keys, emitted, label, |window| {
                if S::LABELLED {
                    lane.layout
                        .announce::<true>(window, self.times, fingerprint, attributes)
                } else {
                    lane.layout
                        .announce::<false>(window, self.times, fingerprint, attributes)
                }
            });
        }
        let emitted = writer.emitted;
        table.received_announces += routes;
        let counters = &shared.counters;
        counters.received_announces.of(lane.view).add(routes);
        counters.attribute_fingerprints.add(1);
        counters.layouts.add(u64::from(emitted > 0));
        counters.emitted_announces.of(lane.view).add(emitted);
        counters.suppressed.of(lane.view).add(routes - emitted);
        Some(())
    }

    /// Takes the withdrawn routes, whose keys have `N` bytes.
    #[inline(always)]
    fn withdraw<S: Shape<N>, const N: usize>(&self, context: &mut RouterContext<'_>) -> Option<()>
    where
        [u8; N]: KeyOctets<N>,
    {
        let lane = self.lane;
        let RouterContext { router, shared, .. } = context;
        let Router { peers, sequence, .. } = &mut **router;
        let table = table_of(peers, lane, self.times.received_ns)?;
        let room = shared.room();
        let (keys, _) = read_all::<S, N>(self.message.frame, &self.routes, &mut shared.prefixes)?;
        let routes = keys.len() as u64;
        if routes == 0 || routes > room {
            return None;
        }
        // Accepted: from here on the message is taken.
        shared.work += routes;
        let mut writer = Writer::new(&mut shared.batcher, table.subject, sequence, self.now_ns);
        let rib = table.of(S::HAS_PATH_ID);
        for keys in keys.chunks(CHUNK) {
            let emitted = match &mut shared.sets {
                None => {
                    let mut emitted = 0;
                    rib.withdraw_batch(keys, &mut Fingerprints, |number, curation| {
                        emitted |= u32::from(curation != Curation::Suppress) << number;
                    });
                    emitted
                }
                Some(sets) => withdraw_retained(sets, rib, keys),
            };
            writer.put_each::<S, N>(
                keys,
                emitted,
                |_| None,
                |window| lane.layout.withdraw(window, self.times),
            );
        }
        let emitted = writer.emitted;
        table.received_withdraws += routes;
        let counters = &shared.counters;
        counters.received_withdraws.of(lane.view).add(routes);
        counters.layouts.add(u64::from(emitted > 0));
        counters.emitted_withdraws.of(lane.view).add(emitted);
        counters.suppressed.of(lane.view).add(routes - emitted);
        Some(())
    }
}

/// The labels of a chunk, each with the fingerprint of the attributes with this label.
#[inline(always)]
fn labels_of(labels: &[Label], fingerprint: u64) -> [RouteLabel; CHUNK] {
    let mut all = [RouteLabel {
        octets: [0; 3],
        fingerprint,
    }; CHUNK];
    for (place, octets) in all.iter_mut().zip(labels) {
        *place = RouteLabel {
            octets: *octets,
            fingerprint: fingerprint::with_labels(fingerprint, octets),
        };
    }
    all
}

/// Announces the routes of a chunk, each with its label. Returns a bit for each route that consumers have to hear of.
#[inline(always)]
fn announce_labelled<const N: usize>(
    mut keeping: impl Keeping,
    rib: &mut CuratedTable,
    keys: &[[u8; N]],
    labels: &[RouteLabel; CHUNK],
) -> u32
where
    [u8; N]: KeyOctets<N>,
{
    let mut emitted = 0;
    keeping.announce_labelled(
        rib,
        keys,
        |number| {
            let RouteLabel { octets, fingerprint } = &labels[number % CHUNK];
            (*fingerprint, &octets[..])
        },
        |number, curation| emitted |= u32::from(curation != Curation::Suppress) << number,
    );
    emitted
}

/// Publishes the routes of one UPDATE. The first route of a batch is laid out in place; the others are copies of it.
struct Writer<'w> {
    batcher: &'w mut Batcher,
    subject: SubjectId,
    sequence: &'w mut u64,
    now_ns: u64,
    /// Where the message that was laid out starts in the open batch.
    first: Option<(usize, LaidOut)>,
    emitted: u64,
}

impl<'w> Writer<'w> {
    #[inline(always)]
    fn new(batcher: &'w mut Batcher, subject: SubjectId, sequence: &'w mut u64, now_ns: u64) -> Self {
        Self {
            batcher,
            subject,
            sequence,
            now_ns,
            first: None,
            emitted: 0,
        }
    }

    /// Publishes the routes whose bits are set, with the label of each number.
    #[inline(always)]
    fn put_each<S: Shape<N>, const N: usize>(
        &mut self,
        keys: &[[u8; N]],
        mut bits: u32,
        label: impl Fn(usize) -> Option<RouteLabel>,
        lay_out: impl Fn(&mut [u8; WINDOW]) -> LaidOut,
    ) where
        [u8; N]: KeyOctets<N>,
    {
        self.emitted += u64::from(bits.count_ones());
        while bits != 0 {
            let number = bits.trailing_zeros() as usize;
            if let Some(key) = keys.get(number) {
                self.put::<S, N>(key, label(number), &lay_out);
            }
            bits &= bits - 1;
        }
    }

    #[inline(always)]
    fn put<S: Shape<N>, const N: usize>(
        &mut self,
        key: &[u8; N],
        label: Option<RouteLabel>,
        lay_out: impl Fn(&mut [u8; WINDOW]) -> LaidOut,
    ) where
        [u8; N]: KeyOctets<N>,
    {
        *self.sequence += 1;
        let route = DirectRoute {
            label,
            ..S::route(key, *self.sequence)
        };
        let mut batch = self
            .batcher
            .open_batch(self.subject, *self.sequence, self.now_ns, WINDOW);
        let laid_out = match self.first {
            Some((from, laid_out)) => {
                laid_out.set_route(batch.repeat(from, laid_out.length), &route);
                laid_out
            }
            None => {
                let from = batch.position();
                let window = batch.window();
                let laid_out = lay_out(window);
                laid_out.set_route(window, &route);
                self.first = Some((from, laid_out));
                laid_out
            }
        };
        if batch.push(laid_out.length, *self.sequence).is_none() {
            // The batch is closed: the next one begins with a layout.
            self.first = None;
        }
    }
}
