//! What is generated is read by the wire crate as what it was meant to be.

#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_generate::{
    AddPathMode, Attributes, Ending, Nlri, Open, Origin, Peer, PeerDown, Prefix, Random, Scenario, Statistic,
    Update, end_of_rib, initiation, peer_down, peer_up, route_monitoring, statistics_report, termination,
};
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::{AsWidth, Update as UpdateView, header::HEADER_LEN, nlri};
use arancini_wire::bmp::{Message, PeerDownReason, RibView, StatisticValue, TerminationReason, frame_length};
use arancini_wire::iana::AfiSafi;

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NEXT_HOP_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

fn peer() -> Peer {
    Peer::new(NEIGHBOUR.into(), 4_200_000_001, NEIGHBOUR)
}

fn attributes() -> Attributes {
    Attributes {
        origin: Origin::Egp,
        multi_exit_disc: Some(5),
        local_preference: Some(100),
        atomic_aggregate: true,
        aggregator: Some((64_512, ROUTER)),
        communities: vec![(64_512, 1), (65_535, 666)],
        large_communities: vec![(1, 2, 3)],
        ..Attributes::new(&[64_512, 4_200_000_000], NEIGHBOUR, NEXT_HOP_V6)
    }
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix::new(address.parse().unwrap(), length.parse().unwrap())
}

#[test]
fn peer_up_negotiates_what_the_opens_say() {
    let sent = Open::new(65_551, ROUTER)
        .with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Receive)
        .with_add_path(AfiSafi::IPV6_UNICAST, AddPathMode::Both);
    let received = Open::new(4_200_000_001, NEIGHBOUR)
        .with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Send)
        .with_add_path(AfiSafi::IPV6_UNICAST, AddPathMode::Receive);
    let bytes = peer_up(&peer(), ROUTER.into(), &sent, &received);
    let Message::PeerUp(up) = Message::new_checked(&bytes).unwrap() else {
        panic!("not a Peer Up")
    };
    assert_eq!(up.peer().asn(), 4_200_000_001);
    assert_eq!(up.peer().address(), NEIGHBOUR.to_ipv6_mapped().octets());
    assert_eq!(
        (up.sent_open().asn(), up.received_open().asn()),
        (65_551, 4_200_000_001)
    );
    let negotiated = up.negotiated();
    let context = negotiated.context(RibView::AdjRibInPre);
    assert_eq!(context.as_width, AsWidth::Four);
    assert!(context.add_path.contains(AfiSafi::IPV4_UNICAST));
    assert!(!context.add_path.contains(AfiSafi::IPV6_UNICAST));
    assert!(
        negotiated
            .context(RibView::AdjRibOutPre)
            .add_path
            .contains(AfiSafi::IPV6_UNICAST)
    );

    let old = peer_up(&peer(), ROUTER.into(), &sent, &received.with_two_octet_as());
    let Message::PeerUp(up) = Message::new_checked(&old).unwrap() else {
        panic!("not a Peer Up")
    };
    assert_eq!(
        up.negotiated().context(RibView::AdjRibInPre).as_width,
        AsWidth::Two
    );
}

#[test]
fn every_attribute_is_read_back() {
    for two_octet_as in [false, true] {
        let mut update = Update::announce([prefix("192.0.2.0/24"), prefix("2001:db8::/33")], attributes());
        update.withdrawn = vec![
            prefix("198.51.100.128/25").into(),
            prefix("2001:db8:1::/48").into(),
        ];
        update.two_octet_as = two_octet_as;
        let bytes = route_monitoring(&peer(), &update.to_bytes());
        let Message::RouteMonitoring(message) = Message::new_checked(&bytes).unwrap() else {
            panic!()
        };
        let body = message.update_pdu().get(HEADER_LEN..).unwrap();
        let view = UpdateView::new_checked(body).unwrap();
        let width = if two_octet_as { AsWidth::Two } else { AsWidth::Four };
        let found = PathAttributes::parse(view.attributes(), width).unwrap();
        assert_eq!(found.faults.worst(), None);
        assert!(!found.quirk_as_width);
        let second = if two_octet_as { 23_456 } else { 4_200_000_000 };
        assert_eq!(
            found.as_path.unwrap().flat_asns().collect::<Vec<_>>(),
            [64_512, second]
        );
        assert_eq!(found.next_hop, Some(NEIGHBOUR.octets()));
        assert_eq!(
            (found.multi_exit_disc, found.local_preference),
            (Some(5), Some(100))
        );
        assert!(found.atomic_aggregate && found.aggregator.is_some());
        assert!(found.communities.is_some() && found.large_communities.is_some());
        let reach = found.mp_reach.unwrap();
        assert_eq!(
            (reach.family, reach.next_hop),
            (AfiSafi::IPV6_UNICAST, NEXT_HOP_V6.octets().as_slice())
        );
        for (family, field) in [
            (AfiSafi::IPV4_UNICAST, view.nlri()),
            (AfiSafi::IPV4_UNICAST, view.withdrawn()),
            (AfiSafi::IPV6_UNICAST, reach.nlri),
            (AfiSafi::IPV6_UNICAST, found.mp_unreach.unwrap().nlri),
        ] {
            assert_eq!(nlri::count(family, field, false), Ok(1));
        }
    }
}

