//! What a router knows of its peers, tables and subjects.

use arancini_rib::CurationMode;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use super::*;
use crate::batcher::BatchSettings;

#[test]
fn a_barrier_costs_what_is_open_and_not_what_ever_was() {
    let mut batcher = Batcher::new(0, BatchSettings::default());
    let mut router = Router::new(IpAddr::from([192, 0, 2, 1]), 0);
    let subjects: Vec<SubjectId> = (0..10_000)
        .map(|asn| {
            let identity = PeerIdentity {
                peer_type: 0,
                distinguisher: [0; 8],
                address: [0; 16],
                bgp_id: asn,
            };
            router.add_peer(identity, asn);
            router.subject(SubjectKey::Peers(asn), "base", &mut batcher)
        })
        .collect();
    for barrier in 0..100 {
        for &subject in &subjects[barrier..barrier + 3] {
            batcher.append(subject, router.next_sequence(), 0, |out| out.push(0));
        }
        router.close_batches(&mut batcher);
    }
    assert_eq!(std::iter::from_fn(|| batcher.pop()).count(), 300);
    assert!(
        batcher.visited <= 300,
        "{} subjects were visited for 300 open batches",
        batcher.visited
    );
    router.release_subjects(&mut batcher);
}

/// A peer that came up with 10,000 AS numbers, one after the other, once made 10,000 subjects that were kept.
#[test]
fn subjects_that_no_table_and_no_peer_needs_are_released() {
    let mut batcher = Batcher::new(0, BatchSettings::default());
    let mut router = Router::new(IpAddr::from([192, 0, 2, 1]), 0);
    let identity = PeerIdentity {
        peer_type: 0,
        distinguisher: [0; 8],
        address: [0; 16],
        bgp_id: 1,
    };
    let peer = router.add_peer(identity, 0);
    let family = AfiSafi::IPV4_UNICAST;
    let of_table = router.subject(SubjectKey::Updates(7, family), "base", &mut batcher);
    let key = TableKey::new(identity, 7, RibView::AdjRibInPre, family);
    let table = PeerTable::new(key, of_table, false, CurationMode::Attributes);
    router.peers[peer].add_table(table);
    for asn in 0..10_000 {
        router.peers[peer].asn = asn;
        let subject = router.subject(SubjectKey::Peers(asn), "base", &mut batcher);
        batcher.append(subject, router.next_sequence(), 0, |out| out.push(0));
        assert!(router.subjects.len() < 1000, "{} subjects", router.subjects.len());
    }
    batcher.close_all();
    assert_eq!(
        std::iter::from_fn(|| batcher.pop()).count(),
        10_000,
        "nothing is lost"
    );
    let again = router.subject(SubjectKey::Updates(7, family), "base", &mut batcher);
    assert_eq!(again, of_table, "the subject of a table stays");
}

/// The oldest identity was forgotten although a table had it in its key, and no look-up by key found the table any more.
#[test]
fn an_identity_that_a_table_has_in_its_key_is_not_forgotten() {
    let mut router = Router::new(IpAddr::from([192, 0, 2, 1]), 0);
    let identity = |bgp_id| PeerIdentity {
        peer_type: 0,
        distinguisher: [0; 8],
        address: [0; 16],
        bgp_id,
    };
    let peer = router.add_peer(identity(0), 7);
    let key = TableKey::new(identity(1), 7, RibView::AdjRibInPre, AfiSafi::IPV4_UNICAST);
    router.note_identity(peer, key.peer);
    let table = PeerTable::new(key, SubjectId::NONE, false, CurationMode::Attributes);
    router.peers[peer].add_table(table);
    for bgp_id in 2..1000 {
        router.identify_peer(peer, identity(bgp_id));
        router.identify_peer(peer, identity(0));
    }
    assert!(router.find_table(&key).is_some());
    assert_eq!(router.peers[peer].other_identities.len(), MOST_OTHER_IDENTITIES);
}
