//! A resync that is asked for.

use serde_json::Value;

use super::world::{World, post, retain};
use crate::support::{eventually, router_address};

#[test]
fn a_requested_resync_publishes_the_routes_of_a_router_again() {
    let world = World::with(retain);
    let control = world.rig.control();
    let path = format!("routers/{}/resync", router_address(3));
    let begun = post(control, &path);
    assert_eq!(begun.status, 202, "{}", begun.body);
    let begun: Value = serde_json::from_str(&begun.body).unwrap();
    assert_eq!(begun["routes"], 6, "{begun}");
    eventually("all routes are published again", || {
        world.rig.metric("repeated_announces_total") == 6
    });
    let router = world.ask(&format!("routers/{}", router_address(3)));
    assert_eq!((&router["state"], &router["routes"]), (&"up".into(), &6.into()));
    assert_eq!(post(control, "routers/192.0.2.250/resync").status, 404);
    assert_eq!(world.problem(&path, 405)["remedy"], "use POST");

    let lean = World::new();
    let refused = post(lean.rig.control(), &path);
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("rib.attributes"), "{}", refused.body);
}
