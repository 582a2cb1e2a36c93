//! The state of a router over its sessions: it is never split and never doubled, it is kept for the hold time, and then its
//! routes are withdrawn (`ARCHITECTURE.md`, "The life of a session, and epochs").

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use arancini_generate::{
    Attributes, Open, Peer, PeerDown, Prefix, Scenario, Update, end_of_rib, initiation, peer_down, peer_up,
    route_monitoring,
};
use arancini_schema::update_capnp::{RouterEventKind, WithdrawReason};
use arancini_wire::bmp::frame_length;
use arancini_wire::iana::AfiSafi;

use crate::support::{
    DEADLINE, Ingest, Rig, Router, eventually, on_each_ingest, peer, router_address, small, table_of,
};

fn rig(ingest: Ingest) -> Rig {
    Rig::start(|config| ingest.set(config))
}

/// A route's number and the version of its attributes.
type Version = (u32, u32);

fn prefix(number: u32) -> Prefix {
    Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | number << 8)), 24)
}

fn attributes(version: u32) -> Attributes {
    let next_hop = Ipv4Addr::new(192, 0, 2, 254);
    Attributes::new(&[64_501, 100_000 + version], next_hop, next_hop.to_ipv6_mapped())
}

fn up(peer: &Peer) -> Vec<u8> {
    let local = Ipv4Addr::new(192, 0, 2, 254);
    let open = Open::new(peer.asn, peer.bgp_id);
    peer_up(peer, local.into(), &Open::new(65_000, local), &open)
}

fn announce(peer: &Peer, routes: &[Version]) -> Vec<u8> {
    let message = |(number, version): &Version| {
        let update = Update::announce([prefix(*number)], attributes(*version));
        route_monitoring(peer, &update.to_bytes())
    };
    routes.iter().flat_map(message).collect()
}

/// A session from its beginning to the end of its dump.
fn dump(peer: &Peer, routes: &[Version]) -> Vec<u8> {
    [
        initiation("router", "test"),
        up(peer),
        announce(peer, routes),
        route_monitoring(peer, &end_of_rib(AfiSafi::IPV4_UNICAST)),
    ]
    .concat()
}

#[test]
fn a_router_that_reconnects_is_neither_split_nor_doubled() {
    const SESSIONS: u64 = 20;
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let scenario = Scenario {
            churn_rounds: 0,
            ..small(1)
        };
        let (bytes, expected) = (scenario.to_bytes(), scenario.expected());
        let mut open = Vec::new();
        let mut sent = 0;
        for session in 0..SESSIONS {
            let mut router = rig.connect(1);
            sent += router.send(&bytes);
            rig.received(sent);
            // Half of the sessions end before the next one begins, the other half are replaced by it.
            if session % 2 == 0 {
                open.push(router);
            }
        }
        assert_eq!(rig.telemetry.received(), SESSIONS * expected.elements);
        assert_eq!(rig.telemetry.emitted(), expected.emitted());
        assert_eq!(
            rig.telemetry.suppressed(),
            (SESSIONS - 1) * expected.elements,
            "whatever worker accepted it, the router's owner knew the routes"
        );
        // Which worker accepts is up to the kernel; that it was the owner each time has a chance of 2^-20.
        assert!(rig.metric("connections_handed_over_total") > 0);
        rig.until_metric("routers", 1);
        let stored = rig.stop();
        assert_eq!(stored.updates.len() as u64, expected.emitted());
        assert_eq!(stored.table(1), table_of(&scenario));
    });
}

#[test]
fn a_second_session_replaces_the_first() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let peer = peer(1);
        let (mut first, mut second) = (rig.connect(1), None);
        let mut sent = first.send(&dump(&peer, &[(1, 0), (2, 0)]));
        rig.received(sent);
        let second = second.insert(rig.connect(1));
        sent += second.send(&dump(&peer, &[(1, 0), (2, 1)]));
        rig.received(sent);
        first.is_closed();
        // What the first one still says is not heard.
        first.try_send(&announce(&peer, &[(3, 0)]));
        rig.until_metric("connections_ended_total{reason=\"replaced\"}", 1);
        sent += second.send(&announce(&peer, &[(4, 0)]));
        rig.received(sent);
        rig.until_metric("sessions", 1);
        let stored = rig.stop();
        let numbers: Vec<Prefix> = stored.table(1).into_keys().map(|(_, prefix)| prefix).collect();
        assert_eq!(numbers, [prefix(1), prefix(2), prefix(4)]);
        assert_eq!(stored.updates.len(), 4, "two, one changed, one new");
    });
}

