//! When the routers and tables that wait for time to pass are checked, and how far a check has come.
//!
//! One call looks at few peers, so that neither thousands of routers nor a router with thousands of peers makes a long turn.
//! A check stops between two peers, and the next call goes on there. What happens to a router meanwhile may make its check
//! begin again.

use std::net::IpAddr;
use std::ops::Bound;

use crate::peer::PeerIndex;
use crate::router::{Measured, Router, RouterLife};
use crate::settings::Settings;
use crate::time::Now;

/// Least time between two checks.
const CHECK_INTERVAL_NS: u64 = 1_000_000_000;
/// Peers and routers that one call looks at. A peer of a router with a session is looked at twice.
pub(crate) const CHECK_SLICE: usize = 500;

/// When the routers and tables that wait for time to pass are checked next.
#[derive(Debug, Default)]
pub(crate) struct LifeCheck {
    deadline_ns: Option<u64>,
    /// The router with which the check goes on, and how far it has come there, if it stopped.
    next: Option<(IpAddr, RouterCheck)>,
    /// Whether a router that the check has passed waits for time to pass.
    waiting: bool,
    /// Routes of the routers that the check has passed.
    routes: usize,
    /// When the shell last said that it does not receive. A router is not quiet while nobody listens to it.
    pub paused_ns: u64,
}

/// The outcome of a check of all routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Whether a router waits, so that there has to be another check.
    pub waiting: bool,
    /// Routes of all routers.
    pub routes: usize,
}

impl LifeCheck {
    /// When the next check is due.
    pub const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Notes that nothing is received at present.
    pub const fn pause(&mut self, now: Now) {
        self.paused_ns = now.monotonic_ns;
    }

    /// Brings the next check forward, because something began to wait.
    pub fn soon(&mut self, settings: &Settings, now: Now) {
        let interval = CHECK_INTERVAL_NS
            .min(settings.session_hold_ns / 4)
            .min(settings.quiet_period_ns / 4)
            .max(1);
        let deadline = now.monotonic_ns + interval;
        self.deadline_ns = Some(self.deadline_ns.map_or(deadline, |before| before.min(deadline)));
    }

    /// Whether the check is due; if so, the caller makes it now.
    pub fn take_due(&mut self, now: Now) -> bool {
        let due = self
            .deadline_ns
            .is_some_and(|deadline| deadline <= now.monotonic_ns);
        if due {
            self.deadline_ns = None;
        }
        due
    }

    /// The router with which the check begins: the first one, or the one at which the check stopped.
    pub fn begin_at(&self) -> Bound<IpAddr> {
        self.next
            .map_or(Bound::Unbounded, |(router, _)| Bound::Included(router))
    }

    /// The check of this router: the one that was stopped, if that still holds.
    pub fn of_router(&mut self, router: &Router) -> RouterCheck {
        let stopped = self.next.take();
        stopped
            .filter(|(id, check)| *id == router.id && check.life == router.life)
            .map_or_else(|| RouterCheck::new(router.life), |(_, check)| check)
    }

    /// Notes that the check of a router is over.
    pub const fn passed(&mut self, check: &RouterCheck, waits: bool) {
        self.waiting |= waits;
        self.routes += check.measured.routes;
    }

    /// Stops the check in this router. It is due again at once.
    pub fn stop_in(&mut self, router: IpAddr, check: RouterCheck, now: Now) {
        self.next = Some((router, check));
        self.deadline_ns = Some(now.monotonic_ns);
    }

    /// Ends the check.
    pub const fn finish(&mut self) -> Checked {
        let checked = Checked {
            waiting: self.waiting,
            routes: self.routes,
        };
        self.next = None;
        (self.waiting, self.routes) = (false, 0);
        checked
    }
}

/// What one call may still look at.
#[derive(Debug)]
pub(crate) struct Work(usize);

impl Work {
    /// The work of one call.
    pub const fn of_call() -> Self {
        Self(CHECK_SLICE)
    }

    /// Counts something that costs as much as so many peers. `None` if the work was used up before.
    pub const fn take(&mut self, peers: usize) -> Option<()> {
        if self.0 == 0 {
            return None;
        }
        self.0 = self.0.saturating_sub(peers);
        Some(())
    }
}

/// What the check does with the peers of a router, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It adds up what their tables hold.
    Measuring,
    /// It settles their quiet tables, if the router has a session.
    Deciding,
    /// It dooms their routes, because the hold is over.
    Leaving,
}

/// How far the check of one router has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouterCheck {
    /// The life of the router when its check began.
    life: RouterLife,
    pub phase: Phase,
    next: usize,
    pub measured: Measured,
    /// Whether a table waits for time to pass.
    pub waits: bool,
}

impl RouterCheck {
    fn new(life: RouterLife) -> Self {
        Self {
            life,
            phase: Phase::Measuring,
            next: 0,
            measured: Measured::default(),
            waits: false,
        }
    }

    /// Begins a phase with the first peer.
    pub const fn begin(&mut self, phase: Phase) {
        (self.phase, self.next) = (phase, 0);
    }

    /// The next peer of the phase: `Some(None)` behind the last one, `None` if the work of this call is used up.
    #[expect(clippy::option_option, reason = "the outer one is for `?`")]
    pub fn next_peer(&mut self, router: &Router, work: &mut Work) -> Option<Option<PeerIndex>> {
        if self.next >= router.peers.len() {
            return Some(None);
        }
        work.take(1)?;
        self.next += 1;
        Some(Some(PeerIndex(self.next - 1)))
    }
}
