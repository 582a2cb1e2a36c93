//! Questions to a worker, slice by slice.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use arancini_core::Now;
use arancini_core::ask::{Match, Outcome, Prefix as Asked, Question, Search, Selector};
use arancini_generate::{Attributes, Open, Peer, Prefix, Update, peer_up, route_monitoring};
use tokio::sync::{Semaphore, oneshot};

use super::way::Way;
use crate::ingest::answer::answer;
use crate::ingest::lane::Lane;
use crate::ingest::question_request::QuestionRequest;

const ROUTES: u32 = 80_000;
const ROUTES_PER_UPDATE: u32 = 1000;

/// A worker that holds [`ROUTES`] routes.
fn full() -> Way {
    let way = Way::new(10_000);
    let local = Ipv4Addr::new(192, 0, 2, 254);
    let peer = Peer::new([192, 0, 2, 77].into(), 64_577, local);
    let open = Open::new(64_577, local);
    let now = Now {
        monotonic_ns: 1,
        unix_ns: 1,
    };
    let mut shard = way.lane().shard.borrow_mut();
    let session = shard.handle_connect([192, 0, 2, 1].into(), 1, now);
    let up = peer_up(&peer, local.into(), &open, &open);
    shard.handle_all_bytes(session, &up, now).unwrap();
    for first in (0..ROUTES).step_by(ROUTES_PER_UPDATE as usize) {
        let prefixes = (first..first + ROUTES_PER_UPDATE)
            .map(|number| Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(0x1000_0000 + number * 256)), 24));
        let attributes = Attributes::new(&[64_577], local, local.to_ipv6_mapped());
        let update = Update::announce(prefixes, attributes).to_bytes();
        let bytes = route_monitoring(&peer, &update);
        shard.handle_all_bytes(session, &bytes, now).unwrap();
    }
    drop(shard);
    way
}

/// A question that looks at every route and finds none, and the place where its answer comes.
fn scan(room: &Arc<Semaphore>) -> (QuestionRequest, oneshot::Receiver<Outcome>) {
    let search = Search {
        prefix: Asked::new([203, 0, 113, 0].into(), 24).unwrap(),
        matching: Match::Covered,
    };
    let (out, outcome) = oneshot::channel();
    let request = QuestionRequest {
        question: Question::routes(Selector::default(), Some(search), 10),
        deadline: Instant::now() + Duration::from_secs(600),
        out,
        place: Arc::new(Arc::clone(room).try_acquire_owned().unwrap()),
    };
    (request, outcome)
}

/// A question at work, beside the turnstile of its worker.
struct AtWork<'a> {
    answering: Pin<&'a mut dyn Future<Output = ()>>,
    turning: Pin<&'a mut dyn Future<Output = ()>>,
}

impl AtWork<'_> {
    /// Lets the question do one slice. Returns whether it has ended.
    fn slice(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let has_ended = self.answering.as_mut().poll(&mut context).is_ready();
        assert!(self.turning.as_mut().poll(&mut context).is_pending());
        has_ended
    }
}

/// Calls the function with a question at work on a full worker.
fn with_question(run: impl FnOnce(AtWork<'_>, oneshot::Receiver<Outcome>, &Semaphore)) {
    let way = full();
    let lane: &Rc<Lane> = way.lane();
    let room = Arc::new(Semaphore::new(1));
    let (request, outcome) = scan(&room);
    let mut answering = pin!(answer(Rc::clone(lane), request));
    let mut turning = pin!(lane.turnstile.turn(async || {}));
    let at_work = AtWork {
        answering: answering.as_mut(),
        turning: turning.as_mut(),
    };
    run(at_work, outcome, &room);
}

#[test]
fn a_question_ends_in_the_slice_in_which_its_asker_goes() {
    let mut slices = 1;
    with_question(|mut at_work, mut outcome, _| {
        while !at_work.slice() {
            slices += 1;
        }
        assert!(
            outcome.try_recv().unwrap().rest.is_none(),
            "it has seen every route"
        );
    });
    assert!(slices > 10, "{slices} slices are too few for this test");
    with_question(|mut at_work, outcome, room| {
        for _ in 0..3 {
            assert!(!at_work.slice());
        }
        assert_eq!(room.available_permits(), 0);
        drop(outcome);
        assert!(at_work.slice(), "the worker goes on for nobody");
        assert_eq!(room.available_permits(), 1, "its place is free again");
    });
}
