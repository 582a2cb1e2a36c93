//! Routers that their sysName identifies: any number of them behind one address, each its own router.

use std::net::SocketAddr;
use std::path::Path;

use arancini_collector::config::{Config, IdentifyBy, Identities, Identity, IdentityKind, SameIdentity};
use arancini_collector::replay::Recording;
use arancini_generate::{Scenario, initiation, initiation_with};
use arancini_schema::update_capnp::RouterEventKind;
use arancini_wire::iana::bmp::MessageType;

use crate::command::Process;
use crate::support::{
    Ingest, Rig, Router, Stored, eventually, on_each_ingest, router_address, small, table_of,
};

/// The number whose address all routers come from.
const NAT: u8 = 99;

/// The identities of routers with these sysNames: each is known by the address of the router with this number.
pub fn known(routers: impl IntoIterator<Item = (String, u8)>) -> Identities {
    let identity = |router| Identity {
        address: Some(router_address(router)),
        ..Identity::default()
    };
    let routers = routers.into_iter();
    Identities {
        by_sys_name: routers.map(|(name, router)| (name, identity(router))).collect(),
        ..Identities::default()
    }
}

fn by_sys_name(config: &mut Config) {
    config.routers.identify_by = IdentifyBy::Everywhere(IdentityKind::SysName);
    config.routers.identity = known((1..=9).map(|router| (name(router), router)));
    config.limits.max_sessions_per_source = 200;
}

fn rig(ingest: Ingest) -> Rig {
    Rig::start(|config| {
        ingest.set(config);
        by_sys_name(config);
    })
}

fn name(router: u8) -> String {
    format!("edge-{router}.example")
}

/// What this router sends.
fn scenario(router: u8) -> Scenario {
    Scenario {
        sys_name: name(router),
        churn_rounds: 0,
        ..small(router.into())
    }
}

fn ended(reason: &str) -> String {
    format!("connections_ended_total{{reason=\"{reason}\"}}")
}

/// A connection that begins with these bytes.
fn connect(collector: SocketAddr, bytes: &[u8]) -> Router {
    let mut router = Router::connect(collector, NAT);
    router.try_send(bytes);
    router
}

#[test]
fn routers_behind_one_address_live_side_by_side() {
    const SESSIONS: usize = 20;
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let mut sent = 0;
        let mut open = Vec::new();
        // Both workers accept connections of a router, and one of them owns it.
        for session in 0..SESSIONS {
            for router in 1..=3 {
                let mut connection = rig.connect(NAT);
                sent += connection.send(&scenario(router).to_bytes());
                open.push(connection);
                rig.received(sent);
            }
            rig.until_metric("connections_named_total", 3 * (session as u64 + 1));
        }
        rig.until_metric("sessions", 3);
        assert!(rig.metric("connections_handed_over_total") > 0);
        rig.until_metric(&ended("replaced"), 3 * (SESSIONS as u64 - 1));
        rig.until_metric("connections_waiting", 0);
        let stored = rig.stop();
        for router in 1..=3 {
            assert_eq!(
                stored.table(router),
                table_of(&scenario(router)),
                "router {router}"
            );
        }
        assert!(stored.events_of(NAT).is_empty(), "the NAT is no router");
    });
}

