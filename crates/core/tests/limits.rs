//! Limits: no sender can make the core use unbounded memory or time.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;

use arancini_core::{BatchSettings, Counters, Now, RouteCount, SessionId, Settings, Shard};
use arancini_generate::{Peer, PeerDown, Scenario, initiation, peer_down, route_monitoring};
use arancini_wire::iana::AfiSafi;

use support::consumer::Resyncs;
use support::stream::Event;
use support::wire::{as_path, attribute, mandatory, monitoring, mp_reach, origin, peer, up, update};
use support::{Harness, SECOND, router};

#[test]
fn a_sender_that_makes_families_up_gets_no_tables_for_them() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &initiation("r1", "test"));
    harness.send(session, &up(&peer));
    for number in 0..1000 {
        let mp = mp_reach(AfiSafi::new(20_000 + number, 77), &[1, 2, 3]);
        harness.send(
            session,
            &monitoring(&peer, &[], &[origin(0), as_path(&[1]), mp].concat(), &[]),
        );
    }
    let published = harness.published();
    let malformed = published
        .iter()
        .filter(|event| event.as_malformed().is_some())
        .count();
    assert_eq!(malformed, 1000 - 256, "the rest is published raw");
    let updates = published.into_iter().filter_map(Event::into_update).count();
    assert_eq!(updates, 256);
}

/// Without the limit, one receive slot of 64 KB UPDATEs made 2 GB of updates before the bridge took any.
#[test]
fn what_becomes_of_one_slot_is_handed_over_piece_by_piece() {
    const PER_MESSAGE: usize = 500;
    let peer = peer(1);
    let mut harness = Harness::new();
    let most = BatchSettings::default().max_closed_bytes;
    let session = harness.session();
    harness.send(session, &initiation("r1", "test"));
    harness.send(session, &up(&peer));
    // 8 kB of communities: about 9 kB for each update.
    let communities: Vec<u8> = (0..2000_u32).flat_map(u32::to_be_bytes).collect();
    let attributes = [mandatory(&[64_500]), attribute(0xc0, 8, &communities)].concat();
    let nlri = |number: u8, index: usize| [24, 10 + number, (index >> 8) as u8, index as u8];
    let message = |number| {
        let routes: Vec<u8> = (0..PER_MESSAGE).flat_map(|index| nlri(number, index)).collect();
        monitoring(&peer, &[], &attributes, &routes)
    };
    let slot: Vec<u8> = (0..6).flat_map(message).collect();
    let (mut rest, mut pieces, mut updates) = (&slot[..], 0, 0);
    while !rest.is_empty() {
        let taken = harness.shard.handle_bytes(session, rest, harness.now).unwrap();
        rest = &rest[taken..];
        pieces += 1;
        let (mut bytes, mut largest) = (0, 0);
        while let Some(batch) = harness.shard.poll_batch() {
            bytes += batch.payload.len();
            largest = largest.max(batch.payload.len() / batch.messages as usize);
            updates += batch.messages as usize;
        }
        assert!(bytes <= most + PER_MESSAGE * largest, "{bytes}");
    }
    assert!(pieces > 3, "{pieces}");
    harness.shard.handle_flush(harness.now);
    updates += std::iter::from_fn(|| harness.shard.poll_batch())
        .map(|batch| batch.messages as usize)
        .sum::<usize>();
    // The others are: session opened, Initiation, Peer Up.
    assert_eq!(updates, 6 * PER_MESSAGE + 3);
    assert_eq!(harness.counters.received_bytes.get() as usize, {
        let before = [initiation("r1", "test"), up(&peer)].concat();
        before.len() + slot.len()
    });
}

/// Bytes and updates of the batches that were closed since the last call, and the size of the largest update.
struct Closed {
    bytes: usize,
    updates: usize,
}

fn take_closed(harness: &mut Harness) -> Closed {
    let mut closed = Closed { bytes: 0, updates: 0 };
    while let Some(batch) = harness.shard.poll_batch() {
        closed.bytes += batch.payload.len();
        closed.updates += batch.messages as usize;
        harness.shard.handle_recycled(batch.payload);
    }
    closed
}

/// Sends one message, turn by turn, and checks that each turn closes no more than 4 MiB.
fn send_turn_by_turn(harness: &mut Harness, session: arancini_core::SessionId, message: &[u8]) -> Turns {
    let mut rest = message;
    let mut turns = Turns { turns: 0, updates: 0 };
    while !rest.is_empty() {
        let taken = harness.shard.handle_bytes(session, rest, harness.now).unwrap();
        rest = &rest[taken..];
        let closed = take_closed(harness);
        assert!(closed.bytes <= 4 << 20, "{} bytes in one turn", closed.bytes);
        turns.turns += 1;
        turns.updates += closed.updates;
    }
    harness.shard.handle_flush(harness.now);
    turns.updates += take_closed(harness).updates;
    turns
}

