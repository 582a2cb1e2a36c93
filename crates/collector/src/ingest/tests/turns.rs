//! Turns of the sessions of one worker, counted: a message that is taken in many turns holds up no other session.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use arancini_core::Settings;
use arancini_core::counters::Counter;
use arancini_generate::{
    Attributes, Open, Peer, Prefix, Update, end_of_rib, initiation, peer_up, route_monitoring,
};
use arancini_wire::iana::AfiSafi;
use monoio::{IoUringDriver, RuntimeBuilder};

use super::way::{Way, has_registered_ring, on_a_runtime, scenario};
use crate::ingest::backend::Driver;
use crate::ingest::connection::Connection;
use crate::ingest::deadlines::keep_deadlines;
use crate::ingest::end::EndReason;
use crate::ingest::idle_moment::IdleMoment;
use crate::ingest::mail::{Mail, Mailbox, ORDERS_PER_TURN};
use crate::ingest::readiness::Readiness;
use crate::ingest::registered::{Registered, Turn};
use crate::ingest::sessions::{RESYNC_SLICE, ROUTER_WORK};
use crate::ingest::signal::Turnstile;

const SLOT_BYTES: usize = 64 * 1024;
/// The work of one turn, in routes.
const TURN_WORK: u64 = 20;
/// Routes of the message that takes many turns.
const ROUTES: u32 = 10_000;
/// Messages that the other session sends meanwhile.
const MESSAGES: usize = 40;
/// The most turns that the message of the other session waits for: each backend needs a few to hear of the bytes.
const MOST_TURNS: usize = 4;

fn peer() -> Peer {
    let address = Ipv4Addr::new(192, 0, 2, 77);
    Peer::new(address.into(), 64_577, address)
}

/// A session whose last message has many routes.
fn long_message() -> Vec<u8> {
    message_of(ROUTES)
}

/// A session whose last message has so many routes.
fn message_of(routes: u32) -> Vec<u8> {
    let local = Ipv4Addr::new(192, 0, 2, 254);
    let prefixes = (0..routes)
        .map(|number| Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(0x1000_0000 + number * 256)), 24));
    let attributes = Attributes::new(&[64_577], local, local.to_ipv6_mapped());
    let up = peer_up(
        &peer(),
        local.into(),
        &Open::new(65_000, local),
        &Open::new(64_577, peer().bgp_id),
    );
    let update = Update::announce(prefixes, attributes);
    let monitoring = route_monitoring(&peer(), &update.to_bytes());
    [initiation("router", "test"), up, monitoring].concat()
}

/// Two routers of one worker: one sent a message of many turns, and the other one sends short ones.
struct Two {
    way: Way,
    loud: Rc<Connection>,
    other: Rc<Connection>,
    other_router: TcpStream,
    _loud_router: TcpStream,
}

impl Two {
    fn new() -> Self {
        let way = Way::with_turns(10_000, TURN_WORK);
        let (mut loud_router, loud) = way.connect(1);
        let (other_router, other) = way.connect(2);
        loud_router.write_all(&long_message()).unwrap();
        Self {
            way,
            loud,
            other,
            other_router,
            _loud_router: loud_router,
        }
    }

    /// Sends a message of the other router and returns where its session is when the message is taken.
    fn send(&mut self) -> u64 {
        let message = route_monitoring(&peer(), &end_of_rib(AfiSafi::IPV4_UNICAST));
        self.other_router.write_all(&message).unwrap();
        self.way.taken(&self.other) + message.len() as u64
    }
}

