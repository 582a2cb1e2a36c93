//! The rules of the hot path as far as a worker keeps them (`docs/rules.md`), counted on real sockets.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::net::TcpStream;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use super::way::{Way, has_registered_ring, on_a_runtime, stream};
use crate::config::IdentityKind;
use crate::config::Listen;
use crate::ingest::arrive::listen;
use crate::ingest::backend::Driver;
use crate::ingest::end::EndReason;
use crate::ingest::idle_moment::IdleMoment;
use crate::ingest::readiness::Readiness;
use crate::ingest::registered::{Registered, Turn};

/// Small enough that the core takes a whole slot at once.
const SLOT_BYTES: usize = 4096;

/// Rule 1, backend `readiness`. Each poll of a receiving task that receives a slot ends with the slot taken by the core and
/// with all closed batches on the bridge: nothing waits in between. Around it the task waits for bytes and for its turn, which
/// is at most two polls for each slot.
#[test]
fn nothing_waits_between_the_socket_and_the_bridge() {
    on_a_runtime(async {
        let mut way = Way::new(10_000);
        let (mut router, connection) = way.connect(1);
        way.everything_is_on_the_bridge();
        let lane = Rc::clone(way.lane());
        let doorman = Rc::clone(&lane);
        monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
        let sent = stream(1);
        let length = sent.len();
        let sender = std::thread::spawn(move || router.write_all(&sent).unwrap());

        let readiness = Readiness::new(SLOT_BYTES, Driver::Epoll);
        let mut receive = pin!(readiness.receive(&lane, &connection));
        let mut polls = 0;
        let end = poll_fn(|context| {
            let before = way.counted();
            let polled = receive.as_mut().poll(context);
            let after = way.counted();
            polls += 1;
            let calls = after.receive_calls - before.receive_calls;
            assert!(calls <= 1, "{calls} slots in one turn");
            assert_eq!(calls == 1, after.received_bytes > before.received_bytes);
            way.everything_is_on_the_bridge();
            polled
        })
        .await;
        sender.join().unwrap();
        assert_eq!(end.reason, EndReason::Closed);
        let counted = way.counted();
        assert_eq!(counted.received_bytes, length as u64);
        assert!(way.delivered > 50, "{} batches", way.delivered);
        assert!(counted.receive_calls as usize >= length / SLOT_BYTES);
        let most = 2 * counted.receive_calls + 10;
        assert!(polls <= most, "{polls} polls for {} slots", counted.receive_calls);
    });
}

/// However many connections wait, the other tasks of the worker have their turn after a few of them.
#[test]
fn a_burst_of_connections_is_accepted_in_short_turns() {
    const BURST: u32 = 300;
    on_a_runtime(async {
        let way = Way::new(10);
        let lane = Rc::clone(way.lane());
        let doorman = Rc::clone(&lane);
        monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
        let listener = listen::bind(&Listen::default(), "127.0.0.1:0".parse().unwrap(), 1)
            .unwrap()
            .remove(0);
        let address = listener.local_addr().unwrap();
        let clients: Vec<TcpStream> = (0..BURST).map(|_| TcpStream::connect(address).unwrap()).collect();
        let arrived = Cell::new(0);
        let mut accepting = pin!(listen::accept(&lane, listener, IdentityKind::Address, |_| {
            arrived.set(arrived.get() + 1)
        }));
        poll_fn(|context| {
            let before = arrived.get();
            let polled = accepting.as_mut().poll(context);
            let accepted = arrived.get() - before;
            assert!(
                accepted <= listen::ACCEPTS_PER_TURN,
                "{accepted} connections in one turn"
            );
            if arrived.get() == BURST {
                Poll::Ready(())
            } else {
                polled
            }
        })
        .await;
        assert_eq!(arrived.get(), BURST);
        drop(clients);
    });
}

