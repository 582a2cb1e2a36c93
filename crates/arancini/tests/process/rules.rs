//! The rules of the hot path as far as the worker's shell keeps them (`docs/rules.md`), judged by its source.

const CONNECTION: &str = include_str!("../../../collector/src/ingest/connection.rs");
const OUTLET: &str = include_str!("../../../collector/src/ingest/outlet.rs");
const REGISTERED: &str = include_str!("../../../collector/src/ingest/registered.rs");
const RING: &str = include_str!("../../../collector/src/ingest/ring/companion.rs");
const SLOTS: &str = include_str!("../../../collector/src/ingest/ring/slots.rs");
const SIGNAL: &str = include_str!("../../../collector/src/ingest/signal.rs");
const WORKER: &str = include_str!("../../../collector/src/ingest/worker.rs");

/// A method with its body: up to the brace that closes it.
fn method<'s>(source: &'s str, signature: &str) -> &'s str {
    let from = source.find(signature);
    let from = from.unwrap_or_else(|| panic!("no {signature:?}: tell this test what it is called now"));
    let body = &source[from..];
    &body[..body.find("\n    }\n").unwrap()]
}

/// What runs from the received bytes to the bridge, in the order it runs; it begins in one of two ways.
fn way_of_a_message() -> [&'static str; 10] {
    [
        method(CONNECTION, "fn receive_slot("),
        method(REGISTERED, "fn turn("),
        method(RING, "pub fn take<"),
        method(SLOTS, "pub unsafe fn piece<"),
        method(CONNECTION, "pub fn take("),
        method(WORKER, "fn deliver("),
        method(WORKER, "fn hand_over("),
        method(OUTLET, "pub fn offer("),
        // Where the bridge has no room.
        method(WORKER, "fn refused("),
        method(OUTLET, "pub fn keep("),
    ]
}

/// Rule 1. From the received bytes to the bridge nothing waits; around it a connection waits for bytes, for its turn, and
/// for room on the bridge.
#[test]
fn nothing_waits_between_the_socket_and_the_bridge() {
    for step in way_of_a_message() {
        assert!(!step.contains(".await"), "{step}");
    }
    assert!(!CONNECTION.contains("async fn receive_slot"));
    assert!(!WORKER.contains("async fn deliver"));
    assert!(!RING.contains("async") && !SLOTS.contains("async"));
    let receive = method(CONNECTION, "pub async fn receive(");
    let waits: Vec<&str> = receive
        .lines()
        .filter(|line| line.contains(".await"))
        .map(str::trim)
        .collect();
    assert_eq!(
        waits,
        [
            "worker.outlet.room().await;",
            "worker.turnstile.pass().await;",
            "if let Err(error) = self.stream.readable(false).await {",
            "worker.outlet.room().await;",
            "worker.turnstile.pass().await;"
        ]
    );
    let waits: Vec<&str> = method(REGISTERED, "async fn reap_until_gone(")
        .lines()
        .filter(|line| line.contains(".await"))
        .map(str::trim)
        .collect();
    assert_eq!(
        waits,
        [
            "Turn::More => self.turnstile.pass().await,",
            "Turn::Blocked => self.outlet.room().await,",
            "wake.readable(false).await?;"
        ]
    );
}

/// A call while unreaped bytes hold the slots receives next to nothing: it was 4.2 calls for a MB that way, 2.0 so.
#[test]
fn the_ring_is_entered_when_all_is_reaped() {
    let turn = method(REGISTERED, "fn turn(");
    let (before, _) = turn.split_once("self.arm()?").unwrap();
    assert!(before.contains("self.ring.is_reaped()"), "{before}");
}

/// Rule 1. What the way uses is the worker's own: no lock is in reach.
#[test]
fn no_lock_is_taken_between_the_socket_and_the_bridge() {
    let locks = [
        "Mutex", "RwLock", ".lock()", ".read()", ".write()", "OnceLock", "Condvar",
    ];
    for source in [CONNECTION, REGISTERED, RING, SLOTS, OUTLET, SIGNAL] {
        for lock in locks {
            assert!(!source.contains(lock), "{lock}");
        }
    }
    for step in way_of_a_message() {
        for shared in ["admission", "owners", "mailboxes", "context"] {
            assert!(!step.contains(shared), "{shared} in {step}");
        }
    }
}

/// Rule 4. Counters are fields of this worker.
#[test]
fn no_metric_is_looked_up_on_the_way() {
    for step in way_of_a_message() {
        for lookup in [
            "metrics",
            "prometheus",
            "label",
            "HashMap",
            "BTreeMap",
            "format!",
            "get(\"",
        ] {
            assert!(!step.contains(lookup), "{lookup} in {step}");
        }
        // In words only when the session ends.
        let words = step.lines().filter(|line| line.contains("to_string()"));
        assert!(words.into_iter().all(|line| line.contains("Err(")), "{step}");
    }
    for receives in [
        method(CONNECTION, "fn receive_slot("),
        method(REGISTERED, "fn turn("),
    ] {
        assert!(receives.contains("worker.load.receive_calls.add("));
    }
}
