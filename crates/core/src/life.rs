//! The life of a session, and what it means for the routes of its router.
//!
//! ```text
//!           connect                    disconnect
//!   (none) ────────▶ Up ──────────────────────────────────▶ Lost ── session_hold_ms over ──▶ Leaving ── swept ──▶ (none)
//!                    ▲                                       │ ▲                             all routes doomed
//!                    └──────────── connect ──────────────────┘ └── adopt: a restart, another worker
//!                         its tables are stale until they settle
//! ```
//!
//! Each entry of a table carries the epoch in which the router last announced it:
//!
//! * **Stale**: the session was lost, or a Peer Up told of another BGP session. Consumers still hold the routes, but the
//!   router has to announce them again. An announce that changes nothing is not published.
//! * **Settled**: End-of-RIB came for the table, or nothing of any dump of the router came for `quiet_period_ms`.
//!   Routes that are still stale are doomed.
//! * **Doomed**: the routes are gone, and the sweep withdraws them in slices ([`crate::sweep`]).
//!
//! In a resync, all routes are stale and in doubt: an announce is published even if it changes nothing. What the dump does not have
//! is withdrawn before `resync-end`, so consumers have to sweep only routes that the collector does not know of. The event says
//! whether there may be any ([`crate::coverage`]).
//!
//! A router has one session at a time: a second one replaces the first. When the collector stops, no session is lost: the
//! routers are still there. Peers have lives of their own within a session: [`crate::peer_up`], [`crate::peer_down`],
//! [`crate::provisional`].

use arancini_rib::Doom;
use arancini_schema::events::RouterEventKind;

use crate::changes::RouterChange;
use crate::context::RouterContext;
use crate::coverage::Coverage;
use crate::events::router_event;
use crate::life_check::{Phase, RouterCheck, Work};
use crate::notice::NoticeKind;
use crate::peer::PeerIndex;
use crate::repeat;
use crate::router::{Router, RouterLife, TablePlace};
use crate::session::SessionId;
use crate::table::TableIndex;
use crate::time::Now;

/// Reason of a resync, for people who read the event.
const RESYNC_REASON: &str = "it is not known which routes of this router consumers hold";

/// (none), Lost or Leaving → Up. "Once the session is up, the router begins to send BMP messages" (RFC 7854 §3.3): first
/// an Initiation, then a Peer Up and a dump for each peer.
pub(crate) fn connect(context: &mut RouterContext<'_>, session: SessionId, port: u16, known: bool) {
    let RouterContext { router, now, .. } = context;
    router.life = RouterLife::Up { session };
    router.port = port;
    router.identified_by = None;
    router.changes.push(now.unix_ns, RouterChange::Connected);
    for table in router.peers.iter_mut().flat_map(|peer| &mut peer.tables) {
        table.restart_quiet_period(now.monotonic_ns);
    }
    router_event(context, RouterEventKind::SessionOpened, "");
    if known {
        router_event(context, RouterEventKind::Back, "");
        let router = context.router.id;
        let what = match context.router.resync {
            Some(_) => NoticeKind::BackForResync,
            None => NoticeKind::Back,
        };
        context.shared.notices.push(router, None, what);
        context.shared.life_check_wanted = true;
    }
    if context.router.resync.is_some() {
        begin_resync(context);
    }
}

/// Up → Lost. "A BMP session ends when the TCP session that carries it is closed for any reason" (RFC 7854 §3.3), and "a
/// monitoring station must always be prepared for the session to terminate with no message" (§4.5). The routes stay for
/// `session_hold_ms`, in case the router comes back.
pub(crate) fn disconnect(context: &mut RouterContext<'_>, reason: &str) {
    lose(context.router, context.now);
    let lost = RouterChange::Lost(reason.into());
    context.router.changes.push(context.now.unix_ns, lost);
    router_event(context, RouterEventKind::Lost, reason);
    if context.router.has_routes() {
        router_event(context, RouterEventKind::Stale, reason);
    }
    let what = NoticeKind::SessionEnded(reason.to_owned());
    context.shared.notices.push(context.router.id, None, what);
    context.shared.life_check_wanted = true;
}

/// Marks a router as lost: its peers are down and its routes stale.
pub(crate) fn lose(router: &mut Router, now: Now) {
    router.life = RouterLife::Lost {
        since_ns: now.monotonic_ns,
    };
    router.take_peers_down(now);
}

/// Whether a router still has to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It waits for time to pass.
    Waits,
    /// It waits for nothing.
    Rests,
    /// Nothing of it is left: it is forgotten.
    Gone,
}

/// Checks what the passing of time means for a router: quiet tables settle, a quiet resync ends, and a router whose hold is
/// over leaves. `None` if the work of this call is used up: the check of the router goes on in another call.
pub(crate) fn check(
    context: &mut RouterContext<'_>,
    check: &mut RouterCheck,
    work: &mut Work,
    paused_ns: u64,
) -> Option<Outlook> {
    if check.phase == Phase::Measuring {
        while let Some(peer) = check.next_peer(context.router, work)? {
            context
                .router
                .measure(peer, &mut check.measured, context.now.monotonic_ns);
        }
        check.begin(Phase::Deciding);
    }
    match context.router.life {
        RouterLife::Up { .. } => check_open(context, check, work, paused_ns),
        RouterLife::Lost { since_ns } => {
            let held_ns = context.now.monotonic_ns - since_ns;
            if held_ns < context.shared.settings.session_hold_ns {
                return Some(Outlook::Waits);
            }
            leave(context, check, work)
        }
        RouterLife::Leaving => Some(Outlook::Rests),
    }
}