struct Turns {
    turns: usize,
    updates: usize,
}

/// One message of 65 KB made 528 MB before the bridge took any of it, in one turn of more than a second.
#[test]
fn one_message_with_large_attributes_and_many_routes_is_taken_in_turns() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    harness.published();
    let communities: Vec<u8> = (0..8000_u32).flat_map(u32::to_be_bytes).collect();
    let attributes = [mandatory(&[64_500]), attribute(0xc0, 8, &communities)].concat();
    let routes: Vec<u8> = (0..8000_u16)
        .flat_map(|n| [24, 10, (n >> 8) as u8, n as u8])
        .collect();
    let turns = send_turn_by_turn(
        &mut harness,
        session,
        &monitoring(&peer, &[], &attributes, &routes),
    );
    assert_eq!(turns.updates, 8000);
    assert!(turns.turns > 100, "{} turns", turns.turns);
    // The same again changes nothing, and is as bounded.
    let turns = send_turn_by_turn(
        &mut harness,
        session,
        &monitoring(&peer, &[], &attributes, &routes),
    );
    assert_eq!(turns.updates, 0);
    // So are its withdraws.
    let turns = send_turn_by_turn(&mut harness, session, &monitoring(&peer, &routes, &[], &[]));
    assert_eq!(turns.updates, 8000);
    assert!(turns.turns > 3, "{} turns", turns.turns);
}

/// One message with four such UPDATEs made 2 GB, in one turn of 3.8 s.
#[test]
fn several_updates_of_one_message_are_taken_in_turns() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    harness.published();
    let communities: Vec<u8> = (0..8000_u32).flat_map(u32::to_be_bytes).collect();
    let attributes = [mandatory(&[64_500]), attribute(0xc0, 8, &communities)].concat();
    let pdus: Vec<u8> = (0..4)
        .flat_map(|which| {
            let routes: Vec<u8> = (0..8000_u16)
                .flat_map(|n| [24, 10 + which, (n >> 8) as u8, n as u8])
                .collect();
            update(&[], &attributes, &routes)
        })
        .collect();
    let turns = send_turn_by_turn(&mut harness, session, &route_monitoring(&peer, &pdus));
    assert_eq!(turns.updates, 4 * 8000);
    assert_eq!(harness.counters.malformed.get(), 0);
}

/// A caller that takes the batches only afterwards was never done: no call took anything of the message.
#[test]
fn several_updates_of_one_message_go_on_while_nobody_takes_the_batches() {
    let peer = peer(1);
    let mut harness = Harness::with(Settings {
        batch: BatchSettings {
            max_bytes: 1,
            max_closed_bytes: 1,
            ..BatchSettings::default()
        },
        ..Settings::default()
    });
    let session = harness.session();
    harness.send(session, &up(&peer));
    let pdus: Vec<u8> = (0..4)
        .flat_map(|n| update(&[], &mandatory(&[64_500]), &[24, 198, 51, n]))
        .collect();
    let message = route_monitoring(&peer, &pdus);
    // Each UPDATE is checked and taken in a turn of its own.
    let mut turns = 0;
    while harness
        .shard
        .handle_bytes(session, &message, harness.now)
        .unwrap()
        == 0
    {
        turns += 1;
        assert!(turns < 10, "no turn takes anything");
    }
    assert!(turns > 2, "{turns} turns");
    let updates = harness.published().into_iter().filter_map(Event::into_update);
    assert_eq!(updates.count(), 4);
}

/// The routes of the first UPDATE were published, and the message was reported as skipped.
#[test]
fn a_broken_second_update_skips_the_whole_message() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    harness.published();
    let good = update(&[], &mandatory(&[64_500]), &[24, 198, 51, 100]);
    let broken = update(&[], &mandatory(&[64_500]), &[33, 198, 51, 100]);
    let cut = &good[..good.len() - 2];
    for second in [&broken[..], cut] {
        harness.send(session, &route_monitoring(&peer, &[&good, second].concat()));
        let published = harness.published();
        assert_eq!(published.len(), 1, "{published:?}");
        assert!(published[0].as_malformed().is_some());
    }
}

