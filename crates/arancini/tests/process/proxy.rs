//! Routers behind a load balancer that sends PROXY protocol headers: each is its own router, and the load balancer is none.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use arancini_collector::config::{Config, IdentifyBy, IdentityKind};
use arancini_generate::{Scenario, initiation};

use crate::command::Process;
use crate::support::{Ingest, Rig, Router, eventually, on_each_ingest, router_address, small, table_of};

/// The number whose address the load balancer has.
const BALANCER: u8 = 99;

fn from_balancer(config: &mut Config) {
    config.routers.identify_by = IdentifyBy::Everywhere(IdentityKind::Proxy);
    config.listen.proxy_from = vec![format!("{}/32", router_address(BALANCER)).parse().unwrap()];
}

fn rig(ingest: Ingest) -> Rig {
    Rig::start(|config| {
        ingest.set(config);
        from_balancer(config);
    })
}

/// A header of version 1 for this router.
fn v1(router: u8) -> Vec<u8> {
    format!("PROXY TCP4 {} 192.0.2.9 50000 4000\r\n", router_address(router)).into_bytes()
}

/// A header of version 2 with this command and family, for this router.
fn v2(command: u8, family: u8, router: u8) -> Vec<u8> {
    let IpAddr::V4(router) = router_address(router) else {
        unreachable!("routers have IPv4 addresses");
    };
    let (fixed, ports) = ([command, family, 0, 12], [0xc3, 0x50, 0x0f, 0xa0]);
    let signature = b"\r\n\r\n\0\r\nQUIT\n".as_slice();
    [signature, &fixed, &router.octets(), &[192, 0, 2, 9], &ports].concat()
}

/// A connection that the load balancer opens and begins with these bytes.
fn relayed(collector: SocketAddr, header: &[u8]) -> Router {
    let mut router = Router::connect(collector, BALANCER);
    router.send(header);
    router
}

#[test]
fn a_router_is_the_address_in_its_header() {
    const SESSIONS: usize = 20;
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let scenario = |router: u8| Scenario {
            churn_rounds: 0,
            ..small(router.into())
        };
        let mut sent = 0;
        let mut open = Vec::new();
        // Both workers accept connections of a router, and one of them owns it.
        for session in 0..SESSIONS {
            for (router, header) in [(1, v1(1)), (2, v2(0x21, 0x11, 2))] {
                let mut connection = relayed(rig.address(), &header);
                sent += connection.send(&scenario(router).to_bytes());
                open.push(connection);
                rig.received(sent);
            }
            rig.until_metric("connections_relayed_total", 2 * (session as u64 + 1));
        }
        let mut direct = rig.connect(3);
        sent += direct.send(&scenario(3).to_bytes());
        rig.received(sent);
        rig.until_metric("sessions", 3);
        assert!(rig.metric("connections_handed_over_total") > 0);
        let replaced = 2 * (SESSIONS as u64 - 1);
        rig.until_metric("connections_ended_total{reason=\"replaced\"}", replaced);
        let stored = rig.stop();
        for router in 1..=3 {
            assert_eq!(
                stored.table(router),
                table_of(&scenario(router)),
                "router {router}"
            );
        }
        assert!(
            stored.events_of(BALANCER).is_empty(),
            "the load balancer is no router"
        );
    });
}

#[test]
fn a_header_may_come_in_pieces_and_together_with_the_first_message() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let mut sent = 0;
        for (router, header) in [(1, v1(1)), (2, v2(0x21, 0x11, 2))] {
            let mut connection = Router::connect(rig.address(), BALANCER);
            connection.stream.set_nodelay(true).unwrap();
            for byte in &header {
                connection.send(&[*byte]);
            }
            sent += connection.send(&small(router).to_bytes());
            rig.received(sent);
        }
        for (router, header) in [(3, v1(3)), (4, v2(0x21, 0x11, 4))] {
            let bytes = small(router).to_bytes();
            let _connection = relayed(rig.address(), &[header, bytes.clone()].concat());
            sent += bytes.len();
            rig.received(sent);
        }
        let stored = rig.stop();
        for router in 1..=4 {
            assert_eq!(
                stored.table(router),
                table_of(&small(router.into())),
                "router {router}"
            );
        }
    });
}

