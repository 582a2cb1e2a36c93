//! The connections of one worker that have not sent a whole BMP message of a known type yet, no whole PROXY protocol header, or
//! no sysName.
//!
//! Such a connection is no session: nothing is published about it, and a session that its router has goes on. A router has few
//! of them at a time, so nobody can collect connections in a router's name.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::config::Limits;
use crate::ingest::end::EndReason;
use crate::ingest::lane::Lane;
use crate::ingest::patience::Patience;
use crate::ingest::round::visit_slice;

/// Connections of one router that wait at the same time. When one more comes, the one that was accepted first ends.
pub const WAITING_PER_ROUTER: usize = 4;

/// The connections of a worker that wait for their first message, by router; those that wait for their PROXY protocol header,
/// by load balancer; or those that wait for the name of their router, by source address.
pub struct Waiting {
    lane: Rc<Lane>,
    /// Connections of one address that may wait at the same time.
    most: usize,
    places: RefCell<BTreeMap<IpAddr, Vec<Rc<Place>>>>,
}

/// The place of one connection that waits.
pub struct Place {
    /// The router; or where the connection comes from, while the router is not known.
    pub router: IpAddr,
    /// The address that the connection comes from.
    pub remote: SocketAddr,
    /// The number of the connection in the order of acceptance.
    number: u64,
    patience: Patience,
    /// Bytes of the first message that have come.
    held: Cell<usize>,
    /// Why the connection has to end, if it has to.
    called_off: Cell<Option<EndReason>>,
    waker: RefCell<Option<Waker>>,
}

impl Waiting {
    /// A worker without connections that wait for their first message.
    pub fn for_messages(lane: Rc<Lane>) -> Self {
        Self::with_most(lane, WAITING_PER_ROUTER)
    }

    /// A worker without connections that wait for their PROXY protocol header. All routers behind a load balancer may come at
    /// the same time; `limits.max_sessions` bounds them.
    pub fn for_headers(lane: Rc<Lane>) -> Self {
        Self::with_most(lane, usize::MAX)
    }

    /// A worker without connections whose router is waited for. All routers behind one address may come at the same time;
    /// `limits.max_sessions_per_source` bounds them.
    pub fn for_names(lane: Rc<Lane>) -> Self {
        Self::with_most(lane, usize::MAX)
    }

    fn with_most(lane: Rc<Lane>, most: usize) -> Self {
        Self {
            lane,
            most,
            places: RefCell::default(),
        }
    }

    /// Gives a connection a place, and ends another one if the router has too many.
    pub fn enter(&self, router: IpAddr, remote: SocketAddr, number: u64) -> Rc<Place> {
        let place = Rc::new(Place {
            router,
            remote,
            number,
            held: Cell::new(0),
            patience: Patience::begin(self.lane.clock.now().monotonic_ns),
            called_off: Cell::new(None),
            waker: RefCell::default(),
        });
        let mut places = self.places.borrow_mut();
        let of_router = places.entry(router).or_default();
        let at = of_router.partition_point(|other| other.number < number);
        of_router.insert(at, Rc::clone(&place));
        // Those that have been called off leave their places soon.
        let mut waiting = of_router.iter().filter(|place| place.called_off.get().is_none());
        if waiting.clone().count() > self.most
            && let Some(first) = waiting.next()
        {
            first.call_off(EndReason::Replaced);
        }
        drop(places);
        let gauge = &self.lane.counters.waiting;
        gauge.set(gauge.get() + 1);
        place
    }

    /// Takes a place away: the connection waits no longer.
    pub fn leave(&self, place: &Rc<Place>) {
        place.hold(&self.lane, 0);
        let mut places = self.places.borrow_mut();
        if let Some(of_router) = places.get_mut(&place.router) {
            of_router.retain(|other| !Rc::ptr_eq(other, place));
            if of_router.is_empty() {
                places.remove(&place.router);
            }
        }
        let gauge = &self.lane.counters.waiting;
        gauge.set(gauge.get() - 1);
    }

    /// The place of the connection that holds the most bytes of its first message.
    pub fn largest(&self) -> Option<Rc<Place>> {
        let places = self.places.borrow();
        let waiting = places.values().flatten();
        waiting.max_by_key(|place| (place.held(), place.number)).cloned()
    }

    /// Ends the connections that have waited for longer than `limits.handshake_timeout_ms`: one slice of a round, as
    /// [`visit_slice`] makes it. `deaf_ns` is how long the worker did not receive since the last round.
    pub fn end_overdue(&self, after: Option<IpAddr>, limits: &Limits, deaf_ns: u64) -> Option<IpAddr> {
        let now_ns = self.lane.clock.now().monotonic_ns;
        visit_slice(&self.places.borrow(), after, |places| {
            for place in places {
                place.patience.excuse(deaf_ns, now_ns);
                if place.patience.is_over(limits.handshake_timeout_ms, now_ns) {
                    place.call_off(EndReason::Handshake);
                }
            }
        })
    }
}

impl Place {
    /// Bytes of the first message that have come.
    pub fn held(&self) -> usize {
        self.held.get()
    }

    /// Notes how many bytes of the first message have come. They count in the budget of the worker.
    pub fn hold(&self, lane: &Lane, bytes: usize) {
        lane.unfinished.note_waiting(self.held.replace(bytes), bytes);
        lane.unfinished.check(lane.shard.borrow().unfinished_bytes());
    }

    /// Makes the connection end.
    pub fn call_off(&self, reason: EndReason) {
        self.called_off.set(Some(reason));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Waits for the future, unless the connection has to end before.
    ///
    /// # Errors
    /// The connection has to end.
    pub async fn unless_called_off<T>(&self, future: impl Future<Output = T>) -> Result<T, EndReason> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Some(reason) = self.called_off.get() {
                return Poll::Ready(Err(reason));
            }
            self.waker.replace(Some(context.waker().clone()));
            future.as_mut().poll(context).map(Ok)
        })
        .await
    }
}