#[test]
fn a_message_of_many_turns_leaves_every_other_turn_to_the_other_sessions_of_the_ring() {
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let mut two = Two::new();
        let mut registered = Registered::new(2, SLOT_BYTES).unwrap();
        registered.join(Rc::clone(&two.loud)).unwrap();
        registered.join(Rc::clone(&two.other)).unwrap();
        while !two.loud.has_rest() {
            registered.turn(&two.way.sessions).unwrap();
        }
        for message in 0..MESSAGES {
            let taken = two.send();
            let mut turns = 0;
            while two.way.taken(&two.other) < taken {
                turns += 1;
                registered.turn(&two.way.sessions).unwrap();
                two.way.everything_is_on_the_bridge();
            }
            assert!(turns <= MOST_TURNS, "{turns} turns for message {message}");
        }
        assert!(two.loud.has_rest(), "the long message still takes turns");
        while two.loud.has_rest() {
            registered.turn(&two.way.sessions).unwrap();
            two.way.everything_is_on_the_bridge();
        }
        assert_eq!(two.way.taken(&two.loud), long_message().len() as u64);
        assert_eq!(
            two.way
                .lane()
                .shard
                .borrow()
                .routers()
                .map(|router| router.routes())
                .sum::<usize>(),
            ROUTES as usize
        );
    });
}

#[test]
fn a_message_of_many_turns_leaves_turns_to_the_tasks_of_other_sessions() {
    on_a_runtime(async {
        let mut two = Two::new();
        let lane = Rc::clone(two.way.lane());
        let doorman = Rc::clone(&lane);
        monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
        let readiness = Readiness::new(SLOT_BYTES, Driver::Epoll);
        let (loud, other) = (Rc::clone(&two.loud), Rc::clone(&two.other));
        let mut receive_loud = pin!(readiness.receive(&lane, &loud));
        let mut receive_other = pin!(readiness.receive(&lane, &other));
        // One round of the worker: each task has one turn, and the runtime asks the kernel for news.
        let mut round = async || {
            poll_fn(|context| {
                assert!(receive_loud.as_mut().poll(context).is_pending());
                assert!(receive_other.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            lane.turnstile.pass().await;
        };
        while !two.loud.has_rest() {
            round().await;
        }
        for message in 0..MESSAGES {
            let taken = two.send();
            let mut rounds = 0;
            while two.way.taken(&two.other) < taken {
                rounds += 1;
                round().await;
                two.way.everything_is_on_the_bridge();
            }
            assert!(rounds <= MOST_TURNS, "{rounds} rounds for message {message}");
        }
        assert!(two.loud.has_rest(), "the long message still takes turns");
        while two.loud.has_rest() {
            round().await;
            two.way.everything_is_on_the_bridge();
        }
        assert_eq!(two.way.taken(&two.loud), long_message().len() as u64);
    });
}

/// Lets a worker without a pause close a batch whose linger is over, and hear what another thread sends.
async fn never_idle() {
    let way = Way::new(100);
    let lane = Rc::clone(way.lane());
    let doorman = Rc::clone(&lane);
    monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
    monoio::spawn(keep_deadlines(Rc::clone(&lane)));
    let (orders, mail) = kanal::unbounded();
    let heard = Rc::new(Cell::new(false));
    let hears = Rc::clone(&heard);
    monoio::spawn(async move {
        let mail: kanal::AsyncReceiver<()> = mail.to_async();
        mail.recv().await.unwrap();
        hears.set(true);
    });
    let (_router, connection) = way.connect(1);
    connection.take(&lane, &message_of(1)).unwrap();
    assert!(lane.shard.borrow().open_batch_bytes() > 0, "the update lingers");
    lane.turnstile.pass().await;
    std::thread::spawn(move || orders.send(()).unwrap());
    while lane.shard.borrow().open_batch_bytes() > 0 || !heard.get() {
        lane.turnstile.pass().await;
    }
    assert!(!way.bridge_out.is_empty());
}

/// The runtime fires no timer and takes no wake-up of another thread while any task can run. So a worker without a pause never
/// closed a batch whose linger was over, and never heard of an order.
#[test]
fn a_worker_that_is_never_idle_keeps_its_deadlines_and_hears_of_orders() {
    on_a_runtime(never_idle());
    if has_registered_ring() {
        let mut runtime = RuntimeBuilder::<IoUringDriver>::new()
            .enable_timer()
            .build()
            .unwrap();
        runtime.block_on(never_idle());
    }
}

/// What comes behind a message of many turns, and the end of the stream, wait until the message is taken. A byte in a wrong
/// place would break the session.
#[test]
fn bytes_that_come_during_a_message_of_many_turns_keep_their_order() {
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let mut way = Way::with_turns(10_000, TURN_WORK);
        let mut registered = Registered::new(4, 8 * 1024).unwrap();
        let routers: Vec<_> = (1..=3)
            .map(|number| {
                let (mut router, connection) = way.connect(number);
                registered.join(connection).unwrap();
                let sent = [long_message(), scenario(number.into()).to_bytes()].concat();
                let length = sent.len();
                // The thread closes the connection when everything is sent.
                std::thread::spawn(move || router.write_all(&sent).unwrap());
                length as u64
            })
            .collect();
        let ended = |way: &Way, reason| way.lane().counters.ended[reason as usize].get();
        while registered.open_sessions() > 0 {
            registered.turn(&way.sessions).unwrap();
            way.everything_is_on_the_bridge();
        }
        assert_eq!(ended(&way, EndReason::Closed), 3);
        assert_eq!(way.counted().received_bytes, routers.iter().sum::<u64>());
        let updates: u64 = (1..=3).map(|seed| scenario(seed).expected().emitted()).sum();
        let core = &way.lane().counters.core;
        let emitted = core.emitted_announces.total() + core.emitted_withdraws.total();
        assert_eq!(emitted, updates + 3 * u64::from(ROUTES));
    });
}

/// A bridge that is nearly always full changes neither the order nor what is taken.
#[test]
fn rests_wait_for_a_full_bridge_and_nothing_is_lost() {
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let way = Way::with_turns(1, TURN_WORK);
        let lane = Rc::clone(way.lane());
        let (doorman, carrier) = (Rc::clone(&lane), Rc::clone(&lane));
        monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
        monoio::spawn(async move { carrier.outlet.carry().await });
        let mut registered = Registered::new(4, 8 * 1024).unwrap();
        let mut sent = 0;
        for number in 1..=3 {
            let (mut router, connection) = way.connect(number);
            registered.join(connection).unwrap();
            let bytes = [long_message(), long_message()].concat();
            sent += bytes.len() as u64;
            std::thread::spawn(move || router.write_all(&bytes).unwrap());
        }
        let mut blocked = 0;
        while registered.open_sessions() > 0 {
            let before = way.counted();
            let had_room = lane.outlet.has_room();
            let turn = registered.turn(&way.sessions).unwrap();
            if !had_room {
                assert_eq!((turn, way.counted()), (Turn::Blocked, before));
                blocked += 1;
                while let Ok(Some(_)) = way.bridge_out.try_recv() {}
                lane.turnstile.pass().await;
            }
        }
        assert!(blocked > 100, "the bridge was full {blocked} times");
        assert_eq!(lane.counters.ended[EndReason::Closed as usize].get(), 3);
        assert_eq!(way.counted().received_bytes, sent);
        let announces = lane.counters.core.emitted_announces.total();
        assert_eq!(
            announces,
            3 * u64::from(ROUTES),
            "the second message repeats the first"
        );
    });
}