#[test]
fn path_identifiers_and_long_paths_are_read_back() {
    let path: Vec<u32> = (1..=300).collect();
    let nlri_field = [7, 8].map(|id| Nlri {
        prefix: prefix("192.0.2.0/24"),
        path_id: Some(id),
    });
    let update = Update::announce(nlri_field, Attributes::new(&path, NEIGHBOUR, NEXT_HOP_V6)).to_bytes();
    let view = UpdateView::new_checked(update.get(HEADER_LEN..).unwrap()).unwrap();
    let found = PathAttributes::parse(view.attributes(), AsWidth::Four).unwrap();
    assert_eq!(found.as_path.unwrap().flat_asns().collect::<Vec<_>>(), path);
    let ids: Vec<_> = nlri::iter(AfiSafi::IPV4_UNICAST, view.nlri(), true)
        .map(|route| route.unwrap().path_id)
        .collect();
    assert_eq!(ids, [Some(7), Some(8)]);
}

#[test]
fn all_views_and_both_families_of_peers_are_told_apart() {
    let v6 = Peer {
        address: IpAddr::V6(NEXT_HOP_V6),
        ..peer()
    };
    for view in RibView::ALL {
        for peer in [peer().in_view(view), v6.in_view(view)] {
            for family in [AfiSafi::IPV4_UNICAST, AfiSafi::IPV6_UNICAST] {
                let bytes = route_monitoring(&peer, &end_of_rib(family));
                let Message::RouteMonitoring(message) = Message::new_checked(&bytes).unwrap() else {
                    panic!()
                };
                assert_eq!(message.peer().view(), view);
                assert_eq!(
                    message.peer().is_ipv6(),
                    peer.address.is_ipv6() && view != RibView::LocRib
                );
                let body = message.update_pdu().get(HEADER_LEN..).unwrap();
                assert_eq!(UpdateView::new_checked(body).unwrap().end_of_rib(), Some(family));
            }
        }
    }
}

#[test]
fn the_other_messages_say_what_they_should() {
    let bytes = initiation("router", "a test");
    let Message::Initiation(message) = Message::new_checked(&bytes).unwrap() else {
        panic!()
    };
    assert_eq!(
        (message.sys_name(), message.sys_descr()),
        (Some(&b"router"[..]), Some(&b"a test"[..]))
    );

    let bytes = termination(1);
    let Message::Termination(message) = Message::new_checked(&bytes).unwrap() else {
        panic!()
    };
    assert_eq!(message.reason(), Some(TerminationReason::Unspecified));

    let bytes = statistics_report(&peer(), &[Statistic::Counter(0, 3), Statistic::Gauge(7, 1 << 40)]);
    let Message::StatisticsReport(message) = Message::new_checked(&bytes).unwrap() else {
        panic!()
    };
    assert!(message.count_is_true());
    let values: Vec<_> = message
        .counters()
        .map(|counter| counter.unwrap().decode())
        .collect();
    assert_eq!(
        values,
        [StatisticValue::Counter32(3), StatisticValue::Gauge64(1 << 40)]
    );

    let notification = [[0xff; 16].as_slice(), &[0, 21, 3, 6, 2]].concat();
    for (down, reason) in [
        (
            PeerDown::LocalNotification(notification.clone()),
            PeerDownReason::LocalNotification,
        ),
        (PeerDown::LocalEvent(2), PeerDownReason::LocalNoNotification),
        (
            PeerDown::RemoteNotification(notification),
            PeerDownReason::RemoteNotification,
        ),
        (PeerDown::RemoteSilent, PeerDownReason::RemoteNoNotification),
        (PeerDown::NoLongerMonitored, PeerDownReason::PeerDeconfigured),
    ] {
        let bytes = peer_down(&peer(), &down);
        let Message::PeerDown(message) = Message::new_checked(&bytes).unwrap() else {
            panic!()
        };
        assert_eq!(message.reason(), reason);
    }
}

/// All announced routes of a stream, family and prefix.
fn announced(stream: &[u8]) -> Vec<(AfiSafi, u8, [u8; 16])> {
    let (mut rest, mut routes) = (stream, Vec::new());
    while let Some(length) = frame_length(rest, 1 << 20).unwrap() {
        let (frame, more) = rest.split_at(length);
        rest = more;
        let Message::RouteMonitoring(message) = Message::new_checked(frame).unwrap() else {
            continue;
        };
        let pdu = message.update_pdu();
        let update = UpdateView::new_checked(pdu.get(HEADER_LEN..).unwrap()).unwrap();
        let attributes = PathAttributes::parse(update.attributes(), AsWidth::Four).unwrap();
        let reach = attributes.mp_reach.iter().map(|mp| (mp.family, mp.nlri));
        for (family, field) in reach.chain([(AfiSafi::IPV4_UNICAST, update.nlri())]) {
            for nlri in nlri::iter(family, field, false) {
                let nlri::Route::Prefix { length, prefix, .. } = nlri.unwrap().route else {
                    panic!()
                };
                routes.push((family, length, prefix.to_v6_mapped()));
            }
        }
    }
    routes
}

