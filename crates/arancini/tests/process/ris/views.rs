//! Which RIB views clients hear of.

use arancini_generate::{Peer, PeerDown, peer_down};
use arancini_wire::bmp::RibView;
use serde_json::json;

use super::client::{Client, announce, router, up, withdraw};
use crate::support::{Rig, peer, router_address};

#[test]
fn a_client_gets_one_view_of_each_peer_or_the_views_that_it_names() {
    let rig = Rig::start(|_| {});
    let (before, after) = (peer(1), peer(1).in_view(RibView::AdjRibInPost));
    let only_after = peer(2).in_view(RibView::AdjRibInPost);
    let sent = peer(1).in_view(RibView::AdjRibOutPost);
    let table = Peer::new([0, 0, 0, 0].into(), 65_000, [192, 0, 2, 254].into()).in_view(RibView::LocRib);
    let mut one = router(&rig, 1, &[before, only_after, table]);
    let mut two = router(&rig, 2, std::slice::from_ref(&table));
    // The peer has routes before policy already when the first client connects.
    one.send(&announce(&before, &["10.0.0.0/8"], &[]));
    rig.until_metric("sink_messages_acknowledged_total", 9);
    let mut usual = Client::subscribed(&rig, json!({"type": "UPDATE"}));
    let mut named = Client::subscribed(&rig, json!({"view": "adj-rib-in-post", "type": "UPDATE"}));
    let view = "/v1/ws?view=loc-rib,adj-rib-out-post";
    let mut by_address = Client::connect_to(rig.control(), view, &[]).unwrap();
    by_address.subscribe(json!({"type": "UPDATE"}));

    one.send(&announce(&after, &["10.1.0.0/16"], &[]));
    one.send(&announce(&only_after, &["10.2.0.0/16"], &[]));
    assert_eq!(named.heard(2), ["+10.1.0.0/16", "+10.2.0.0/16"]);
    assert_eq!(usual.heard(1), ["+10.2.0.0/16"]);
    one.send(&announce(&sent, &["10.3.0.0/16"], &[]));
    assert_eq!(by_address.heard(1), ["+10.3.0.0/16"]);
    one.send(&announce(&table, &["10.4.0.0/16"], &[]));
    assert_eq!(by_address.heard(1), ["+10.4.0.0/16"]);
    two.send(&announce(&table, &["10.5.0.0/16"], &[]));
    let of_table = by_address.next_data();
    assert_eq!(of_table["view"], "loc-rib");
    assert_eq!(of_table["peer"], router_address(2).to_string());
    assert_eq!(usual.heard(1), ["+10.5.0.0/16"]);

    // Once the peer has routes before policy, those after policy are no more to be heard of.
    one.send(&announce(&peer(2), &["10.2.0.0/16"], &[]));
    assert_eq!(usual.heard(1), ["+10.2.0.0/16"]);
    one.send(&withdraw(&only_after, &["10.2.0.0/16"]));
    assert_eq!(named.heard(1), ["-10.2.0.0/16"]);
    one.send(&withdraw(&before, &["10.0.0.0/8"]));
    assert_eq!(usual.heard(1), ["-10.0.0.0/8"]);
}

#[test]
fn a_peer_that_went_down_is_heard_of_in_the_view_in_which_it_comes_back() {
    let rig = Rig::start(|_| {});
    let mut client = Client::subscribed(&rig, json!({"type": "UPDATE"}));
    let (before, after) = (peer(1), peer(1).in_view(RibView::AdjRibInPost));
    let table = Peer::new([0, 0, 0, 0].into(), 65_000, [192, 0, 2, 254].into()).in_view(RibView::LocRib);
    let mut router = router(&rig, 1, &[before, table]);
    router.send(&announce(&before, &["10.0.0.0/8"], &[]));
    assert_eq!(client.heard(1), ["+10.0.0.0/8"]);
    router.send(&peer_down(&before, &PeerDown::RemoteSilent));
    assert_eq!(client.heard(1), ["-10.0.0.0/8"]);
    router.send(&up(&after));
    router.send(&announce(&after, &["10.1.0.0/16"], &[]));
    assert_eq!(client.heard(1), ["+10.1.0.0/16"]);
    // Without a peer, the router has the routes of its Loc-RIB only.
    router.send(&peer_down(&after, &PeerDown::RemoteSilent));
    assert_eq!(client.heard(1), ["-10.1.0.0/16"]);
    router.send(&announce(&table, &["10.2.0.0/16"], &[]));
    assert_eq!(client.heard(1), ["+10.2.0.0/16"]);
}