#[test]
fn a_health_check_is_no_router_and_ends_no_session() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let mut router = relayed(rig.address(), &v2(0x21, 0x11, 1));
        let bytes = small(1).to_bytes();
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        router.send(first);
        rig.received(first.len());
        // LOCAL with the addresses of a router, UNKNOWN, the load balancer itself, and a connection without a header.
        let headers = [
            v2(0x20, 0x11, 1),
            b"PROXY UNKNOWN\r\n".to_vec(),
            v1(BALANCER),
            Vec::new(),
        ];
        for (count, header) in headers.into_iter().enumerate() {
            drop(relayed(rig.address(), &header));
            rig.until_metric(
                "connections_ended_total{reason=\"health_check\"}",
                count as u64 + 1,
            );
        }
        // A router that the load balancer can't name.
        let mut unnamed = relayed(rig.address(), &v2(0x20, 0x11, 1));
        unnamed.send(&initiation("router", "test"));
        unnamed.is_closed();
        rig.until_metric("connections_ended_total{reason=\"proxy_header\"}", 1);
        router.send(rest);
        rig.received(bytes.len());
        assert_eq!(rig.metric("sessions"), 1);
        // A router on the host of the load balancer.
        let mut local = relayed(rig.address(), &v1(BALANCER));
        local.send(&bytes);
        rig.received(2 * bytes.len());
        assert_eq!(rig.metric("connections_without_message_total"), 5);
        rig.until_metric("connections_waiting", 0);
        let stored = rig.stop();
        for router in [1, BALANCER] {
            assert_eq!(stored.table(router), table_of(&small(1)), "router {router}");
        }
    });
}

#[test]
fn a_load_balancer_without_a_readable_header_is_closed_and_counted() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let mut long = v2(0x21, 0x11, 1);
        long[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
        let mut first_bytes = vec![
            initiation("router", "test"),
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            b"PROXY TCP4 nobody 192.0.2.9 1 2\r\n".to_vec(),
            [b"PROXY ".as_slice(), &[b'x'; 200]].concat(),
            v2(0x21, 0x12, 1),
            v2(0x2f, 0x11, 1),
            v2(0x21, 0x21, 1),
            long,
        ];
        first_bytes.extend(
            (0..=u8::MAX)
                .filter(|byte| !b"P\r".contains(byte))
                .map(|byte| vec![byte]),
        );
        for (count, bytes) in first_bytes.iter().enumerate() {
            let mut client = Router::connect(rig.address(), BALANCER);
            client.try_send(bytes);
            client.is_closed();
            rig.until_metric(
                "connections_ended_total{reason=\"proxy_header\"}",
                count as u64 + 1,
            );
        }
        assert_eq!(rig.metric("routers"), 0);
        rig.until_metric("connections_waiting", 0);
        assert!(rig.stop().events.is_empty());
    });
}

#[test]
fn a_header_that_never_ends_is_closed_after_the_handshake_timeout() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            from_balancer(config);
            config.limits.handshake_timeout_ms = 100;
        });
        let mut silent = Router::connect(rig.address(), BALANCER);
        let mut half = relayed(rig.address(), &v1(1)[..20]);
        let mut half_v2 = relayed(rig.address(), &v2(0x21, 0x11, 1)[..20]);
        let mut unnamed = relayed(rig.address(), b"PROXY UNKNOWN\r\n");
        for client in [&mut silent, &mut half, &mut half_v2, &mut unnamed] {
            client.is_closed();
        }
        rig.until_metric("connections_ended_total{reason=\"handshake_timeout\"}", 4);
        // The header came, and nothing behind it.
        relayed(rig.address(), &v1(1)).is_closed();
        rig.until_metric("connections_ended_total{reason=\"handshake_timeout\"}", 5);
        rig.until_metric("connections_waiting", 0);
        rig.stop();
    });
}

