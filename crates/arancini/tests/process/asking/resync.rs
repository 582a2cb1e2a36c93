//! A resync that is asked for.

use std::net::SocketAddr;

use arancini_bed::port::Port;
use serde_json::Value;

use super::world::{World, post, retain};
use crate::command::arancini;
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
    for (part, status, says) in [
        ("peer=192.0.2.1&family=ipv4-unicast", 202, "\"routes\":3"),
        ("peer=192.0.2.9", 404, "has no such peer"),
        ("view=loc-rib", 400, "name the peer too"),
        ("limit=1", 400, "the parameters here are peer, view, family"),
    ] {
        eventually("no resync is under way", || {
            world.rig.metric("repeated_announces_total") >= 6
        });
        let answer = post(control, &format!("{path}?{part}"));
        assert_eq!(answer.status, status, "{part}: {}", answer.body);
        assert!(answer.body.contains(says), "{part}: {}", answer.body);
    }
    eventually("the routes of the peer are published again", || {
        world.rig.metric("repeated_announces_total") == 9
    });

    let lean = World::new();
    let refused = post(lean.rig.control(), &path);
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("rib.attributes"), "{}", refused.body);
}

#[test]
fn the_command_resync_says_what_the_collector_answers() {
    let resync = |control: SocketAddr, arguments: &[&str]| {
        let control = format!("http://{control}");
        let mut command = arancini();
        command.args(["resync", "--control", &control]).args(arguments);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("act");
    std::fs::write(&token, "0123456789abcdef").unwrap();
    let world = World::with(|config| {
        retain(config);
        config.control.act_token_file = Some(token.clone());
    });
    let control = world.rig.control();
    let router = router_address(3).to_string();
    let (code, _, said) = resync(control, &[&router]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("control.act_token_file"), "{said}");
    let token = token.to_str().unwrap();
    let (code, printed, said) = resync(control, &[&router, "--token-file", token]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        printed,
        format!("resync of {router} begun: 6 routes are published between resync-begin and resync-end\n")
    );
    eventually("all routes are published again", || {
        world.rig.metric("repeated_announces_total") == 6
    });
    let (code, _, said) = resync(control, &["192.0.2.250", "--token-file", token]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        said,
        "arancini: there is no router 192.0.2.250; /api/v1/routers lists the routers\n"
    );

    let lean = World::new();
    let (code, _, said) = resync(lean.rig.control(), &[&router]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("set rib.attributes = \"retain\""), "{said}");
    // Nothing listens on a port that is only reserved.
    let nobody = Port::reserve().unwrap();
    let (code, _, said) = resync(SocketAddr::from(([127, 0, 0, 1], nobody.number())), &[&router]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no collector answers"), "{said}");
}
