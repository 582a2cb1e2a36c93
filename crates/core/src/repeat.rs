//! A resync on request: tables of a router are published again from the attributes that are retained, without its session.
//!
//! The events `resync-begin` and `resync-end` name the tables that the resync covers: all tables of the router, a family, or a
//! peer in one view. Consumers drop every route of these tables that is not announced between the two events. So each route that
//! the tables hold at `resync-begin` has to be announced once until the end, whatever the router says meanwhile:
//!
//! * Each entry knows in which [`Round`](arancini_rib::Round) its route was last published. `resync-begin` begins a new round of
//!   each table that the resync covers.
//! * An announce that changes a route is published in the new round, as ever. Nothing else is to be done for this route.
//! * A walk over the tables, in slices, announces the routes that still belong to the round before, as their entries are then.
//! * A withdraw removes the entry. Doomed routes are not announced again. The end waits until the sweep has withdrawn them,
//!   because consumers would otherwise hear of withdraws of routes that they dropped.
//!
//! Routes in doubt are left out: their last update did not reach consumers, and their next announce is published in any case.
//!
//! The same is done without a request for a router of which consumers lost messages, if each of its routes has its attributes
//! ([`begin_after_loss`]). Otherwise the router's next dump is a resync.

use std::collections::BTreeMap;
use std::net::IpAddr;

use arancini_rib::KeyShape;
use arancini_schema::events::RouterEventKind;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::ask::PeerSelector;
use crate::context::RouterContext;
use crate::coverage::Coverage;
use crate::emission::{Emission, MessageTimes};
use crate::events::{event_peer, resync_event};
use crate::peer::Peer;
use crate::repeat_part::Part;
use crate::repeat_place::Repeat;
use crate::route::fields_of;
use crate::route_attributes::SetReader;
use crate::router::{Router, RouterLife, TablePlace};
use crate::shared::Shared;
use crate::table::key_shape;
use crate::time::Now;

/// Why `resync-begin` was published, for people who read the event.
const REASON: &str = "a resync was requested";
/// Why `resync-begin` was published after a loss.
const LOSS_REASON: &str = "messages of this router were lost";
/// Cost of an announce with attributes of its own, counted in routes that the sweep withdraws.
const ROUTE_WORK: u64 = 2;
/// Cost of going on to another table or peer.
const TABLE_WORK: u64 = 1;

/// Which tables of a router somebody wants to be published again. A field that is not set selects all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepeatedPart {
    /// Only this peer.
    pub peer: Option<RepeatedPeer>,
    /// Only this family.
    pub family: Option<AfiSafi>,
}

/// Which peer somebody wants to be published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedPeer {
    /// Selects the peer.
    pub selector: PeerSelector,
    /// Only this view of the peer.
    pub view: Option<RibView>,
}

/// Why the tables of a router cannot be published again now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatRefusal {
    /// The tables do not retain attributes.
    NotRetained,
    /// The router is not known.
    UnknownRouter,
    /// The router has no such peer.
    UnknownPeer,
    /// Several peers of the router are like this.
    SeveralPeers,
    /// The router stayed away, and its routes are being withdrawn.
    Leaving,
    /// The next dump of the router is a resync, or its dump is one.
    ResyncDue,
    /// Tables of the router are being published again already.
    Running,
    /// Updates of the router were dropped. The routes in doubt would be missing in the resync.
    InDoubt,
    /// The attributes of so many routes of this worker are not known.
    UnknownAttributes(u64),
}

/// Whether there is more to do for a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    GoesOn,
    Over,
}

/// Publishes `resync-begin` and begins to publish tables of the router again. Returns how many routes they have.
pub(crate) fn begin(context: &mut RouterContext<'_>, wanted: &RepeatedPart) -> Result<usize, RepeatRefusal> {
    begin_because(context, REASON, wanted)
}

/// Publishes `resync-begin` and begins to publish all tables of the router again, because consumers lost messages of the router.
/// Returns whether it does so. A resync that is under way has published routes that may be among the lost messages, and does not
/// publish them twice.
pub(crate) fn begin_after_loss(context: &mut RouterContext<'_>) -> bool {
    begin_because(context, LOSS_REASON, &RepeatedPart::default()).is_ok()
}

fn begin_because(
    context: &mut RouterContext<'_>,
    reason: &str,
    wanted: &RepeatedPart,
) -> Result<usize, RepeatRefusal> {
    let sets = context.shared.sets.as_ref().ok_or(RepeatRefusal::NotRetained)?;
    let unknown = sets.figures().unknown_routes;
    if unknown > 0 {
        return Err(RepeatRefusal::UnknownAttributes(unknown));
    }
    let router = &mut *context.router;
    if router.life == RouterLife::Leaving {
        return Err(RepeatRefusal::Leaving);
    }
    if router.resync.is_some() {
        return Err(RepeatRefusal::ResyncDue);
    }
    if router.repeat.is_some() {
        return Err(RepeatRefusal::Running);
    }
    if router.in_doubt {
        return Err(RepeatRefusal::InDoubt);
    }
    let part = part_of(router, wanted)?;
    router.repeat = Some(Repeat::start(part));
    let mut routes = 0;
    for table in router.tables_mut().filter(|table| part.covers(&table.key)) {
        table.round = table.round.next();
        routes += table.routes();
    }
    context.shared.repeats.push_back(router.id);
    for scope in part.scopes() {
        resync_event(context, RouterEventKind::ResyncBegin, reason, scope);
    }
    Ok(routes)
}