#[test]
fn a_vpn_has_the_prefixes_of_the_plain_table_in_its_own_families() {
    let plain = Scenario {
        churn_rounds: 0,
        prefixes_per_update: 10,
        ..Scenario::default()
    };
    let vpn = Scenario {
        vpn: true,
        ..plain.clone()
    };
    let in_vpn: Vec<_> = announced(&plain.to_bytes())
        .into_iter()
        .map(|(family, length, prefix)| (AfiSafi::new(family.afi, 128), length, prefix))
        .collect();
    assert_eq!(in_vpn.len(), 2000);
    assert_eq!(announced(&vpn.to_bytes()), in_vpn);
}

#[test]
fn a_real_table_is_announced_whole_and_each_as_by_itself() {
    let table = [
        (prefix("192.0.2.0/24"), 64_496),
        (prefix("2001:db8::/32"), 64_496),
        (prefix("198.51.100.0/24"), 64_497),
        (prefix("203.0.113.0/24"), 64_496),
    ];
    let scenario = Scenario {
        peers: 1,
        table: table.into(),
        prefixes_per_update: 100,
        churn_rounds: 0,
        ..Scenario::default()
    };
    let expected = scenario.expected();
    assert_eq!(expected.elements, 4);
    // Initiation, Peer Up, two End-of-RIBs, and an UPDATE each: IPv4 of two, IPv6 of one.
    assert_eq!(expected.messages, 4 + 3);
    for route in &expected.routes {
        let origin = table.iter().find(|(known, _)| *known == route.prefix).unwrap().1;
        assert_eq!(route.attributes.as_path.last(), Some(&origin));
    }
    assert_eq!(announced(&scenario.to_bytes()).len(), 4);
}

#[test]
fn the_dump_is_the_stream_without_churn_and_a_round_is_every_route_once() {
    let scenario = Scenario::default();
    let (bytes, dump) = scenario.to_bytes_with_dump();
    assert_eq!(bytes, scenario.to_bytes());
    let without = Scenario {
        churn_rounds: 0,
        ..scenario.clone()
    };
    assert_eq!(bytes.get(..dump).unwrap(), without.to_bytes());
    assert_eq!(announced(&scenario.round(1)), announced(&without.to_bytes()));
    assert_ne!(scenario.round(1), scenario.round(2));
}

#[test]
fn every_message_of_any_scenario_is_whole_and_without_fault() {
    let mut random = Random::new(42);
    for seed in 0..20 {
        let scenario = Scenario {
            peers: 1 + random.below(6) as u16,
            prefixes_per_peer: random.below(500),
            ipv6_percent: random.below(101),
            prefixes_per_update: 1 + random.below(Scenario::MOST_PREFIXES_PER_UPDATE),
            churn_rounds: random.below(15),
            vpn: seed % 4 == 3,
            ending: if random.percent(50) {
                Ending::PeersDown
            } else {
                Ending::Termination
            },
            seed,
            ..Scenario::default()
        };
        let bytes = scenario.to_bytes();
        let expected = scenario.expected();
        let (mut rest, mut messages, mut elements) = (bytes.as_slice(), 0, 0);
        while let Some(length) = frame_length(rest, 1 << 20).unwrap() {
            let (frame, more) = rest.split_at(length);
            (rest, messages) = (more, messages + 1);
            if let Message::RouteMonitoring(message) = Message::new_checked(frame).unwrap() {
                assert!(message.update_pdu().len() <= 4096, "{scenario:?}");
                elements += count_elements(message.update_pdu());
            }
        }
        assert!(rest.is_empty());
        assert_eq!(
            (messages, elements),
            (expected.messages, expected.elements),
            "{scenario:?}"
        );
    }
}

fn count_elements(pdu: &[u8]) -> u64 {
    let view = UpdateView::new_checked(pdu.get(HEADER_LEN..).unwrap()).unwrap();
    let found = PathAttributes::parse(view.attributes(), AsWidth::Four).unwrap();
    assert_eq!(found.faults.worst(), None);
    assert_eq!(found.missing_mandatory(!view.nlri().is_empty()), None);
    let count = |family, field| nlri::count(family, field, false).unwrap() as u64;
    count(AfiSafi::IPV4_UNICAST, view.nlri())
        + count(AfiSafi::IPV4_UNICAST, view.withdrawn())
        + found.mp_reach.map_or(0, |mp| count(mp.family, mp.nlri))
        + found.mp_unreach.map_or(0, |mp| count(mp.family, mp.nlri))
}