#[test]
fn many_routers_share_the_workers() {
    const ROUTERS: u8 = 40;
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let routers = 1..=ROUTERS;
        // A session begins with its first whole message.
        let sessions: Vec<(Router, Vec<u8>)> = routers
            .clone()
            .map(|number| {
                let mut router = rig.connect(number);
                let mut first = small(u64::from(number)).to_bytes();
                let rest = first.split_off(frame_length(&first, usize::MAX).unwrap().unwrap());
                router.send(&first);
                (router, rest)
            })
            .collect();
        rig.until_metric("routers", u64::from(ROUTERS));
        // As long as none of them has routes, they are spread by number.
        for worker in 0..2 {
            let routers = rig.metric(&format!("worker_routers{{worker=\"{worker}\"}}"));
            assert_eq!(routers, u64::from(ROUTERS) / 2, "worker {worker}");
        }
        // All at once, and each in pieces, so that their bytes are interleaved.
        std::thread::scope(|scope| {
            for (mut router, rest) in sessions {
                scope.spawn(move || {
                    for piece in rest.chunks(1000) {
                        router.send(piece);
                    }
                    // The end of the stream is seen by the collector after all that was sent.
                    router.stream.shutdown(std::net::Shutdown::Write).unwrap();
                    router.stream.read_to_end(&mut Vec::new()).unwrap();
                });
            }
        });
        let scenarios: Vec<_> = routers.clone().map(|n| small(u64::from(n))).collect();
        let emitted: u64 = scenarios.iter().map(|one| one.expected().emitted()).sum();
        rig.received(scenarios.iter().map(|one| one.to_bytes().len()).sum());
        assert_eq!(rig.telemetry.emitted(), emitted);
        let handed_over = rig.metric("connections_handed_over_total");
        assert!((1..u64::from(ROUTERS)).contains(&handed_over), "{handed_over}");
        let mut tables = rig.stop().tables();
        for (number, scenario) in routers.zip(&scenarios) {
            let table = tables.remove(&router_address(number)).unwrap_or_default();
            assert_eq!(table, table_of(scenario), "router {number}");
        }
        assert!(tables.is_empty());
    });
}

#[test]
fn a_router_that_does_not_come_back_is_withdrawn() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.routers.session_hold_ms = 50;
        });
        let scenario = small(2);
        let mut router = rig.connect(1);
        rig.received(router.send(&scenario.to_bytes()));
        let before = rig.telemetry.emitted();
        assert_eq!(before, scenario.expected().emitted());
        drop(router);
        let held = scenario.expected().routes.len() as u64;
        eventually("all routes are withdrawn", || rig.telemetry.synthetic() == held);
        rig.until_metric("routers", 0);
        rig.until_metric("routes", 0);
        let stored = rig.stop();
        assert!(stored.table(1).is_empty());
        assert_eq!(stored.updates.len() as u64, before + held);
        let withdrawn: Vec<_> = stored.updates.iter().filter(|update| update.synthetic).collect();
        assert_eq!(withdrawn.len() as u64, held);
        assert!(
            withdrawn
                .iter()
                .all(|update| !update.announced && update.reason == WithdrawReason::SessionLost)
        );
        let events = stored.events_of(1);
        assert_eq!(
            events,
            [
                RouterEventKind::SessionOpened,
                RouterEventKind::Initiation,
                RouterEventKind::Lost,
                RouterEventKind::Stale
            ]
        );
    });
}

#[test]
fn a_router_that_comes_back_in_time_causes_differences_only() {
    on_each_ingest(|ingest| {
        let rig = rig(ingest);
        let peer = peer(1);
        let before: Vec<Version> = (0..500).map(|number| (number, 0)).collect();
        // 5 are gone, 10 have changed, 3 are new.
        let after: Vec<Version> = (5..503).map(|number| (number, u32::from(number < 15))).collect();
        let mut router = rig.connect(1);
        let mut sent = router.send(&dump(&peer, &before));
        rig.received(sent);
        drop(router);
        rig.until_metric("sessions", 0);
        assert_eq!(
            rig.telemetry.emitted(),
            500,
            "nothing is withdrawn while it is held"
        );
        let mut router = rig.connect(1);
        sent += router.send(&dump(&peer, &after));
        rig.received(sent);
        eventually("what is gone is withdrawn", || rig.telemetry.synthetic() == 5);
        let stored = rig.stop();
        assert_eq!(stored.updates.len(), 500 + 10 + 3 + 5);
        let gone: Vec<_> = stored
            .updates
            .iter()
            .filter(|update| update.reason == WithdrawReason::NotReannounced)
            .map(|update| update.route.prefix)
            .collect();
        assert_eq!(gone.len(), 5);
        assert!((0..5).all(|number| gone.contains(&prefix(number))));
        let table = stored.table(1);
        assert_eq!(table.len(), after.len());
        for (number, version) in after {
            assert_eq!(
                table[&(peer.address, prefix(number))],
                [64_501, 100_000 + version]
            );
        }
        let events = stored.events_of(1);
        assert!(events.contains(&RouterEventKind::Back), "{events:?}");
    });
}