#[test]
fn a_session_that_is_replaced_while_its_message_takes_turns_ends_once() {
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let two = Two::new();
        let way = &two.way;
        let mut registered = Registered::new(2, SLOT_BYTES).unwrap();
        registered.join(Rc::clone(&two.loud)).unwrap();
        while !two.loud.has_rest() {
            registered.turn(&way.sessions).unwrap();
        }
        let (mut router, connection) = way.connect(1);
        registered.join(Rc::clone(&connection)).unwrap();
        let bytes = message_of(10);
        router.write_all(&bytes).unwrap();
        while way.taken(&connection) < bytes.len() as u64 || registered.open_sessions() > 1 {
            registered.turn(&way.sessions).unwrap();
        }
        assert_eq!(way.lane().counters.ended[EndReason::Replaced as usize].get(), 1);
        drop(router);
        while registered.open_sessions() > 0 {
            registered.turn(&way.sessions).unwrap();
        }
        let ended = &way.lane().counters.ended;
        assert_eq!(ended.iter().map(Counter::get).sum::<u64>(), 2);
    });
}

/// The worker reaped 64 KiB in one turn, whatever the messages in them came to.
#[test]
fn short_messages_of_many_sessions_are_taken_in_short_turns() {
    const SESSIONS: u8 = 40;
    const ROUTES: u32 = 400;
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let way = Way::new(10_000);
        let mut registered = Registered::new(2, SLOT_BYTES).unwrap();
        let mut routers = Vec::new();
        let mut sent = 0;
        for number in 0..SESSIONS {
            let (mut router, connection) = way.connect(number);
            let bytes = message_of(ROUTES);
            router.write_all(&bytes).unwrap();
            sent += bytes.len();
            registered.join(connection).unwrap();
            routers.push(router);
        }
        let announces = || way.lane().counters.core.emitted_announces.total();
        let mut most = 0;
        while way.counted().received_bytes < sent as u64 {
            let before = announces();
            registered.turn(&way.sessions).unwrap();
            most = most.max(announces() - before);
        }
        // A turn, a half, and what an ordinary UPDATE may go beyond.
        assert!(most <= 2 * Settings::TURN_WORK, "{most} routes in one turn");
    });
}

