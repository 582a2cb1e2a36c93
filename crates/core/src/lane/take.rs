//! One message on the short way.

use arancini_rib::Curation;
use arancini_schema::encode::{Carrier, LaidOut, Times, WINDOW};
use arancini_schema::fingerprint;
use arancini_wire::bgp::attribute::CommonAttributes;
use arancini_wire::iana::{AfiSafi, attribute_type as code};

use super::lanes::{Lane, Lanes};
use super::message::{CommonMessage, Routes};
use super::prefixes::{Prefix, read_all};
use crate::batcher::{Batcher, SubjectId};
use crate::context::RouterContext;
use crate::peer::Peer;
use crate::router::Router;
use crate::shared::Shared;
use crate::table::PeerTable;

/// Routes that go through a table together.
const CHUNK: usize = 16;

/// Takes a whole BMP message, if it is of the common kind and its lane is open. Otherwise it returns `false`, and nothing has
/// changed.
#[inline]
pub(crate) fn take(context: &mut RouterContext<'_>, lanes: &mut Lanes, frame: &[u8]) -> bool {
    let Some(message) = CommonMessage::read(frame) else {
        return false;
    };
    let Some(lane) = lanes.find(&message, context.router.revision()) else {
        return false;
    };
    let table = &context.router.peers[lane.place.peer].tables[lane.place.table];
    let taken = match (message.family, table.add_path) {
        (AfiSafi::IPV4_UNICAST, false) => take_routes::<5>(context, lane, &message, frame),
        (AfiSafi::IPV4_UNICAST, true) => take_routes::<9>(context, lane, &message, frame),
        (_, false) => take_routes::<17>(context, lane, &message, frame),
        (_, true) => take_routes::<21>(context, lane, &message, frame),
    };
    taken.is_some()
}

/// Takes the routes of a message, whose keys have `N` bytes. `None` if it has to take the general way.
#[inline(always)]
fn take_routes<const N: usize>(
    context: &mut RouterContext<'_>,
    lane: &Lane,
    message: &CommonMessage<'_>,
    frame: &[u8],
) -> Option<()>
where
    [u8; N]: Prefix<N>,
{
    let work = Work {
        lane,
        times: Times {
            received_ns: context.now.unix_ns,
            bmp_header_ns: message.per_peer_header().timestamp_ns(),
        },
        now_ns: context.now.monotonic_ns,
        frame,
    };
    match message.routes {
        Routes::Announced { attributes, from } => {
            announce(context.router, context.shared, &work, attributes, from)
        }
        Routes::Withdrawn { from, to } => withdraw(context.router, context.shared, &work, from, to),
    }
}

/// A message that has found its lane.
struct Work<'w> {
    lane: &'w Lane,
    times: Times,
    now_ns: u64,
    frame: &'w [u8],
}

/// The table of a lane, if lanes may change it at present.
#[inline(always)]
fn table_of<'r>(peers: &'r mut [Peer], lane: &Lane) -> Option<&'r mut PeerTable> {
    let table = peers
        .get_mut(lane.place.peer.0)?
        .tables
        .get_mut(lane.place.table.0)?;
    // The general way publishes withdraws of doomed routes between announces, and guesses where path identifiers are absent.
    let usual = !table.needs_sweep() && !table.path_ids_absent;
    usual.then_some(table)
}

#[inline(always)]
fn announce<const N: usize>(
    router: &mut Router,
    shared: &mut Shared,
    work: &Work<'_>,
    field: &[u8],
    from: usize,
) -> Option<()>
where
    [u8; N]: Prefix<N>,
{
    let Work { lane, frame, .. } = *work;
    let Router { peers, sequence, .. } = router;
    let table = table_of(peers, lane)?;
    if !lane.four_octet_as {
        return None;
    }
    let mut attributes = CommonAttributes::NONE;
    if !attributes.read(field) {
        return None;
    }
    let has_next_hop = attributes.has(code::NEXT_HOP);
    let has_reach = attributes.has(code::MP_REACH_NLRI);
    let carrier = lane.layout.carrier();
    let (from, to) = match carrier {
        Carrier::UpdateField if has_next_hop && !has_reach => (from, frame.len()),
        Carrier::MultiProtocol
            if has_reach && !has_next_hop && attributes.mp_reach.family == AfiSafi::IPV6_UNICAST =>
        {
            let end = CommonMessage::ATTRIBUTES + attributes.mp_reach.end;
            (end - attributes.mp_reach.nlri.len(), end)
        }
        _ => return None,
    };
    let room = shared.room();
    let keys = read_all::<N>(frame, from, to, &mut shared.prefixes)?;
    let routes = keys.len() as u64;
    let octets = field.len() - attributes.mp_reach.nlri.len();
    let route_work = 1 + (octets as u64 >> 8);
    if routes == 0 || routes * route_work > room {
        return None;
    }
    // Accepted: from here on the message is taken.
    shared.work += routes * route_work;
    let rib = table.of(N == 9 || N == 21);
    rib.prefetch_batch(keys.get(..1).unwrap_or_default());
    let fingerprint = fingerprint::of_common(field, &attributes, carrier, &mut shared.scratch);
    let mut writer = Writer::new(&mut shared.batcher, table.subject, sequence, work.now_ns);
    let rib = table.of(N == 9 || N == 21);
    for keys in keys.chunks(CHUNK) {
        let mut emitted = 0;
        rib.announce_batch(keys, fingerprint, |number, curation| {
            emitted |= u32::from(curation != Curation::Suppress) << number;
        });
        writer.put_each(keys, emitted, |window| {
            lane.layout.announce(window, work.times, fingerprint, &attributes)
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

#[inline(always)]
fn withdraw<const N: usize>(
    router: &mut Router,
    shared: &mut Shared,
    work: &Work<'_>,
    from: usize,
    to: usize,
) -> Option<()>
where
    [u8; N]: Prefix<N>,
{
    let Work { lane, frame, .. } = *work;
    let Router { peers, sequence, .. } = router;
    let table = table_of(peers, lane)?;
    let room = shared.room();
    let keys = read_all::<N>(frame, from, to, &mut shared.prefixes)?;
    let routes = keys.len() as u64;
    if routes == 0 || routes > room {
        return None;
    }
    // Accepted: from here on the message is taken.
    shared.work += routes;
    let mut writer = Writer::new(&mut shared.batcher, table.subject, sequence, work.now_ns);
    let rib = table.of(N == 9 || N == 21);
    for keys in keys.chunks(CHUNK) {
        let mut emitted = 0;
        rib.withdraw_batch(keys, |number, curation| {
            emitted |= u32::from(curation != Curation::Suppress) << number;
        });
        writer.put_each(keys, emitted, |window| lane.layout.withdraw(window, work.times));
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

    /// Publishes the routes whose bits are set.
    #[inline(always)]
    fn put_each<const N: usize>(
        &mut self,
        keys: &[[u8; N]],
        mut bits: u32,
        lay_out: impl Fn(&mut [u8; WINDOW]) -> LaidOut,
    ) where
        [u8; N]: Prefix<N>,
    {
        self.emitted += u64::from(bits.count_ones());
        while bits != 0 {
            if let Some(key) = keys.get(bits.trailing_zeros() as usize) {
                self.put(key, &lay_out);
            }
            bits &= bits - 1;
        }
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, key: &[u8; N], lay_out: impl Fn(&mut [u8; WINDOW]) -> LaidOut)
    where
        [u8; N]: Prefix<N>,
    {
        *self.sequence += 1;
        let route = key.route(*self.sequence);
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
