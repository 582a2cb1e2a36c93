//! Target `opaque`: routes of families without prefixes, whose NLRI has attributes among the octets of its key.
//!
//! Input: an NLRI field, then the seed of the changes (1) and the family (1). The field is announced, announced again with
//! other attribute octets, and withdrawn with yet others. No route may become two, and none may stay.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use arancini_core::{Counters, Now, Settings, Shard};
use arancini_generate::{Open, Peer, Random, initiation, peer_up, route_monitoring};
use arancini_rib::CurationMode;
use arancini_wire::bgp::nlri::{self, Nlri, OpaqueBuffer, Route, split_opaque};
use arancini_wire::iana::AfiSafi;

use crate::input::Input;
use crate::stream::Stream;

/// Families without prefixes.
pub const FAMILIES: [AfiSafi; 12] = [
    AfiSafi::EVPN,
    AfiSafi::new(1, 85),
    AfiSafi::new(2, 85),
    AfiSafi::ROUTE_TARGET,
    AfiSafi::IPV4_FLOWSPEC,
    AfiSafi::new(2, 133),
    AfiSafi::new(1, 134),
    AfiSafi::BGP_LS,
    AfiSafi::new(25, 65),
    AfiSafi::new(1, 5),
    AfiSafi::new(1, 73),
    AfiSafi::new(1, 77),
];

/// Longest field. Longer ones give nothing new.
const MOST_OCTETS: usize = 1024;
/// Octets of a field that may change at a time.
const CHANGES: usize = 64;

/// Announces and withdraws the field.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let family = FAMILIES[usize::from(input.byte()) % FAMILIES.len()];
    let mut random = Random::new(u64::from(input.byte()));
    let field = input.rest();
    if field.is_empty() || field.len() > MOST_OCTETS {
        return;
    }
    let Some(keys) = keys(family, field) else {
        return;
    };
    let mut shard = Shard::new(1, Settings::default(), Arc::new(Counters::default()));
    let now = Now::default();
    let router = IpAddr::from([192, 0, 2, 1]);
    let session = shard.handle_connect(router, 50_000, now);
    let say = |shard: &mut Shard, bytes: &[u8]| {
        let taken = shard.handle_all_bytes(session, bytes, now);
        taken.expect("a well-formed message ends no session");
        shard.router(router).map_or(0, arancini_core::Router::routes)
    };
    say(&mut shard, &initiation("r1", "fuzz"));
    let (peer, open) = peer();
    say(
        &mut shard,
        &peer_up(&peer, Ipv4Addr::LOCALHOST.into(), &open, &open),
    );
    let announced = say(&mut shard, &announce(&peer, family, field));
    // A field that RFC 7606 does not let pass is no route at all.
    if announced == 0 {
        return;
    }
    assert_eq!(announced, keys.len(), "{family}: one route for each key");
    let again = with_other_attributes(family, field, &mut random);
    let held = say(&mut shard, &announce(&peer, family, &again));
    assert_eq!(held, keys.len(), "{family}: other attributes are no other route");
    let gone = with_other_attributes(family, field, &mut random);
    let held = say(&mut shard, &withdraw(&peer, family, &gone));
    assert_eq!(held, 0, "{family}: a withdraw may have any attributes");

    shard.handle_flush(now);
    let mut stream = Stream::default();
    while let Some(batch) = shard.poll_batch() {
        stream.batch(&batch, "arancini");
    }
    assert_eq!(stream.replay(CurationMode::Attributes), 0, "no ghost stays");
}

/// The keys of all routes of a field; `None` if the field can't be read, or has something else than opaque routes.
fn keys(family: AfiSafi, field: &[u8]) -> Option<BTreeSet<Vec<u8>>> {
    let mut keys = BTreeSet::new();
    for nlri in nlri::iter(family, field, false) {
        let Ok(Nlri {
            route: Route::Opaque(raw),
            ..
        }) = nlri
        else {
            return None;
        };
        keys.insert(split_opaque(family, raw, &mut OpaqueBuffer::new()).key.to_vec());
    }
    Some(keys)
}

/// The field with other octets wherever the keys of its routes stay the same.
fn with_other_attributes(family: AfiSafi, field: &[u8], random: &mut Random) -> Vec<u8> {
    let all = keys(family, field);
    let mut changed = field.to_vec();
    for _ in 0..CHANGES {
        let at = random.below(field.len() as u32) as usize;
        let before = changed[at];
        changed[at] = [0, random.next_u64() as u8][random.below(2) as usize];
        if keys(family, &changed) != all {
            changed[at] = before;
        }
    }
    changed
}

fn peer() -> (Peer, Open) {
    let address = Ipv4Addr::new(203, 0, 113, 1);
    (
        Peer::new(address.into(), 64_500, address),
        Open::new(64_500, address),
    )
}

fn announce(peer: &Peer, family: AfiSafi, field: &[u8]) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8];
    attribute(
        14,
        &[&[4, 192, 0, 2, 1, 0], field].concat(),
        family,
        &mut attributes,
    );
    update(peer, &attributes)
}

fn withdraw(peer: &Peer, family: AfiSafi, field: &[u8]) -> Vec<u8> {
    let mut attributes = Vec::new();
    attribute(15, field, family, &mut attributes);
    update(peer, &attributes)
}

/// Writes MP_REACH_NLRI or MP_UNREACH_NLRI (RFC 4760).
fn attribute(type_code: u8, value: &[u8], family: AfiSafi, out: &mut Vec<u8>) {
    out.extend([0x90, type_code]);
    out.extend((value.len() as u16 + 3).to_be_bytes());
    out.extend(family.afi.to_be_bytes());
    out.push(family.safi);
    out.extend(value);
}

fn update(peer: &Peer, attributes: &[u8]) -> Vec<u8> {
    let mut update = vec![0xff; 16];
    update.extend((attributes.len() as u16 + 23).to_be_bytes());
    update.extend([2, 0, 0]);
    update.extend((attributes.len() as u16).to_be_bytes());
    update.extend(attributes);
    route_monitoring(peer, &update)
}