#[test]
fn limits_are_those_of_the_router_in_the_header() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            from_balancer(config);
            config.limits.max_sessions_per_source = 1;
            config.limits.allow = (1..=3)
                .map(|router| format!("{}/32", router_address(router)).parse().unwrap())
                .collect();
        });
        let mut routers: Vec<_> = (1..=3)
            .map(|router| relayed(rig.address(), &v1(router)))
            .collect();
        rig.until_metric("connections_relayed_total", 3);
        let mut again = relayed(rig.address(), &v1(1));
        again.is_closed();
        rig.until_metric("connections_refused_total{reason=\"too_many_from_source\"}", 1);
        let mut stranger = relayed(rig.address(), &v1(4));
        stranger.is_closed();
        rig.until_metric("connections_refused_total{reason=\"not_allowed\"}", 1);
        for router in &mut routers {
            router.send(&small(1).to_bytes());
            router.is_read();
        }
        rig.stop();
    });
}

/// Each listener has its own way to identify routers.
#[test]
fn a_header_is_read_only_where_and_from_whom_it_is_expected() {
    on_each_ingest(|ingest| {
        let [plain, proxied] = ["127.0.0.1:0", "127.0.0.2:0"].map(|it| it.parse::<SocketAddr>().unwrap());
        let rig = Rig::start(|config| {
            ingest.set(config);
            from_balancer(config);
            config.listen.address = vec![plain, proxied];
            config.routers.identify_by = IdentifyBy::ByListener([(proxied, IdentityKind::Proxy)].into());
        });
        let [plain, proxied] = rig.addresses() else {
            panic!("two listeners");
        };
        let framing = |count| rig.until_metric("connections_ended_total{reason=\"framing\"}", count);
        relayed(*plain, &v1(1)).is_closed();
        framing(1);
        let mut stranger = Router::connect(*proxied, 1);
        stranger.send(&v2(0x21, 0x11, 2));
        stranger.is_closed();
        framing(2);
        let bytes = small(1).to_bytes();
        let mut expected = relayed(*proxied, &v1(1));
        expected.send(&bytes);
        // Without a header, the load balancer's own address is the router's.
        let mut direct = Router::connect(*plain, BALANCER);
        direct.send(&bytes);
        rig.received(2 * bytes.len());
        let stored = rig.stop();
        assert_eq!(stored.table(1), table_of(&small(1)));
        assert_eq!(stored.table(BALANCER), table_of(&small(1)));
        assert!(stored.table(2).is_empty());
    });
}

/// What to do is in the log, for the load balancer as for one that is not known as such.
#[test]
fn the_log_says_what_to_change_when_headers_and_settings_do_not_fit() {
    let balancer = router_address(BALANCER).to_string();
    let environment = [
        ("ARANCINI_ROUTERS__IDENTIFY_BY", "proxy"),
        ("ARANCINI_LISTEN__PROXY_FROM", &*balancer),
    ];
    let process = Process::start(&[], &environment);
    let mut silent = Router::connect(process.collector(), BALANCER);
    silent.send(&initiation("router", "test"));
    silent.is_closed();
    let mut unknown = process.connect(1);
    let _ = unknown.stream.write_all(&v1(1));
    unknown.is_closed();
    eventually("both are counted", || process.sum("connections_ended_total") == 2);
    let ended = process.terminate();
    for words in [
        [
            "connection of a load balancer closed: it named no router",
            "HAProxy: send-proxy-v2",
        ],
        [
            "connection closed before its first BMP message",
            "its address is not on listen.proxy_from",
        ],
    ] {
        assert_eq!(ended.count(&words), 1, "{words:?} in {:?}", ended.lines);
    }
}