/// The route was published, and the message was reported as skipped (Huawei puts a TLV behind the UPDATE).
#[test]
fn octets_behind_the_update_are_a_quirk() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    harness.published();
    let good = update(&[], &mandatory(&[64_500]), &[24, 198, 51, 100]);
    harness.send(
        session,
        &route_monitoring(&peer, &[&good[..], &[0, 1, 0, 4, 0, 0, 0, 2]].concat()),
    );
    assert_eq!(harness.updates().len(), 1);
    assert_eq!(harness.counters.malformed.get(), 0);
    assert_eq!(
        harness.counters.quirks[arancini_core::Quirk::TrailingOctets as usize].get(),
        1
    );
}

/// A field that was taken in an earlier turn was taken again in each later one: the withdraw, which the announce of the same
/// UPDATE overrules, came after all, and the route was lost.
#[test]
fn a_field_that_was_taken_in_an_earlier_turn_is_not_taken_again() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    let route = [24, 10, 0, 0];
    harness.send(session, &monitoring(&peer, &[], &mandatory(&[64_500]), &route));
    harness.published();
    let communities: Vec<u8> = (0..4000_u32).flat_map(u32::to_be_bytes).collect();
    let attributes = [mandatory(&[64_501]), attribute(0xc0, 8, &communities)].concat();
    let routes: Vec<u8> = (0..100_u8).flat_map(|n| [24, 10, 0, n]).collect();
    let turns = send_turn_by_turn(
        &mut harness,
        session,
        &monitoring(&peer, &route, &attributes, &routes),
    );
    assert!(turns.turns > 1, "{} turns", turns.turns);
    assert_eq!(harness.counters.emitted_withdraws.total(), 0);
    assert_eq!(turns.updates, 100);
    harness.shard.set_gauges();
    assert_eq!(harness.counters.routes.get(), 100);
}

/// The AS number of the per-peer header names the tables and the subjects. A peer whose header has another AS number in each
/// message once made a subject for each of up to 256.
#[test]
fn a_peer_whose_as_number_is_another_in_each_message_makes_few_subjects() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    for asn in 65_000..66_000 {
        let sender = Peer { asn, ..peer };
        let route = [24, 198, 51, 100];
        harness.send(session, &monitoring(&sender, &[], &mandatory(&[64_500]), &route));
        harness.send(session, &monitoring(&sender, &route, &[], &[]));
        if asn == 65_500 {
            // From here on the peer is provisional, which says nothing of its AS number.
            harness.send(session, &peer_down(&peer, &PeerDown::RemoteSilent));
        }
    }
    let published = harness.published();
    let malformed = published.iter().filter(|event| event.as_malformed().is_some());
    assert_eq!(malformed.count(), 2 * (1000 - 8), "the rest is published raw");
    // A subject has the AS number of its updates.
    let subjects: BTreeSet<u32> = published
        .into_iter()
        .filter_map(Event::into_update)
        .map(|update| update.table.key.peer_asn)
        .collect();
    assert_eq!(subjects, (65_000..65_008).collect());

    // A Peer Up says the AS number anew.
    let renumbered = Peer { asn: 65_500, ..peer };
    harness.send(session, &up(&renumbered));
    for asn in [65_500, 65_501] {
        let sender = Peer { asn, ..peer };
        harness.send(
            session,
            &monitoring(&sender, &[], &mandatory(&[64_500]), &[24, 198, 51, 100]),
        );
    }
    assert_eq!(harness.updates().len(), 2);
}

/// Tables under earlier AS numbers once filled the 256 places of a peer for ever.
#[test]
fn a_peer_that_comes_up_with_ever_new_as_numbers_does_not_run_out_of_tables() {
    let mut harness = Harness::new();
    let session = harness.session();
    for asn in 65_000..65_600 {
        let peer = Peer { asn, ..peer(1) };
        harness.send(session, &up(&peer));
        harness.send(
            session,
            &monitoring(&peer, &[], &mandatory(&[64_500]), &[24, 198, 51, 100]),
        );
        harness.published();
        assert_eq!(harness.consumer.routes(), 1, "AS {asn}");
    }
    assert_eq!(harness.counters.malformed.get(), 0);
    assert_eq!(
        harness.shard.router(router(1)).unwrap().peers[0].tables.len(),
        256
    );
}

/// Made-up families once took the places of a peer's real ones for ever.
#[test]
fn a_peer_that_went_down_with_all_its_tables_comes_up_with_other_families() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    for number in 0..300 {
        let mp = mp_reach(AfiSafi::new(20_000 + number, 77), &[1, 2, 3]);
        harness.send(
            session,
            &monitoring(&peer, &[], &[origin(0), as_path(&[1]), mp].concat(), &[]),
        );
    }
    harness.send(session, &peer_down(&peer, &PeerDown::RemoteSilent));
    harness.published();
    let malformed = harness.counters.malformed.get();
    assert_eq!(malformed, 300 - 256);
    harness.send(session, &up(&peer));
    harness.send(
        session,
        &monitoring(&peer, &[], &mandatory(&[64_500]), &[24, 198, 51, 100]),
    );
    assert_eq!(harness.updates().len(), 1);
    assert_eq!(harness.counters.malformed.get(), malformed);
}

