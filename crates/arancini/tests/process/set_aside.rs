//! Routes whose messages are larger than the broker takes: everything else is published, and what consumers miss is
//! repaired as soon as the router says something that fits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_bed::NatsServer;
use arancini_generate::{Attributes, Open, Peer, Prefix, Update, initiation, peer_up, route_monitoring};

use crate::command::Process;
use crate::place::{NEVER, Place};
use crate::support::eventually;

/// More communities than fit into a message of 4096 bytes, and fewer than fit into an UPDATE.
const MANY: u16 = 900;

fn peer() -> Peer {
    Peer::new(
        IpAddr::from([198, 51, 100, 1]),
        64500,
        Ipv4Addr::new(198, 51, 100, 1),
    )
}

fn hello() -> Vec<u8> {
    let open = Open::new(64500, Ipv4Addr::new(198, 51, 100, 1));
    [
        initiation("r", "test"),
        peer_up(&peer(), peer().address, &open, &open),
    ]
    .concat()
}

fn prefix(number: u8) -> Prefix {
    Prefix::new(IpAddr::from([203, 0, 113, number]), 32)
}

fn announce(number: u8, communities: u16) -> Vec<u8> {
    let mut attributes = Attributes::new(&[64500], Ipv4Addr::new(198, 51, 100, 1), Ipv6Addr::UNSPECIFIED);
    attributes.communities = (0..communities).map(|value| (64500, value)).collect();
    route_monitoring(
        &peer(),
        &Update::announce([prefix(number)], attributes).to_bytes(),
    )
}

fn until_set_aside(process: &Process, messages: u64) {
    eventually("the large route is set aside", || {
        process.metric("set_aside_messages_total") == messages
    });
}

#[test]
fn a_route_too_large_for_the_broker_holds_up_nobody_and_is_published_once_it_fits() {
    let Some(server) = NatsServer::start_with("max_payload: 4096\n") else {
        return;
    };
    let place = Place {
        server: Some(server),
        ..Place::files()
    };
    let process = place.start("2", NEVER);
    let mut router = process.connect(1);
    router.send(&[hello(), announce(1, 1), announce(2, MANY), announce(3, 1)].concat());
    until_set_aside(&process, 1);
    let mut other = process.connect(2);
    other.send(&[hello(), announce(4, 1)].concat());
    let has = |router: u8, numbers: &[u8]| {
        let table = place.stored().table(router);
        let wanted: Vec<_> = numbers
            .iter()
            .map(|number| (peer().address, prefix(*number)))
            .collect();
        table.into_keys().collect::<Vec<_>>() == wanted
    };
    eventually("the other routes are published", || {
        has(1, &[1, 3]) && has(2, &[4])
    });
    // Nobody has the route, so the same announce is no repetition.
    router.send(&announce(2, MANY));
    until_set_aside(&process, 2);
    router.send(&announce(2, 1));
    eventually("the route is published once it fits", || has(1, &[1, 2, 3]));
    router.send(&announce(5, MANY));
    until_set_aside(&process, 3);
    let line = process.line(LINE).unwrap();
    assert_eq!(
        (&line["level"], &line["limit"]),
        (&"WARN".into(), &4096.into()),
        "{line}"
    );
    let ended = process.terminate();
    assert_eq!(ended.code, Some(0), "nothing is left behind: {:#?}", ended.lines);
    drop((router, other));

    let tail = crate::command::arancini()
        .args(["tail", "--json", "--from-start", "--no-follow", "--data-dir"])
        .arg(place.directory.path().join("set-aside"))
        .output()
        .unwrap();
    let lines = String::from_utf8(tail.stdout).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.lines().last().unwrap().contains("203.0.113.5"), "{lines}");

    let process = place.start("1", NEVER);
    let mut router = process.connect(1);
    router.send(
        &[
            hello(),
            announce(1, 1),
            announce(2, 1),
            announce(3, 1),
            announce(5, MANY),
        ]
        .concat(),
    );
    until_set_aside(&process, 1);
    assert_eq!(
        process.emitted(),
        1,
        "after a restart, too, only the large route is news"
    );
    assert_eq!(process.terminate().code, Some(0));
}

const LINE: &str = "message set aside: it is larger than the server takes, so consumers do not get it; raise the server's \
                    max_payload";
