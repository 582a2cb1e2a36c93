//! Connections before their first message: what they may do to the session of their router, and what bounds them.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use arancini_generate::initiation;

use super::way::{Way, has_registered_ring, on_a_runtime};
use crate::config::Limits;
use crate::ingest::arrive::admit::Admission;
use crate::ingest::arrive::entrance::{ARRIVALS_PER_TURN, Entrance};
use crate::ingest::arrive::waiting::WAITING_PER_ROUTER;
use crate::ingest::backend::Backend;
use crate::ingest::budget_keeper::keep_budget;
use crate::ingest::end::EndReason;
use crate::ingest::lane::Lane;

/// The number of the router.
const ROUTER: u8 = 1;

fn address() -> IpAddr {
    [192, 0, 2, ROUTER].into()
}

/// Runs the test once with each receive backend that this host has.
fn on_each_backend(bridge_batches: usize, test: impl AsyncFn(&Way, &Rc<Entrance>)) {
    for backend in Backend::ALL {
        if backend == Backend::Registered && !has_registered_ring() {
            continue;
        }
        on_a_runtime(async {
            let way = Way::new(bridge_batches);
            let entrance = way.entrance(backend);
            test(&way, &entrance).await;
        });
    }
}

/// Lets the tasks of the worker run until the condition holds.
async fn until(lane: &Lane, what: &str, condition: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if condition() {
            return;
        }
        lane.turnstile.pass().await;
    }
    panic!("never came true: {what}");
}

fn ended(way: &Way, reason: EndReason) -> u64 {
    way.lane().counters.ended[reason as usize].get()
}