/// What real routers sent, with the sysNames that they have. BIRD has none by default, and says so.
#[test]
fn recordings_of_real_routers_behind_one_address_become_what_they_are_alone() {
    let recordings = [
        ("bird-2.17.5-prepost-addpath", "Not defined"),
        ("frr-10.3-prepost-locrib-vpn-c0", "frr103"),
        ("frr-8.4.4-as2peer", "frrC"),
        ("gobgp-3.10-all-c0", "GoBGP"),
    ];
    let rig = Rig::start(|config| {
        by_sys_name(config);
        config.routers.identity = known(
            (1..)
                .zip(recordings)
                .map(|(router, (_, name))| (name.to_owned(), router)),
        );
    });
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut sent = 0;
    let mut sessions = Vec::new();
    let mut references = Vec::new();
    for (router, (file, _)) in (1..).zip(recordings) {
        let packed = std::fs::read(testdata.join(format!("{file}.bmp.zst"))).unwrap();
        let recording = Recording::detect(file, packed).unwrap().remove(0);
        let messages = recording.messages();
        // BIRD stopped at its end. All sessions shall be open at the end of the test.
        let kept = messages.filter(|message| message.message_type != Some(MessageType::Termination));
        let bytes: Vec<u8> = kept.flat_map(|message| message.bytes).copied().collect();
        let mut session = rig.connect(NAT);
        sent += session.send(&bytes);
        sessions.push(session);
        references.push(Stored::reference(router, [bytes]));
    }
    rig.received(sent);
    let updates: usize = references.iter().map(|reference| reference.updates.len()).sum();
    assert!(updates > 1000, "{updates}");
    eventually("every update is published", || {
        rig.telemetry.emitted() == updates as u64
    });
    assert_eq!(rig.metric("sessions"), recordings.len() as u64);
    let stored = rig.stop();
    let facts = |stored: &Stored, router| {
        let mut facts: Vec<_> = stored
            .of(router)
            .iter()
            .map(|update| (update.route.clone(), update.announced, update.fingerprint))
            .collect();
        facts.sort_unstable();
        facts
    };
    for (router, reference) in (1..).zip(&references) {
        assert!(!reference.updates.is_empty(), "router {router}");
        assert_eq!(
            facts(&stored, router),
            facts(reference, router),
            "router {router}"
        );
        assert_eq!(stored.events_of(router), reference.events_of(router));
    }
}

#[test]
fn an_initiation_may_come_in_pieces_and_behind_messages_of_unknown_types() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let mut sent = 0;
        let bytes = scenario(1).to_bytes();
        let mut slow = rig.connect(NAT);
        slow.stream.set_nodelay(true).unwrap();
        let (first, rest) = bytes.split_at(60);
        for byte in first {
            sent += slow.send(&[*byte]);
        }
        sent += slow.send(rest);
        let unknown = [3, 0, 0, 0, 8, 200, 1, 2];
        let mut newer = rig.connect(NAT);
        sent += newer.send(&[&unknown, &unknown, &*scenario(2).to_bytes()].concat());
        rig.received(sent);
        rig.until_metric("bmp_messages_total{type=\"unknown\"}", 2);
        let stored = rig.stop();
        for router in 1..=2 {
            assert_eq!(stored.table(router), table_of(&scenario(router)));
        }
    });
}

/// Whatever a connection begins with that names no router, it ends with a reason, and a session that is open goes on.
#[test]
fn a_connection_whose_name_identifies_no_router_is_closed_and_counted() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let bytes = scenario(1).to_bytes();
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        let mut router = connect(rig.address(), first);
        rig.received(first.len());
        let mut cut = initiation(&name(2), "test");
        let last = cut.len() - 4;
        cut[last - 3] = 200;
        let peer_up = [3, 0, 0, 0, 6, 3];
        let first_bytes: [(&str, Vec<u8>); 13] = [
            ("sys_name", initiation_with(&[])),
            ("sys_name", initiation_with(&[(1, b"FRRouting 10.3")])),
            ("sys_name", initiation("", "test")),
            ("sys_name", initiation_with(&[(2, b"edge-\xff")])),
            ("sys_name", initiation(&"x".repeat(256), "test")),
            ("sys_name", cut),
            ("sys_name", peer_up.to_vec()),
            ("sys_name", vec![3, 0, 0, 0, 6, 5]),
            ("unknown_sys_name", initiation("edge-77.example", "test")),
            ("unknown_sys_name", initiation(&name(2).to_uppercase(), "test")),
            ("framing", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("framing", b"PROXY TCP4 10.0.0.1 192.0.2.9 1 4000\r\n".to_vec()),
            ("framing", vec![3, 0x7f, 0, 0, 0, 4]),
        ];
        for (count, (reason, bytes)) in first_bytes.iter().enumerate() {
            let before = rig.metric(&ended(reason));
            connect(rig.address(), bytes).is_closed();
            rig.until_metric(&ended(reason), before + 1);
            assert_eq!(rig.metric("connections_without_message_total"), count as u64 + 1);
        }
        // A check of an open port is none of these.
        drop(rig.connect(NAT));
        rig.until_metric(&ended("health_check"), 1);
        // Half a name is a connection that its other side closed.
        drop(connect(rig.address(), &initiation(&name(2), "test")[..9]));
        rig.until_metric(&ended("closed"), 1);
        rig.until_metric("connections_waiting", 0);
        router.send(rest);
        rig.received(bytes.len());
        assert_eq!((rig.metric("sessions"), rig.metric("routers")), (1, 1));
        let stored = rig.stop();
        assert_eq!(stored.table(1), table_of(&scenario(1)));
        assert_eq!(stored.malformed, 0);
    });
}