#[test]
fn a_large_peer_down_does_not_hold_up_other_routers() {
    const ROUTES: u32 = 200_000;
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.listen.workers = 1;
        });
        let (large, busy) = (peer(1), peer(2));
        let prefixes: Vec<Prefix> = (0..ROUTES)
            .map(|number| Prefix::new(IpAddr::V4(Ipv4Addr::from_bits(0x0100_0000 + number * 256)), 24))
            .collect();
        let mut table = [initiation("large", "test"), up(&large)].concat();
        for chunk in prefixes.chunks(200) {
            let update = Update::announce(chunk.iter().copied(), attributes(0));
            table.extend(route_monitoring(&large, &update.to_bytes()));
        }
        let mut router = rig.connect(1);
        let mut other = rig.connect(2);
        other.stream.set_nodelay(true).unwrap();
        let sent = router.send(&table) + other.send(&dump(&busy, &[(0, 0)]));
        rig.received(sent);

        let swept = AtomicBool::new(false);
        let versions = std::thread::scope(|scope| {
            let changes = scope.spawn(|| {
                let mut version = 0;
                while !swept.load(Ordering::Relaxed) {
                    version += 1;
                    other.send(&announce(&busy, &[(0, version)]));
                }
                version
            });
            // The other router's changes flow before the large table goes.
            let emitted = rig.telemetry.emitted();
            eventually("changes flow", || rig.telemetry.emitted() > emitted);
            router.send(&peer_down(&large, &PeerDown::RemoteSilent));
            eventually("the large table is swept", || {
                rig.telemetry.synthetic() == u64::from(ROUTES)
            });
            swept.store(true, Ordering::Relaxed);
            changes.join().unwrap()
        });
        eventually("all changes are published", || {
            rig.telemetry.emitted() == 2 * u64::from(ROUTES) + 1 + u64::from(versions)
        });
        let stored = rig.stop();
        assert!(stored.table(1).is_empty());
        assert_eq!(
            stored.table(2)[&(busy.address, prefix(0))],
            [64_501, 100_000 + versions]
        );
        // In the order of the worker's work: one slice of the sweep, what the other router sent meanwhile, the next slice.
        let mut work: Vec<_> = stored
            .updates
            .iter()
            .map(|update| (update.received_ns, update.synthetic))
            .collect();
        work.sort();
        let cuts = work.windows(2).filter(|pair| pair[0].1 && !pair[1].1).count();
        assert!(cuts >= 5, "the other router had {cuts} turns during the sweep");
        assert!(
            stored
                .updates
                .iter()
                .all(|update| !update.synthetic || update.reason == WithdrawReason::PeerDown)
        );
    });
}

#[test]
fn a_router_that_never_pauses_does_not_starve_others() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.listen.workers = 1;
        });
        let loud = peer(1);
        let mut router = rig.connect(1);
        router.send(&dump(&loud, &[(0, 0)]));
        // Always the same route: nothing is published, so nothing but fairness slows it.
        let again = announce(&loud, &[(0, 0); 1000]);
        let heard = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !heard.load(Ordering::Relaxed) {
                    router.send(&again);
                }
            });
            let before = rig.telemetry.received();
            eventually("the loud router is heard", || {
                rig.telemetry.received() > before + 10_000
            });
            let mut other = rig.connect(2);
            other.send(&dump(&peer(2), &[(1, 0), (2, 0)]));
            let since = std::time::Instant::now();
            while rig.telemetry.emitted() < 3 && since.elapsed() < DEADLINE / 4 {
                std::thread::yield_now();
            }
            heard.store(true, Ordering::Relaxed);
            assert_eq!(rig.telemetry.emitted(), 3, "both routers were heard");
        });
        assert_eq!(rig.stop().table(2).len(), 2);
    });
}

/// With `registered` the worker took the broken rest up again for ever and reaped nothing any more.
#[test]
fn a_session_that_breaks_in_the_rest_of_a_slot_ends_once_and_holds_up_nobody() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.listen.workers = 1;
            config.ingest.slot_bytes = 256 * 1024;
        });
        // More routes than are decided in one go, in less than a slot.
        let scenario = Scenario {
            peers: 1,
            prefixes_per_peer: 1500,
            prefixes_per_update: 100,
            churn_rounds: 0,
            ..Scenario::default()
        };
        let broken = [&scenario.to_bytes()[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        let mut first = rig.connect(1);
        first.send(&broken);
        first.is_closed();
        let mut second = rig.connect(2);
        second.send(&scenario.to_bytes());
        eventually("both dumps are decided", || {
            rig.telemetry.emitted() == 2 * scenario.expected().emitted()
        });
        assert_eq!(rig.metric("connections_ended_total{reason=\"framing\"}"), 1);
        rig.stop_publishing();
    });
}