/// The part of the router that somebody wants. A peer that changed its BGP identifier is one peer, as it is in events.
fn part_of(router: &Router, wanted: &RepeatedPart) -> Result<Part, RepeatRefusal> {
    let family = wanted.family;
    let Some(RepeatedPeer { selector, view }) = wanted.peer else {
        return Ok(Part::of_all_peers(family));
    };
    let selected = router.peers.iter();
    let mut selected = selected.filter(|peer| selector.selects(&peer.identity));
    let peer = selected.next().ok_or(RepeatRefusal::UnknownPeer)?;
    let name = |peer: &Peer| {
        let identity = &peer.identity;
        (identity.peer_type, identity.distinguisher, identity.address)
    };
    if selected.any(|other| name(other) != name(peer)) {
        return Err(RepeatRefusal::SeveralPeers);
    }
    // Its view in the events is that of each scope.
    let peer = event_peer(peer, RibView::AdjRibInPre);
    Ok(Part::of_peer(peer, view, family))
}

/// Publishes about `budget` routes again of the routers that are published again. They take turns.
pub(crate) fn slice(routers: &mut BTreeMap<IpAddr, Router>, shared: &mut Shared, budget: u64, now: Now) {
    let mut done = 0;
    // Each router once, so that a call ends where all of them wait.
    for _ in 0..shared.repeats.len() {
        if done >= budget {
            break;
        }
        let Some(id) = shared.repeats.pop_front() else {
            break;
        };
        let Some(router) = routers.get_mut(&id) else {
            continue;
        };
        let mut context = RouterContext { router, shared, now };
        let (work, outlook) = go_on(&mut context, budget - done);
        done += work;
        if outlook == Outlook::GoesOn {
            shared.repeats.push_back(id);
        }
    }
}

/// Publishes about `budget` routes again. Returns the work that was done, and whether there is more.
fn go_on(context: &mut RouterContext<'_>, budget: u64) -> (u64, Outlook) {
    let mut done = 0;
    while let Some(at) = context.router.repeat
        && done < budget
    {
        let Some(peer) = context.router.peers.get(at.peer.0) else {
            // All tables are published. Withdraws of routes that were doomed meanwhile have to come before the end.
            if context.shared.doomed.has_any_of(context.router.id) {
                return (done, Outlook::GoesOn);
            }
            end(context);
            break;
        };
        let next = match peer.tables.get(at.table.0) {
            None => {
                done += TABLE_WORK;
                at.next_peer()
            }
            Some(table) if !at.part.covers(&table.key) => {
                done += TABLE_WORK;
                at.next_table()
            }
            Some(_) => {
                let (work, cursor) = publish_slice(context, at, budget - done);
                done += work;
                match cursor {
                    Some(cursor) => Repeat { cursor, ..at },
                    None => at.behind(),
                }
            }
        };
        context.router.repeat = Some(next);
    }
    let outlook = match context.router.repeat {
        Some(_) => Outlook::GoesOn,
        None => Outlook::Over,
    };
    (done, outlook)
}

/// Publishes `resync-end`, if tables of the router are being published again.
pub(crate) fn end(context: &mut RouterContext<'_>) {
    let Some(Repeat { part, .. }) = context.router.repeat.take() else {
        return;
    };
    for scope in part.scopes() {
        resync_event(context, RouterEventKind::ResyncEnd, "", scope);
    }
    if part.is_whole_router() {
        context.router.coverage = Coverage::Whole;
    }
}

/// Publishes routes of a part of a table, with about this work. Returns the work, and the part that is next.
fn publish_slice(context: &mut RouterContext<'_>, at: Repeat, budget: u64) -> (u64, Option<usize>) {
    let RouterContext { router, shared, now } = context;
    let Some(sets) = &shared.sets else {
        return (0, None);
    };
    let times = MessageTimes::without_message(*now);
    let place = TablePlace {
        peer: at.peer,
        table: at.table,
    };
    let round = router.table(place).round;
    let Emission {
        table,
        source,
        mut writer,
    } = Emission::of(router, place, &mut shared.batcher, &mut shared.encoder, times);
    let is_opaque = key_shape(table.key.family) == KeyShape::Opaque;
    let view = table.key.view;
    let (mut work, mut published, mut laid_out) = (TABLE_WORK, 0, None);
    let (mut octets, mut reader) = (Vec::new(), SetReader::default());
    let next = table
        .of(at.path_ids)
        .publish_in_round(at.cursor, round, |key, set| {
            if work >= budget {
                return false;
            }
            let Some(content) = sets.content(set, &mut octets) else {
                // Its attributes found no room after the begin of the resync: it was announced in this round.
                return true;
            };
            work += ROUTE_WORK + (content.attributes.len() as u64 >> 8);
            if laid_out != Some(set) {
                reader.lay_out(writer.encoder, &source, &content);
                laid_out = Some(set);
            }
            let mut fields = fields_of(&key);
            if !is_opaque {
                fields.labels = content.labels;
            }
            fields.fingerprint = sets.fingerprint(set);
            writer.put(&mut fields);
            published += 1;
            true
        });
    shared.counters.emitted_announces.of(view).add(published);
    shared.counters.repeated_announces.add(published);
    (work, next)
}