#[test]
fn a_router_that_does_not_name_itself_is_closed_after_the_handshake_timeout() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            by_sys_name(config);
            config.limits.handshake_timeout_ms = 100;
        });
        let hello = initiation(&name(1), "test");
        for begun in [&[][..], &hello[..3], &hello[..hello.len() - 1]] {
            connect(rig.address(), begun).is_closed();
        }
        rig.until_metric(&ended("handshake_timeout"), 3);
        rig.until_metric("connections_waiting", 0);
        assert_eq!(rig.metric("routers"), 0);
        rig.stop();
    });
}

/// The names of two routers in one session: what the second one says must not be published about the first one.
#[test]
fn another_sys_name_ends_the_session_before_anything_behind_it_is_taken() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let first = scenario(1).to_bytes();
        // Naming itself again is no other name, and neither is an Initiation without one.
        let again = initiation(&name(1), "rebooted");
        let unnamed = initiation_with(&[(0, b"note")]);
        let mut session = rig.connect(NAT);
        session.try_send(&[first, again, unnamed, scenario(2).to_bytes()].concat());
        session.is_closed();
        rig.until_metric(&ended("other_sys_name"), 1);
        rig.until_metric("sessions", 0);
        let stored = rig.stop();
        assert_eq!(stored.table(1), table_of(&scenario(1)));
        assert!(stored.table(2).is_empty());
        let initiations = stored.events_of(1);
        let initiations = initiations
            .iter()
            .filter(|kind| **kind == RouterEventKind::Initiation);
        assert_eq!(initiations.count(), 3);
    });
}

/// With `refuse`, the session that is open stays. Once its router has closed it, the next one is let in.
#[test]
fn a_second_claim_of_an_identity_is_refused_or_replaces_the_first() {
    on_each_ingest(|ingest| {
        for same_identity in [SameIdentity::Refuse, SameIdentity::Replace] {
            let rig = Rig::start(|config| {
                ingest.set(config);
                by_sys_name(config);
                config.routers.same_identity = same_identity;
            });
            let bytes = scenario(1).to_bytes();
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            let mut open = connect(rig.address(), first);
            rig.received(first.len());
            let hello = initiation(&name(1), "the other one");
            let mut other = connect(rig.address(), &hello);
            if same_identity == SameIdentity::Refuse {
                other.is_closed();
                rig.until_metric(&ended("identity_taken"), 1);
                open.send(rest);
                rig.received(bytes.len());
                // The worker need not have noticed the end of the old session.
                drop(open);
                let mut again = connect(rig.address(), &bytes);
                rig.received(2 * bytes.len());
                assert_eq!(rig.metric("sessions"), 1);
                assert_eq!(rig.metric(&ended("identity_taken")), 1);
                again.is_read();
            } else {
                open.is_closed();
                rig.until_metric(&ended("replaced"), 1);
                other.send(&bytes);
                rig.received(first.len() + hello.len() + bytes.len());
                assert_eq!(rig.metric(&ended("identity_taken")), 0);
            }
            let stored = rig.stop();
            assert_eq!(stored.table(1), table_of(&scenario(1)), "{same_identity:?}");
        }
    });
}

