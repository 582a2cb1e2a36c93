//! Attribute sets in a shard (`rib.attributes = "retain"`). That such a shard publishes what a shard of fingerprints publishes
//! is checked by every test with a `Harness` (`support/twin.rs`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use arancini_core::ask::{Answer, Position, Question, RouteAnswer, RouteName, Selector};
use arancini_core::{AttributeWriter, BatchKind, KeptAttributes, NoticeKind, SessionId, Settings};
use arancini_generate::{LoadName, NamedLoad, Peer};
use arancini_rib::{SetFigures, SetId};
use arancini_schema::decode::Messages;
use arancini_schema::json::{Hex, write_attributes_of};
use arancini_schema::update_capnp::update;
use arancini_wire::bmp::RibView;
use serde_json::Value;

use support::recordings::{root, streams};
use support::restart::{held, load, restart_with, snapshot};
use support::wire::{Destination, announce, as_path, origin, peer, up, withdraw};
use support::{Harness, SECOND};

fn settings(most_bytes: usize) -> Settings {
    Settings {
        attributes: KeptAttributes::Retain { most_bytes },
        ..Settings::default()
    }
}

fn session(harness: &mut Harness, peer: &Peer) -> SessionId {
    // The others do not count sets.
    harness.shard.alone();
    let session = harness.session();
    harness.send(session, &up(peer));
    session
}

fn destination(number: u32) -> Destination {
    let [_, b, c, d] = number.to_be_bytes();
    Destination::V4([10, b, c, d], 32)
}

fn announce_with(
    harness: &mut Harness,
    session: SessionId,
    peer: &Peer,
    numbers: std::ops::Range<u32>,
    asn: u32,
) {
    let to: Vec<Destination> = numbers.map(destination).collect();
    for to in to.chunks(100) {
        let to: Vec<_> = to.iter().map(|to| (to, None)).collect();
        let attributes = [origin(0), as_path(&[asn])].concat();
        harness.send(session, &announce(peer, &attributes, &to, 0));
    }
}

fn figures(harness: &Harness) -> SetFigures {
    harness.shard.attribute_sets().unwrap().figures()
}

#[test]
fn the_routes_of_a_router_that_leaves_leave_their_sets_in_slices() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(1 << 20));
    let session = session(&mut harness, &peer);
    for number in 0..5000 {
        announce_with(&mut harness, session, &peer, number..number + 1, 70_000 + number);
    }
    harness.published();
    assert_eq!(figures(&harness).sets, 5000);
    harness.close(session);
    harness.idle(1000 * SECOND);
    assert_eq!(figures(&harness).sets, 5000, "nothing is O(table)");
    let mut slices = 0;
    while harness.shard.needs_sweep() {
        let before = figures(&harness).sets;
        harness.shard.handle_sweep(1, harness.now);
        assert!(before - figures(&harness).sets <= 320);
        slices += 1;
    }
    assert!(slices > 15, "{slices}");
    assert_eq!(figures(&harness), SetFigures::default());
    assert_eq!(harness.counters.attribute_sets.get(), 0);
    assert_eq!(harness.shard.attribute_sets().unwrap().allocated_bytes(), 0);
}

#[test]
fn a_restored_route_has_its_attributes() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(1 << 20));
    let session = session(&mut harness, &peer);
    for number in 0..3000 {
        announce_with(
            &mut harness,
            session,
            &peer,
            number..number + 1,
            70_000 + number / 2,
        );
    }
    harness.published();
    let attributes_of = |harness: &Harness| {
        let routes = all_routes(harness).into_iter();
        let mut routes: Vec<_> = routes.map(|route| (route.name, route.attributes)).collect();
        routes.sort_by(|one, other| one.0.cmp(&other.0));
        routes
    };
    let before = attributes_of(&harness);
    assert_eq!(before.len(), 3000);
    assert!(before.iter().all(|(_, attributes)| attributes.is_some()));
    let held_before = figures(&harness);
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    restart_with(&mut harness, load(&bytes).unwrap(), settings(1 << 20));
    assert!(attributes_of(&harness) == before);
    assert_eq!(harness.counters.attribute_sets.get(), 1500);
    assert_eq!(figures(&harness), held_before);
    // The bound holds after a restart too.
    restart_with(&mut harness, load(&bytes).unwrap(), settings(1000));
    assert!(figures(&harness).octet_bytes <= 1000);
    assert_eq!(figures(&harness).sets, 1500);
    // A collector that does not retain attributes reads the snapshot too.
    restart_with(&mut harness, load(&bytes).unwrap(), Settings::default());
    assert_eq!(all_routes(&harness).len(), 3000);
}