/// Rule 1. A full bridge is the one thing that a receiving task waits for while bytes are there.
#[test]
fn a_full_bridge_stops_the_receive_and_nothing_else_does() {
    on_a_runtime(async {
        let way = Way::new(10);
        let (mut router, connection) = way.connect(1);
        let lane = Rc::clone(way.lane());
        let doorman = Rc::clone(&lane);
        monoio::spawn(async move { doorman.turn(&IdleMoment::new().unwrap()).await });
        router.write_all(&stream(1)[..32 * SLOT_BYTES]).unwrap();
        let readiness = Readiness::new(SLOT_BYTES, Driver::Epoll);
        let mut receive = pin!(readiness.receive(&lane, &connection));
        let mut polls_when_full = 0;
        for _ in 0..10_000 {
            let (before, had_room) = (way.counted(), lane.outlet.has_room());
            poll_fn(|context| {
                assert!(receive.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            if !had_room {
                assert_eq!(way.counted(), before);
                polls_when_full += 1;
            }
            if polls_when_full == 10 {
                break;
            }
            // Lets the runtime ask the kernel for news.
            lane.turnstile.pass().await;
        }
        assert_eq!(polls_when_full, 10);
        assert!(way.bridge_out.is_full());
        assert!(way.counted().received_bytes < 32 * SLOT_BYTES as u64);
    });
}

/// Rule 1, backend `registered`. A turn is one synchronous call; what it reaps is with the core, and all closed batches are on
/// the bridge, when it returns.
#[test]
fn nothing_waits_between_the_ring_and_the_bridge() {
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let mut way = Way::new(10_000);
        let (mut router, connection) = way.connect(1);
        let mut registered = Registered::new(8, SLOT_BYTES).unwrap();
        registered.join(connection).unwrap();
        let sent = stream(1);
        let length = sent.len() as u64;
        let sender = std::thread::spawn(move || {
            router.write_all(&sent).unwrap();
            router
        });
        while way.counted().received_bytes < length {
            let before = way.counted();
            let turn = registered.turn(&way.sessions).unwrap();
            assert_ne!(turn, Turn::Blocked);
            way.everything_is_on_the_bridge();
            if way.counted() == before {
                std::thread::yield_now();
            }
        }
        drop(sender.join().unwrap());
        assert!(way.delivered > 50, "{} batches", way.delivered);
    });
}

/// A call while unreaped bytes hold the slots receives next to nothing. Measured over a whole run, such calls made 4.2 calls
/// for each MB instead of 2.0 (`docs/adr/0019-receive-backends.md`).
#[test]
fn the_ring_is_entered_when_all_is_reaped() {
    const SLOTS: u16 = 64;
    const ROUTERS: u8 = 8;
    if !has_registered_ring() {
        return;
    }
    on_a_runtime(async {
        let mut way = Way::new(10_000);
        let mut registered = Registered::new(SLOTS, SLOT_BYTES).unwrap();
        let mut routers = Vec::new();
        let mut sent = 0;
        for number in 0..ROUTERS {
            let (mut router, connection) = way.connect(number);
            let stream = stream(number.into());
            // The buffers of the two sockets hold this much.
            let bytes = &stream[..128 * 1024];
            router.write_all(bytes).unwrap();
            sent += bytes.len();
            routers.push((router, connection));
        }
        for (_, connection) in &routers {
            registered.join(Rc::clone(connection)).unwrap();
        }
        while way.counted().received_bytes < sent as u64 {
            registered.turn(&way.sessions).unwrap();
            way.everything_is_on_the_bridge();
        }
        let calls = way.counted().receive_calls;
        println!("{calls} calls for {sent} bytes");
        // One call when each session begins; then each call fills all slots.
        let fills = sent.div_ceil(usize::from(SLOTS) * SLOT_BYTES) as u64;
        assert!(
            calls <= u64::from(ROUTERS) + fills,
            "{calls} calls for {sent} bytes"
        );
    });
}

/// The files that a message passes between its socket and the bridge, without their imports and comments.
fn sources_of_the_way() -> impl Iterator<Item = (&'static str, String)> {
    let sources = [
        ("readiness.rs", include_str!("../readiness.rs")),
        ("registered.rs", include_str!("../registered.rs")),
        ("ring/companion.rs", include_str!("../ring/companion.rs")),
        ("ring/slots.rs", include_str!("../ring/slots.rs")),
        ("connection.rs", include_str!("../connection.rs")),
        ("lane.rs", include_str!("../lane.rs")),
        ("outlet.rs", include_str!("../outlet.rs")),
        ("alarm.rs", include_str!("../alarm.rs")),
        ("signal.rs", include_str!("../signal.rs")),
    ];
    sources.into_iter().map(|(name, source)| {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().map(str::trim_start);
        let lines = lines.filter(|line| !line.starts_with("//") && !line.starts_with("use "));
        (name, lines.collect::<Vec<_>>().join("\n"))
    })
}

/// Rule 1. The files on the way name no lock, and none of what workers share behind one.
#[test]
fn no_lock_is_taken_between_the_socket_and_the_bridge() {
    let banned = [
        "Mutex",
        "RwLock",
        ".lock()",
        ".read()",
        ".write()",
        "OnceLock",
        "Condvar",
        "Admission",
        "Owners",
        "mailboxes",
        "WorkerContext",
    ];
    for (name, source) in sources_of_the_way() {
        for word in banned {
            assert!(!source.contains(word), "{word} in {name}");
        }
    }
}

/// Rule 4. Counters are fields of the worker; nothing on the way is looked up by a string.
#[test]
fn no_metric_is_looked_up_on_the_way() {
    let banned = [
        "metrics",
        "prometheus",
        "label",
        "BTreeMap",
        "format!",
        "get(\"",
        "&str",
    ];
    for (name, source) in sources_of_the_way() {
        for word in banned {
            assert!(!source.contains(word), "{word} in {name}");
        }
    }
}