/// The first UPDATEs of such a message were published, and then the message was reported as skipped.
#[test]
fn a_message_of_more_families_than_a_peer_may_have_tables_is_skipped_whole() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    harness.published();
    let of_family = |number: u16| {
        let mp = mp_reach(AfiSafi::new(20_000 + number, 77), &[1, 2, 3]);
        update(&[], &[origin(0), as_path(&[1]), mp].concat(), &[])
    };
    let message = |families: std::ops::Range<u16>| {
        let pdus: Vec<u8> = families.flat_map(of_family).collect();
        route_monitoring(&peer, &pdus)
    };
    harness.send(session, &message(0..257));
    let published = harness.published();
    assert_eq!(published.len(), 1, "{published:?}");
    assert!(published[0].as_malformed().is_some());
    harness.send(session, &message(0..256));
    assert_eq!(harness.updates().len(), 256);
    assert_eq!(harness.counters.malformed.get(), 1);
}

/// Each connect and each disconnect once counted the routes of all tables of the worker.
#[test]
fn a_session_that_opens_and_closes_counts_no_routes_of_others() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer));
    harness.send(
        session,
        &monitoring(&peer, &[], &mandatory(&[64_500]), &[24, 198, 51, 100]),
    );
    let other = harness.open(router(2));
    assert_eq!(harness.counters.sessions.get(), 2);
    harness.close(other);
    assert_eq!(harness.counters.sessions.get(), 1);
    assert_eq!(harness.counters.routes.get(), 0, "the route is not counted yet");
    harness.shard.set_gauges();
    assert_eq!(harness.counters.routes.get(), 1);
}

/// The memory of all its tables was once freed in one step.
#[test]
fn a_router_that_leaves_in_a_resync_gives_its_memory_back_in_slices() {
    let peer = peer(1);
    let mut harness = Harness::new();
    harness.consumer.resyncs = Resyncs::Expected;
    let session = harness.session();
    harness.send(session, &up(&peer));
    for high in 0..80_u8 {
        let routes: Vec<u8> = (0..1000_u16)
            .flat_map(|n| [32, 10, high, (n >> 8) as u8, n as u8])
            .collect();
        harness.send(session, &monitoring(&peer, &[], &mandatory(&[64_500]), &routes));
    }
    assert_eq!(harness.updates().len(), 80_000);
    assert!(harness.shard.handle_need_resync(router(1)));
    harness.close(session);
    harness.idle(1000 * SECOND);
    let mut slices = 0;
    while harness.shard.router(router(1)).is_some() {
        harness.shard.handle_sweep(1, harness.now);
        slices += 1;
    }
    assert!(slices > 3, "{slices} slices");
    assert!(!harness.shard.needs_sweep());
    harness.published();
    assert_eq!(harness.consumer.routes(), 0);
}

/// A check of 20,000 routers whose hold was over took a single turn of several milliseconds.
#[test]
fn lives_of_many_routers_are_checked_in_slices_and_none_is_left_out() {
    const ROUTERS: u32 = 2000;
    let settings = Settings::default();
    let hold_ns = settings.session_hold_ns;
    let mut shard = Shard::new(0, settings, std::sync::Arc::default());
    let at = |monotonic_ns| Now {
        monotonic_ns,
        unix_ns: monotonic_ns,
    };
    for number in 0..ROUTERS {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        let session = shard.handle_connect(address.into(), 1, at(1));
        shard.handle_disconnect(session, "closed", at(1));
    }
    let over = at(1 + hold_ns);
    let mut forgotten = Vec::new();
    let mut calls = 0;
    while shard.poll_timeout().is_some_and(|due| due <= over.monotonic_ns) {
        shard.handle_timeout(over);
        let of_this_call = shard.poll_forgotten().len();
        assert!(of_this_call <= 100, "{of_this_call} routers in one call");
        forgotten.push(of_this_call);
        calls += 1;
        assert!(calls < 1000, "the check never ends");
    }
    assert_eq!(forgotten.iter().sum::<usize>(), ROUTERS as usize);
    assert_eq!(shard.routers().count(), 0);
}