/// A snapshot of a collector that did not retain attributes has none, and is as it was before sets existed.
#[test]
fn a_restored_route_learns_its_attributes_when_it_is_announced_again() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = session(&mut harness, &peer);
    announce_with(&mut harness, session, &peer, 0..300, 70_000);
    announce_with(&mut harness, session, &peer, 300..400, 70_001);
    harness.published();
    let before = held(&harness.shard);
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    assert_eq!(bytes[8], 1, "the version of the format");
    restart_with(&mut harness, load(&bytes).unwrap(), settings(1 << 20));
    assert_eq!(held(&harness.shard), before);
    let restored = figures(&harness);
    assert_eq!(
        (restored.sets, restored.unknown_sets, restored.unknown_routes),
        (2, 2, 400)
    );

    let session = self::session(&mut harness, &peer);
    announce_with(&mut harness, session, &peer, 0..1, 70_000);
    assert_eq!(
        (figures(&harness).unknown_sets, figures(&harness).unknown_routes),
        (1, 100)
    );
    announce_with(&mut harness, session, &peer, 1..300, 70_000);
    announce_with(&mut harness, session, &peer, 300..400, 70_001);
    assert_eq!(harness.updates(), [], "nothing was new");
    assert_eq!(figures(&harness).unknown_sets, 0);
    assert_eq!(harness.counters.routes_without_attributes.get(), 0);
    assert_eq!(harness.counters.attribute_sets.get(), 2);
}

#[test]
fn attributes_beyond_the_bound_are_counted_and_logged_once() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(100));
    let session = session(&mut harness, &peer);
    for number in 0..10 {
        announce_with(&mut harness, session, &peer, number..number + 1, 70_000 + number);
    }
    assert_eq!(harness.updates().len(), 10, "they are published all the same");
    let counters = harness.counters.clone();
    assert!(counters.attribute_bytes.get() <= 100);
    assert!(counters.attributes_without_room.get() >= 7);
    assert!(counters.routes_without_attributes.get() >= 7);
    let notices = harness.shard.poll_notices();
    let said =
        std::iter::from_fn(|| notices.pop()).filter(|notice| notice.what == NoticeKind::NoRoomForAttributes);
    assert_eq!(said.count(), 1);
    let to = destination(9);
    harness.send(session, &withdraw(&peer, &[(&to, None)]));
    assert_eq!(figures(&harness).sets, 9);
}

/// Dropped routes are in doubt. They have no set until they are announced again.
#[test]
fn a_route_in_doubt_has_no_set() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(1 << 20));
    let session = session(&mut harness, &peer);
    harness.published();
    announce_with(&mut harness, session, &peer, 0..10, 70_000);
    harness.now.monotonic_ns += SECOND;
    harness.shard.handle_timeout(harness.now);
    harness.drop_batches();
    assert_eq!(figures(&harness), SetFigures::default());
    let sets = harness.shard.attribute_sets().unwrap();
    assert!(
        held(&harness.shard)
            .iter()
            .all(|(_, fingerprint)| *fingerprint == sets.fingerprint(SetId::DOUBT))
    );
    announce_with(&mut harness, session, &peer, 0..10, 70_000);
    assert_eq!(figures(&harness).sets, 1);
    assert_eq!(harness.updates().len(), 10);
}

/// What names a route, with the numbers of the schema.
type Name = (
    Vec<u8>,
    (u8, u64),
    u32,
    u32,
    String,
    (u16, u8),
    String,
    Option<u32>,
);

fn name_of_update(update: update::Reader<'_>) -> Name {
    let raw = update.get_raw_nlri().unwrap();
    let rd = update.get_route_distinguisher();
    let nlri = if raw.is_empty() {
        let prefix = Hex(update.get_prefix_addr().unwrap()).to_string();
        format!("{rd} {prefix} {}", update.get_prefix_len())
    } else {
        Hex(raw).to_string()
    };
    (
        update.get_peer_addr().unwrap().to_vec(),
        (update.get_peer_type(), update.get_peer_distinguisher()),
        update.get_peer_bgp_id(),
        update.get_peer_asn(),
        format!("{:?}", RibView::ALL[update.get_rib_view().unwrap() as usize]),
        (update.get_afi(), update.get_safi()),
        nlri,
        update.get_has_path_id().then(|| update.get_path_id()),
    )
}