/// Settles the quiet tables of a router with a session, and ends its quiet resync.
fn check_open(
    context: &mut RouterContext<'_>,
    check: &mut RouterCheck,
    work: &mut Work,
    paused_ns: u64,
) -> Option<Outlook> {
    let now_ns = context.now.monotonic_ns;
    let heard_ns = context
        .router
        .last_dumped_ns(&check.measured, now_ns)
        .max(paused_ns);
    while let Some(peer) = check.next_peer(context.router, work)? {
        check.waits |= settle_quiet_tables(context, peer, heard_ns);
    }
    let quiet_ns = context.shared.settings.quiet_period_ns;
    let routes = check.measured.routes;
    let is_dumped = context
        .router
        .resync_is_over(routes, now_ns, quiet_ns, heard_ns, paused_ns);
    // The routes that the dump did not have are withdrawn before the end.
    if is_dumped && !check.waits && !context.shared.doomed.has_any_of(context.router.id) {
        end_resync(context);
    }
    Some(if check.waits || context.router.resync.is_some() {
        Outlook::Waits
    } else {
        Outlook::Rests
    })
}

/// Lost → Leaving: the hold is over, and the sweep withdraws all routes. The RFC leaves the time to the monitoring station.
fn leave(context: &mut RouterContext<'_>, check: &mut RouterCheck, work: &mut Work) -> Option<Outlook> {
    if check.phase == Phase::Deciding {
        check.begin(Phase::Leaving);
        let router = context.router.id;
        context.shared.notices.push(router, None, NoticeKind::HoldExpired);
        if context.router.resync.is_some() {
            // Consumers may not hold the routes that are withdrawn now.
            router_event(context, RouterEventKind::ResyncBegin, RESYNC_REASON);
        }
    }
    // The sweep also frees the memory of tables that are empty already.
    while let Some(peer) = check.next_peer(context.router, work)? {
        context.doom_peer(peer, Doom::SessionLost);
    }
    context.router.life = RouterLife::Leaving;
    Some(if context.router.is_empty() {
        Outlook::Gone
    } else {
        Outlook::Rests
    })
}

/// How consumers that lost messages of a router learn its routes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResyncWay {
    /// The collector publishes them again from the attributes that it retains. The session of the router goes on.
    Attributes,
    /// The next dump of the router is published in full. The shell ends the session, so that the router dumps anew.
    Dump,
}

/// Makes up for messages of a router that consumers lost.
pub(crate) fn resync_after_loss(context: &mut RouterContext<'_>) -> ResyncWay {
    // The lost messages may be withdraws.
    context.router.coverage = Coverage::Partial;
    if repeat::begin_after_loss(context) {
        context.shared.counters.resyncs_from_attributes.add(1);
        let router = context.router.id;
        let what = NoticeKind::ResyncFromAttributes;
        context.shared.notices.push(router, None, what);
        return ResyncWay::Attributes;
    }
    context.shared.counters.resyncs_by_dump.add(1);
    context.router.need_resync();
    ResyncWay::Dump
}

/// Leaving → (none): all routes that are known are withdrawn. If consumers may hold others, publishes a resync without routes:
/// consumers drop everything that they hold of the router.
pub(crate) fn end(context: &mut RouterContext<'_>) {
    if context.router.resync.is_some() {
        router_event(context, RouterEventKind::ResyncBegin, RESYNC_REASON);
        end_resync(context);
    }
}

/// Settles the tables of a peer whose dump has been quiet for long enough; returns whether others still wait. Something of a
/// dump of the router last came at `heard_ns`.
///
/// "Once it has sent all the routes for a given peer, it MUST send an End-of-RIB message" (RFC 7854 §3.3): this is for
/// routers that do not. A router dumps one table after the other. As long as anything of its dump comes, the turn of the
/// others may still come. A dump repeats stale routes, or fills a table that did not hold its routes before. A Peer Up begins
/// a dump.
fn settle_quiet_tables(context: &mut RouterContext<'_>, peer: PeerIndex, heard_ns: u64) -> bool {
    let RouterContext { router, shared, now } = context;
    let quiet_period_ns = shared.settings.quiet_period_ns;
    let mut waiting = false;
    for (table_index, table) in router.peers[peer].tables.iter_mut().enumerate() {
        let Some(since_ns) = table.settling_since_ns() else {
            continue;
        };
        if now.monotonic_ns.saturating_sub(since_ns.max(heard_ns)) < quiet_period_ns {
            waiting = true;
        } else if table.settle() {
            let place = TablePlace {
                peer,
                table: TableIndex(table_index),
            };
            shared.doomed.push(router.id, place);
        }
    }
    waiting
}

/// Begins a resync: consumers drop every route that is not announced before the resync ends. Routes that an earlier attempt
/// announced have to be announced again within this one.
fn begin_resync(context: &mut RouterContext<'_>) {
    context.router.begin_resync(context.now.monotonic_ns);
    router_event(context, RouterEventKind::ResyncBegin, RESYNC_REASON);
    context.shared.life_check_wanted = true;
}

/// Ends a resync: consumers hold again what the router holds.
fn end_resync(context: &mut RouterContext<'_>) {
    router_event(context, RouterEventKind::ResyncEnd, "");
    context.router.end_resync();
}