#[test]
fn sessions_that_end_at_the_same_time_end_in_short_turns() {
    const SESSIONS: u8 = 200;
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let way = Way::new(10_000);
        let mut registered = Registered::new(2, SLOT_BYTES).unwrap();
        for number in 0..SESSIONS {
            let (_router, connection) = way.connect(number);
            registered.join(connection).unwrap();
        }
        let ended = || way.lane().counters.ended[EndReason::Closed as usize].get();
        let mut most = 0;
        while ended() < u64::from(SESSIONS) {
            let before = ended();
            registered.turn(&way.sessions).unwrap();
            most = most.max(ended() - before);
        }
        assert!(most <= 10, "{most} sessions ended in one turn");
    });
}

#[test]
fn a_burst_of_orders_is_taken_in_short_turns() {
    const ORDERS: u32 = 300;
    on_a_runtime(async {
        let turnstile = Rc::new(Turnstile::default());
        let doorman = Rc::clone(&turnstile);
        monoio::spawn(async move { doorman.turn(async || {}).await });
        let (orders, mail) = kanal::unbounded();
        for _ in 0..ORDERS {
            orders.send(Mail::Resync).unwrap();
        }
        drop(orders);
        let taken = Cell::new(0);
        let mut reading = pin!(async {
            let mut mailbox = Mailbox::new(mail);
            while mailbox.next(&turnstile).await.is_some() {
                taken.set(taken.get() + 1);
            }
        });
        poll_fn(|context| {
            let before = taken.get();
            let polled = reading.as_mut().poll(context);
            let orders = taken.get() - before;
            assert!(orders <= ORDERS_PER_TURN, "{orders} orders in one turn");
            polled
        })
        .await;
        assert_eq!(taken.get(), ORDERS);
    });
}

/// All routers of a worker forgot their routes in one turn.
#[test]
fn a_resync_of_many_routers_is_taken_in_short_turns_and_leaves_none_out() {
    const ROUTERS: u32 = 1000;
    on_a_runtime(async {
        let way = Way::new(10_000);
        let lane = Rc::clone(way.lane());
        let doorman = Rc::clone(&lane);
        monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
        let (_router, connection) = way.connect(1);
        let addresses: Vec<IpAddr> = (0..ROUTERS)
            .map(|number| Ipv4Addr::from_bits(0x0a00_0000 + number).into())
            .collect();
        let now = lane.clock.now();
        for address in &addresses {
            lane.shard.borrow_mut().handle_connect(*address, 1, now);
        }
        let to_resync = || {
            let shard = lane.shard.borrow();
            shard.routers().filter(|router| router.needs_resync()).count()
        };
        let mut resync = pin!(way.sessions.resync());
        poll_fn(|context| {
            let before = to_resync();
            let polled = resync.as_mut().poll(context);
            let routers = to_resync() - before;
            assert!(
                routers <= RESYNC_SLICE / ROUTER_WORK,
                "{routers} routers in one turn"
            );
            polled
        })
        .await;
        assert_eq!(to_resync(), ROUTERS as usize + 1);
        assert_eq!(connection.closed().reason, EndReason::Resync);
    });
}