/// Each of the Peer Ups adds a peer and closes batches: a thousand of them took a turn of 3 ms for 63.
#[test]
fn new_peers_that_come_up_together_come_up_in_several_turns() {
    const PEERS: u8 = 200;
    const MOST_PER_TURN: usize = 20;
    let mut shard = Shard::new(0, Settings::default(), std::sync::Arc::default());
    let now = Now {
        monotonic_ns: 1,
        unix_ns: 1,
    };
    let session = shard.handle_connect(router(1), 1, now);
    let messages: Vec<Vec<u8>> = (1..=PEERS).map(|number| up(&peer(number))).collect();
    let bytes = messages.concat();
    let mut rest = &bytes[..];
    let mut turns = 0;
    while !rest.is_empty() {
        rest = &rest[shard.handle_bytes(session, rest, now).unwrap()..];
        while shard.poll_batch().is_some() {}
        turns += 1;
    }
    assert!(turns >= usize::from(PEERS) / MOST_PER_TURN, "{turns} turns");
}

const PEERS_OF_ONE_ROUTER: u16 = 3000;

/// Opens a session of a router with many peers of one route each.
fn router_of_many_peers(shard: &mut Shard, now: Now) -> SessionId {
    let scenario = Scenario {
        peers: PEERS_OF_ONE_ROUTER,
        prefixes_per_peer: 1,
        churn_rounds: 0,
        ..Scenario::default()
    };
    let session = shard.handle_connect(router(1), 1, now);
    shard
        .handle_all_bytes(session, &scenario.to_bytes(), now)
        .unwrap();
    session
}

/// Calls `handle_timeout` while it is due at this time, and checks that each call dooms few routes and that all are doomed.
fn each_call_dooms_few_routes(shard: &mut Shard, counters: &Counters, now: Now) {
    let mut calls = 0;
    while shard.poll_timeout().is_some_and(|due| due <= now.monotonic_ns) {
        let before = counters.synthetic_withdraws.get();
        shard.handle_timeout(now);
        while shard.handle_sweep(u64::MAX, now) {}
        while shard.poll_batch().is_some() {}
        let doomed = counters.synthetic_withdraws.get() - before;
        assert!(doomed <= 500, "{doomed} routes in one call");
        calls += 1;
        assert!(calls < 1000, "the check never ends");
    }
    assert_eq!(counters.synthetic_withdraws.get(), u64::from(PEERS_OF_ONE_ROUTER));
}

/// The routes of a router with 10,000 peers were counted in one turn, which took more than a millisecond.
#[test]
fn the_count_of_routes_stops_between_peers_and_leaves_none_out() {
    let counters = std::sync::Arc::new(Counters::default());
    let mut shard = Shard::new(0, Settings::default(), std::sync::Arc::clone(&counters));
    let now = Now {
        monotonic_ns: 1,
        unix_ns: 1,
    };
    router_of_many_peers(&mut shard, now);
    shard.handle_connect(router(2), 1, now);
    shard.set_gauges();
    let routes = counters.routes.get();
    assert!(routes > 500, "{routes} routes");
    counters.routes.set(0);
    let (mut count, mut slices) = (RouteCount::default(), 1);
    while !shard.set_gauges_slice(&mut count) {
        assert_eq!(counters.routes.get(), 0, "the count is not complete");
        slices += 1;
    }
    assert_eq!(counters.routes.get(), routes);
    assert!(slices > 1);
}

/// A check of 20,000 peers of one router took a single turn of 2 to 3 ms.
#[test]
fn the_check_of_a_router_with_many_peers_stops_between_peers_and_leaves_none_out() {
    let counters = std::sync::Arc::new(Counters::default());
    let settings = Settings::default();
    let (hold_ns, quiet_ns) = (settings.session_hold_ns, settings.quiet_period_ns);
    let at = |monotonic_ns| Now {
        monotonic_ns,
        unix_ns: 1,
    };
    // The hold is over.
    let mut shard = Shard::new(0, settings.clone(), std::sync::Arc::clone(&counters));
    let session = router_of_many_peers(&mut shard, at(1));
    shard.handle_disconnect(session, "closed", at(1));
    each_call_dooms_few_routes(&mut shard, &counters, at(2 + hold_ns));
    assert_eq!(shard.poll_forgotten(), [router(1)]);

    // The router came back and dumped nothing.
    let counters = std::sync::Arc::new(Counters::default());
    let mut shard = Shard::new(0, settings, std::sync::Arc::clone(&counters));
    let session = router_of_many_peers(&mut shard, at(1));
    shard.handle_disconnect(session, "closed", at(1));
    shard.handle_connect(router(1), 1, at(1));
    each_call_dooms_few_routes(&mut shard, &counters, at(2 + quiet_ns));
    assert!(shard.router(router(1)).is_some());
}