/// Whether the worker has closed the connection.
fn is_closed(mut client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    match client.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Two workers accept two connections of a router, and the owner gets the older one last.
#[test]
fn connections_that_are_handed_over_in_reverse_are_served_in_the_order_of_acceptance() {
    on_each_backend(100, async |way, entrance| {
        let admission = Admission::new(&Limits::default());
        let (mut older, claimed_older) = way.arriving(&admission, ROUTER);
        let (mut newer, claimed_newer) = way.arriving(&admission, ROUTER);
        for client in [&mut older, &mut newer] {
            client.write_all(&initiation("router", "test")).unwrap();
        }
        let core = &way.lane().counters.core;
        entrance.adopt(claimed_newer);
        until(way.lane(), "the newer one has the session", || {
            core.sessions.get() == 1
        })
        .await;
        let events = core.events.get();
        entrance.adopt(claimed_older);
        until(way.lane(), "the older one is closed", || is_closed(&older)).await;
        assert!(!is_closed(&newer));
        assert_eq!(ended(way, EndReason::Replaced), 1);
        assert_eq!((core.sessions.get(), core.events.get()), (1, events));
    });
}

/// A BMP message of type 200.
const OF_UNKNOWN_TYPE: [u8; 6] = [3, 0, 0, 0, 6, 200];
/// Index of the counter of messages of unknown types.
const UNKNOWN: usize = 7;

#[test]
fn a_first_message_of_an_unknown_type_does_not_replace_the_session_of_its_router() {
    on_each_backend(100, async |way, entrance| {
        let admission = Admission::new(&Limits::default());
        let core = &way.lane().counters.core;
        let begin = |bytes: &[u8]| {
            let (mut client, claimed) = way.arriving(&admission, ROUTER);
            client.write_all(bytes).unwrap();
            entrance.adopt(claimed);
            client
        };
        let hello = initiation("router", "test");
        let first = begin(&hello);
        until(way.lane(), "the router has a session", || {
            core.sessions.get() == 1
        })
        .await;
        let (events, received) = (core.events.get(), core.received_bytes.get());
        let mut second = begin(&OF_UNKNOWN_TYPE.repeat(3));
        until(way.lane(), "the messages are counted", || {
            core.messages[UNKNOWN].get() == 3
        })
        .await;
        assert_eq!(core.received_bytes.get() - received, 18);
        assert!(!is_closed(&first));
        assert_eq!(core.events.get(), events, "nothing is published about it");
        second.set_nonblocking(false).unwrap();
        second.write_all(&hello).unwrap();
        until(way.lane(), "the newer connection has the session", || {
            is_closed(&first)
        })
        .await;
        assert!(!is_closed(&second));
        assert_eq!((core.sessions.get(), core.messages[4].get()), (1, 2));
    });
}

#[test]
fn a_client_that_sends_only_unknown_types_does_not_keep_its_place() {
    let limits = Limits {
        handshake_timeout_ms: 1,
        ..Limits::default()
    };
    on_each_backend(100, async |way, entrance| {
        let (mut client, claimed) = way.arriving(&Admission::new(&limits), ROUTER);
        entrance.adopt(claimed);
        let core = &way.lane().counters.core;
        let unknown = &core.messages[UNKNOWN];
        while ended(way, EndReason::Handshake) == 0 {
            let before = unknown.get();
            client.write_all(&OF_UNKNOWN_TYPE).unwrap();
            until(way.lane(), "the message is passed over or too late", || {
                entrance.waiting.end_overdue(None, &limits, 0);
                unknown.get() > before || ended(way, EndReason::Handshake) == 1
            })
            .await;
            assert_eq!(core.sessions.get(), 0);
        }
        until(way.lane(), "the connection is closed", || is_closed(&client)).await;
        assert_eq!(way.lane().counters.waiting.get(), 0);
    });
}

#[test]
fn connections_that_wait_for_their_first_message_are_few_for_each_router() {
    on_each_backend(100, async |way, entrance| {
        const CONNECTIONS: usize = 3 * WAITING_PER_ROUTER;
        let admission = Admission::new(&Limits::default());
        let waiting = &way.lane().counters.waiting;
        let clients: Vec<TcpStream> = (0..CONNECTIONS)
            .map(|_| {
                let (client, claimed) = way.arriving(&admission, ROUTER);
                entrance.adopt(claimed);
                client
            })
            .collect();
        let (_other, claimed) = way.arriving(&admission, ROUTER + 1);
        entrance.adopt(claimed);
        let (gone, left) = clients.split_at(CONNECTIONS - WAITING_PER_ROUTER);
        until(way.lane(), "the first ones are closed", || {
            gone.iter().all(is_closed)
        })
        .await;
        assert!(!left.iter().any(is_closed), "the newest ones stay");
        assert_eq!(waiting.get(), WAITING_PER_ROUTER as u64 + 1);
        drop(clients);
        until(way.lane(), "the other router waits alone", || waiting.get() == 1).await;
        let counters = &way.lane().counters;
        assert_eq!(counters.without_message.get(), CONNECTIONS as u64);
        assert_eq!(counters.core.events.get(), 0, "nothing is published about them");
        assert_eq!(
            way.owners.owner(address()),
            None,
            "nobody owns a router that said nothing"
        );
    });
}

/// The worker published the end and the beginning of a session for each connection, also while the bridge was full.
#[test]
fn a_router_that_reconnects_while_the_bridge_is_full_makes_no_backlog() {
    on_each_backend(1, async |way, entrance| {
        const RECONNECTS: usize = 10_000;
        let outlet = &way.lane().outlet;
        // The first event fills the bridge, and the second one waits.
        let _sessions = [way.connect(ROUTER + 1), way.connect(ROUTER + 2)];
        assert!(!outlet.has_room());
        let backlog = outlet.backlog_batches();
        // Otherwise the limits would refuse the router before its backlog is large.
        let admission = Admission::new(&Limits {
            max_sessions: RECONNECTS,
            max_sessions_per_source: RECONNECTS,
            ..Limits::default()
        });
        for _ in 0..RECONNECTS {
            let (mut client, claimed) = way.arriving(&admission, ROUTER);
            client.write_all(&initiation("router", "test")).unwrap();
            entrance.adopt(claimed);
            way.lane().turnstile.pass().await;
        }
        assert_eq!(outlet.backlog_batches(), backlog);
        let carrier = Rc::clone(way.lane());
        monoio::spawn(async move { carrier.outlet.carry().await });
        let core = &way.lane().counters.core;
        until(way.lane(), "the router has a session", || {
            while let Ok(Some(_)) = way.bridge_out.try_recv() {}
            core.routers.get() == 3
        })
        .await;
    });
}

/// Time in which the worker does not listen, because the bridge is full, makes no router late.
#[test]
fn limits_of_silence_count_only_the_time_in_which_the_worker_listens() {
    let limits = Limits {
        handshake_timeout_ms: 200,
        idle_timeout_ms: 200,
        ..Limits::default()
    };
    on_each_backend(1, async |way, entrance| {
        let (_first, _connection) = way.connect(ROUTER + 1);
        let lane = Rc::clone(way.lane());
        let carrier = Rc::clone(&lane);
        monoio::spawn(async move { carrier.outlet.carry().await });
        // The event of this router finds the bridge full.
        let (_router, connection) = way.connect(ROUTER + 2);
        let (silent, claimed) = way.arriving(&Admission::new(&limits), ROUTER);
        entrance.adopt(claimed);
        assert!(!lane.outlet.has_room());
        let passed = |limit_ms: u64| {
            let begun = lane.clock.now().monotonic_ns;
            while lane.clock.now().monotonic_ns - begun <= limit_ms * 1_000_000 {
                std::thread::yield_now();
            }
        };
        let end_overdue = || {
            let deaf_ns = lane.outlet.take_deaf_ns();
            way.sessions.end_overdue(None, &limits, deaf_ns);
            entrance.waiting.end_overdue(None, &limits, deaf_ns);
        };
        passed(300);
        end_overdue();
        assert_eq!(connection.closed().reason, EndReason::Closed, "nobody listened");
        lane.turnstile.pass().await;
        assert!(!is_closed(&silent), "nobody listened");
        while way.bridge_out.try_recv().unwrap().is_some() || !lane.outlet.has_room() {
            monoio::time::sleep(Duration::from_millis(1)).await;
        }
        passed(300);
        end_overdue();
        assert_eq!(
            connection.closed().reason,
            EndReason::Idle,
            "the router was silent"
        );
        until(&lane, "the silent connection is closed", || is_closed(&silent)).await;
        assert_eq!(ended(way, EndReason::Handshake), 1, "the router was silent");
    });
}

/// A message of this length without its last byte.
fn nearly_whole(length: u32) -> Vec<u8> {
    let mut bytes = [&[3], length.to_be_bytes().as_slice(), &[4]].concat();
    bytes.resize(length as usize - 1, 0);
    bytes
}

/// 500 messages of 1 MB whose last byte never came occupied 510 MiB.
#[test]
fn messages_that_never_end_keep_a_budget_and_no_router_with_short_messages_pays_for_them() {
    const LENGTH: u32 = 100_000;
    const HOSTILE: u8 = 8;
    on_each_backend(1000, async |way, entrance| {
        monoio::spawn(keep_budget(Rc::clone(entrance)));
        let admission = Admission::new(&Limits {
            max_sessions_per_source: 100,
            ..Limits::default()
        });
        let lane = way.lane();
        let core = &lane.counters.core;
        let begin = |router: u8, bytes: &[u8]| {
            let (mut client, claimed) = way.arriving(&admission, router);
            client.write_all(bytes).unwrap();
            entrance.adopt(claimed);
            client
        };
        // Both hold the beginning of a short message: one in a session, and one before its session.
        let hello = initiation("honest", "test");
        let (first, rest) = hello.split_at(10);
        let mut in_session = begin(100, &[&hello, first].concat());
        let mut before_session = begin(101, first);
        until(lane, "the honest router has a session", || {
            core.sessions.get() == 1
        })
        .await;
        let mut hostile = Vec::new();
        for router in 1..=HOSTILE {
            let hello = if router % 2 == 0 { &hello[..] } else { &[] };
            hostile.push(begin(router, &[hello, &nearly_whole(LENGTH)].concat()));
            let held = || hostile.iter().filter(|client| !is_closed(client)).count();
            // Two of them fit.
            let most = usize::from(router).min(2);
            until(lane, "the budget is kept", || held() == most).await;
        }
        assert_eq!(ended(way, EndReason::Unfinished), u64::from(HOSTILE) - 2);
        assert!(!lane.exceeds_unfinished());
        for client in [&mut in_session, &mut before_session] {
            assert!(!is_closed(client));
            client.set_nonblocking(false).unwrap();
            client.write_all(rest).unwrap();
        }
        let initiations = || core.messages[4].get();
        let of_hostile = u64::from(HOSTILE) / 2;
        until(lane, "both honest routers are heard", || {
            initiations() == 3 + of_hostile
        })
        .await;
    });
}

/// Thousands of connections with something to do at the same time held up the sessions for as long as all of them together.
#[test]
fn connections_that_come_together_become_sessions_a_few_in_each_turn() {
    on_each_backend(10_000, async |way, entrance| {
        const CONNECTIONS: u8 = 100;
        let admission = Admission::new(&Limits {
            max_sessions_per_source: usize::from(CONNECTIONS),
            ..Limits::default()
        });
        let lane = way.lane();
        let sessions = &lane.counters.core.sessions;
        let _clients: Vec<TcpStream> = (1..=CONNECTIONS)
            .map(|router| {
                let (mut client, claimed) = way.arriving(&admission, router);
                client.write_all(&initiation("router", "test")).unwrap();
                entrance.adopt(claimed);
                client
            })
            .collect();
        for _ in 0..100_000 {
            let before = sessions.get();
            lane.turnstile.pass().await;
            let opened = sessions.get() - before;
            assert!(opened <= ARRIVALS_PER_TURN, "{opened} sessions in one turn");
            if sessions.get() == u64::from(CONNECTIONS) {
                return;
            }
        }
        panic!("only {} sessions", sessions.get());
    });
}