fn name_of_answer(route: &RouteAnswer) -> Name {
    let nlri = match &route.name {
        RouteName::Opaque { nlri, .. } => Hex(nlri).to_string(),
        RouteName::Prefix {
            distinguisher,
            prefix,
            ..
        } => {
            let address = match prefix.address() {
                std::net::IpAddr::V4(address) => address.to_ipv6_mapped(),
                std::net::IpAddr::V6(address) => address,
            };
            let rd = distinguisher.map_or(0, u64::from_be_bytes);
            format!("{rd} {} {}", Hex(&address.octets()), prefix.length())
        }
    };
    let table = route.table;
    (
        table.peer.address.to_vec(),
        (table.peer.peer_type, u64::from_be_bytes(table.peer.distinguisher)),
        table.peer.bgp_id,
        table.peer_asn,
        format!("{:?}", table.view),
        (table.family.afi, table.family.safi),
        nlri,
        route.name.path_id(),
    )
}

/// The attributes as JSON. Those without a member of their own are in the order and with the flags of the canonical form.
fn tidy(json: &[u8]) -> Value {
    let mut attributes: Value = serde_json::from_slice(json).unwrap();
    if let Some(unknown) = attributes["unknownAttributes"].as_array_mut() {
        unknown.iter_mut().for_each(|attribute| {
            let flags = attribute["flags"].as_u64().unwrap() & 0xe0;
            attribute["flags"] = flags.into();
        });
        unknown.sort_by_key(|attribute| attribute["typeCode"].as_u64());
    }
    attributes
}

fn all_routes(harness: &Harness) -> Vec<RouteAnswer> {
    let (mut all, mut from) = (Vec::new(), Some(Position::START));
    while let Some(at) = from {
        let mut question = Question::routes(Selector::default(), None, 1000).going_on(at);
        while harness.shard.poll_question(&mut question, 100) {}
        let outcome = question.finish();
        let Answer::Routes(routes) = outcome.answer else {
            panic!("not routes");
        };
        all.extend(routes);
        from = outcome.rest;
    }
    all
}

/// Sends a stream, and compares the attributes of each route that is held at its end with the last update about the route.
/// Returns how many routes that are.
fn compare_with_published(of: &str, stream: &[u8]) -> usize {
    let mut harness = Harness::with(settings(64 << 20));
    harness.shard.alone();
    let session = harness.session();
    let mut published = BTreeMap::new();
    let mut read = |harness: &mut Harness| {
        while let Some(batch) = harness.shard.poll_batch() {
            if batch.kind == BatchKind::Updates {
                for message in Messages::new(&batch.payload) {
                    let message = message.unwrap();
                    let update = message.update().unwrap();
                    if update.get_announced() {
                        let mut json = Vec::new();
                        write_attributes_of(update, &mut json).unwrap();
                        published.insert(name_of_update(update), (json, update.get_time_received_ns()));
                    }
                }
            }
            harness.shard.handle_recycled(batch.payload);
        }
    };
    for bytes in stream.chunks(16 * 1024) {
        if harness.try_send(session, bytes).is_err() {
            break;
        }
        read(&mut harness);
        harness.now.unix_ns += SECOND / 3;
    }
    harness.shard.handle_flush(harness.now);
    read(&mut harness);
    let mut writer = AttributeWriter::new();
    let routes = all_routes(&harness);
    for route in &routes {
        let name = name_of_answer(route);
        let (expected, received_ns) = &published[&name];
        let mut json = Vec::new();
        let attributes = route.attributes.as_ref().unwrap();
        assert!(
            writer.write(attributes, route.table.family, &mut json),
            "{of}: {name:?}"
        );
        assert_eq!(tidy(&json), tidy(expected), "{of}: {name:?}");
        assert_eq!(
            u64::from(route.since.unwrap()),
            received_ns / SECOND,
            "{of}: {name:?}"
        );
    }
    routes.len()
}

#[test]
fn a_route_has_the_attributes_with_which_it_was_published() {
    let mut routes = 0;
    for (name, stream) in streams(&root().join("testdata")) {
        routes += compare_with_published(&name, &stream);
    }
    assert!(routes > 10_000, "{routes}");
    for name in LoadName::ALL {
        let load = NamedLoad {
            name,
            sys_name: "r".to_owned(),
            elements: 5000,
            prefixes_per_update: None,
            seed: 1,
        }
        .make();
        let mut bytes = Vec::new();
        for piece in load.before.iter().chain(&load.measured) {
            let all: Result<(), std::convert::Infallible> = piece.each_chunk(1 << 20, |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            });
            all.unwrap();
        }
        assert!(compare_with_published(&format!("{name:?}"), &bytes) > 0);
    }
}