/// Each listener has its own way to identify routers.
#[test]
fn a_name_identifies_routers_only_on_the_listeners_where_it_should() {
    on_each_ingest(|ingest| {
        let [plain, named] = ["127.0.0.1:0", "127.0.0.2:0"].map(|it| it.parse::<SocketAddr>().unwrap());
        let rig = Rig::start(|config| {
            ingest.set(config);
            by_sys_name(config);
            config.listen.address = vec![plain, named];
            config.routers.identify_by = IdentifyBy::ByListener([(named, IdentityKind::SysName)].into());
        });
        let [plain, named] = rig.addresses() else {
            panic!("two listeners");
        };
        let bytes = scenario(1).to_bytes();
        let mut sessions = [*named, *plain].map(|listener| connect(listener, &bytes));
        rig.received(2 * bytes.len());
        // By address, a router may have another name later.
        let other = initiation("renamed", "test");
        let sent = sessions[1].send(&other);
        rig.received(2 * bytes.len() + sent);
        rig.until_metric("sessions", 2);
        rig.until_metric("connections_named_total", 1);
        let stored = rig.stop();
        for router in [1, NAT] {
            assert_eq!(stored.table(router), table_of(&scenario(1)), "router {router}");
        }
    });
}

/// What to write is in the log.
#[test]
fn the_log_says_which_sys_name_is_unknown_and_who_claims_an_identity_twice() {
    let edge = router_address(1).to_string();
    let environment = [
        ("ARANCINI_ROUTERS__IDENTIFY_BY", "sysname"),
        ("ARANCINI_ROUTERS__IDENTITY", &*format!("{}={edge}", name(1))),
        ("ARANCINI_ROUTERS__SAME_IDENTITY", "refuse"),
    ];
    let process = Process::start(&[], &environment);
    let mut unknown = process.connect(NAT);
    unknown.send(&initiation("edge-\"77\"", "test"));
    unknown.is_closed();
    let hello = initiation(&name(1), "test");
    let mut first = process.connect(NAT);
    first.send(&hello);
    eventually("its session is open", || process.metric("sessions") == 1);
    let mut second = process.connect(NAT);
    second.send(&hello);
    second.is_closed();
    let second = second.stream.local_addr().unwrap().to_string();
    let first = first.stream.local_addr().unwrap().to_string();
    let ended = process.terminate();
    let unknown = "connection closed: its sysName identifies no router";
    let remedy = r#"write \"edge-\\\"77\\\"\" = \"ADDRESS\" there"#;
    assert_eq!(ended.count(&[unknown, remedy]), 1, "{:?}", ended.lines);
    let refused = "connection closed: the router has a session already";
    assert_eq!(ended.count(&[refused, &first, &second]), 1, "{:?}", ended.lines);
}

/// All connections of a worker share its budget, those whose router is not known yet too.
#[test]
fn an_initiation_that_never_ends_is_closed_when_it_holds_the_most_memory() {
    const MIB: usize = 1 << 20;
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            by_sys_name(config);
            config.listen.workers = 1;
            config.limits.max_message_bytes = 48 * MIB;
        });
        // 64 MiB are the budget of the only worker.
        let unfinished = |length: usize| {
            let mut bytes = vec![0; length];
            bytes[..6].copy_from_slice(&[3, 3, 0, 0, 0, 4]);
            bytes
        };
        let mut shorter = connect(rig.address(), &unfinished(30 * MIB));
        let mut longest = connect(rig.address(), &unfinished(40 * MIB));
        longest.is_closed();
        rig.until_metric(&ended("unfinished_message"), 1);
        assert_eq!(rig.metric("connections_waiting"), 1);
        shorter.is_read();
        rig.stop();
    });
}
