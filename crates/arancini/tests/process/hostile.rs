//! Clients that are not routers, or that may not connect: their connections are closed and counted, and no router notices.

use std::io::Write;

use arancini_collector::config::{Config, IpPrefix};
use arancini_generate::{initiation, route_monitoring, termination};

use crate::command::Process;
use crate::support::{
    Rig, Router, Stored, eventually, on_each_ingest, peer, router_address, small, table_of,
};

/// The number of the honest router.
const HONEST: u8 = 200;

/// A router that sends the first half of its stream before something happens and the rest after.
struct Honest {
    session: Router,
    rest: Vec<u8>,
}

impl Honest {
    fn begin(rig: &Rig) -> Self {
        let mut session = rig.connect(HONEST);
        let mut bytes = small(9).to_bytes();
        let rest = bytes.split_off(bytes.len() / 2);
        session.send(&bytes);
        Self { session, rest }
    }

    /// Ends it all and looks at what came of the honest router's stream.
    fn end(mut self, rig: Rig) -> Stored {
        self.session.send(&self.rest);
        assert_eq!(rig.metric("sessions"), 1);
        self.session.is_read();
        let stored = rig.stop();
        assert_eq!(stored.of(HONEST).len() as u64, small(9).expected().emitted());
        assert_eq!(stored.table(HONEST), table_of(&small(9)));
        stored
    }
}

/// A host prefix of a router.
fn only(router: u8) -> IpPrefix {
    format!("{}/32", router_address(router)).parse().unwrap()
}

#[test]
fn what_is_not_bmp_is_closed_and_counted() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| ingest.set(config));
        let honest = Honest::begin(&rig);
        let too_long = [&[3], 0xffff_ffff_u32.to_be_bytes().as_slice(), &[0]].concat();
        let after_a_message = [initiation("strange", "test"), vec![0; 100]].concat();
        let first_bytes: [&[u8]; 6] = [
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            &[4, 0, 0, 0, 6, 4],
            &[3, 0, 0, 0, 5, 4],
            &too_long,
            &after_a_message,
        ];
        for (count, bytes) in first_bytes.into_iter().enumerate() {
            let mut client = rig.connect(1 + count as u8);
            client.try_send(bytes);
            client.is_closed();
            rig.until_metric("connections_ended_total{reason=\"framing\"}", 1 + count as u64);
        }
        let stored = honest.end(rig);
        assert_eq!(stored.tables().len(), 1, "nobody else announced anything");
    });
}

/// RFC 7854 §4.5: the station closes the session after a Termination. The router here would go on for ever.
#[test]
fn a_router_that_goes_on_after_its_termination_is_closed_and_comes_back() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| ingest.set(config));
        let honest = Honest::begin(&rig);
        let mut router = rig.connect(1);
        let (before, behind) = (small(3), small(4));
        router.send(&[before.to_bytes(), termination(0)].concat());
        router.try_send(&behind.to_bytes());
        router.is_closed();
        rig.until_metric("connections_ended_total{reason=\"terminated\"}", 1);
        rig.until_metric("sessions", 1);
        let mut again = rig.connect(1);
        again.send(&before.to_bytes());
        rig.until_metric("sessions", 2);
        drop(again);
        rig.until_metric("sessions", 1);
        let stored = honest.end(rig);
        assert_eq!(
            stored.table(1),
            table_of(&before),
            "nothing behind the Termination"
        );
    });
}

#[test]
fn unknown_types_and_unreadable_updates_cost_the_message_only() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| ingest.set(config));
        let honest = Honest::begin(&rig);
        let mut router = rig.connect(1);
        let scenario = small(3);
        router.send(&[3, 0, 0, 0, 10, 200, 1, 2, 3, 4]);
        router.send(&scenario.to_bytes());
        // A BGP header of sixteen octets that are no marker, and a message type that is cut short.
        router.send(&route_monitoring(&peer(1), &[0xab; 19]));
        router.send(&[3, 0, 0, 0, 6, 255]);
        rig.until_metric("bmp_messages_total{type=\"unknown\"}", 2);
        rig.until_metric("malformed_messages_total", 1);
        assert_eq!(rig.metric("connections_ended_total{reason=\"framing\"}"), 0);
        drop(router);
        rig.until_metric("sessions", 1);
        let stored = honest.end(rig);
        assert_eq!(stored.malformed, 1, "it is published raw");
        assert_eq!(stored.table(1), table_of(&scenario));
    });
}

#[test]
fn who_does_not_come_to_the_point_is_closed() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.limits.handshake_timeout_ms = 100;
        });
        let honest = Honest::begin(&rig);
        let mut silent = rig.connect(1);
        let mut half = rig.connect(2);
        half.send(&initiation("half", "test")[..3]);
        let mut trickle = rig.connect(3);
        // A message that would take for ever.
        trickle.send(&[3, 0, 0, 0xff, 0xff, 4]);
        let drip = std::thread::spawn({
            let mut stream = trickle.stream.try_clone().unwrap();
            move || while stream.write_all(&[0]).is_ok() {}
        });
        half.is_closed();
        silent.is_closed();
        drip.join().unwrap();
        trickle.is_closed();
        rig.until_metric("sessions", 1);
        // The dripping client may fill its message before its time is over; then it is a router with a strange name.
        let timeouts = rig.metric("connections_ended_total{reason=\"handshake_timeout\"}");
        assert!(timeouts >= 2, "{timeouts}");
        honest.end(rig);
    });
}

/// Two workers share 64 MiB for unfinished messages, and all connections of a router are on one of them.
#[test]
fn the_connection_with_the_longest_unfinished_message_is_closed_counted_and_logged() {
    const MIB: u32 = 1 << 20;
    const ENDED: &str = "connections_ended_total{reason=\"unfinished_message\"}";
    // A message of this length without its last byte.
    let unfinished = |length: u32| {
        let mut bytes = [&[3], length.to_be_bytes().as_slice(), &[4]].concat();
        bytes.resize(length as usize - 1, 0);
        bytes
    };
    let environment = [("ARANCINI_LIMITS__MAX_MESSAGE_BYTES", "33554432")];
    let process = Process::start(&["--workers", "2"], &environment);
    let mut session = process.connect(1);
    let bytes = [initiation("router", "test"), unfinished(20 * MIB)].concat();
    session.send(&bytes);
    eventually("all bytes are received", || {
        process.metric("received_bytes_total") == bytes.len() as u64
    });
    assert_eq!(process.metric(ENDED), 0);
    let mut before_session = process.connect(1);
    before_session.try_send(&unfinished(25 * MIB));
    session.is_closed();
    eventually("the session's end is counted", || process.metric(ENDED) == 1);
    let mut shorter = process.connect(1);
    shorter.try_send(&unfinished(10 * MIB));
    before_session.is_closed();
    eventually("the other end is counted", || process.metric(ENDED) == 2);
    let ended = process.terminate();
    assert_eq!(ended.code, Some(0));
    let line = "connection closed: unfinished BMP messages of this worker's connections exceeded budget_bytes, and \
                this connection held the most";
    assert_eq!(
        ended.count(&[line, "\"budget_bytes\":33554432"]),
        2,
        "{:?}",
        ended.lines
    );
}

#[test]
fn who_falls_silent_is_closed_where_that_is_wanted() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.limits.idle_timeout_ms = 100;
        });
        let mut router = rig.connect(1);
        let scenario = small(4);
        router.send(&scenario.to_bytes());
        router.is_closed();
        rig.until_metric("connections_ended_total{reason=\"idle_timeout\"}", 1);
        assert_eq!(
            rig.metric("connections_ended_total{reason=\"handshake_timeout\"}"),
            0
        );
        let stored = rig.stop();
        assert_eq!(stored.table(1), table_of(&scenario), "its routes are held");
    });
}

#[test]
fn only_sources_on_the_list_get_in() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config: &mut Config| {
            ingest.set(config);
            config.limits.allow = vec![only(HONEST), only(1)];
        });
        let honest = Honest::begin(&rig);
        let mut stranger = rig.connect(2);
        stranger.try_send(&small(5).to_bytes());
        stranger.is_closed();
        assert_eq!(rig.metric("connections_refused_total{reason=\"not_allowed\"}"), 1);
        let mut listed = rig.connect(1);
        listed.send(&small(5).to_bytes());
        listed.is_read();
        rig.until_metric("sessions", 1);
        let stored = honest.end(rig);
        assert_eq!(stored.table(1), table_of(&small(5)));
        assert!(stored.table(2).is_empty());
    });
}

#[test]
fn there_are_only_so_many_sessions() {
    on_each_ingest(|ingest| {
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.limits.max_sessions = 3;
            config.limits.max_sessions_per_source = 1;
        });
        let honest = Honest::begin(&rig);
        let first = rig.connect(1);
        rig.until_metric("connections_accepted_total", 2);
        let mut again = rig.connect(1);
        again.is_closed();
        assert_eq!(
            rig.metric("connections_refused_total{reason=\"too_many_from_source\"}"),
            1
        );
        let second = rig.connect(2);
        rig.until_metric("connections_accepted_total", 3);
        let mut third = rig.connect(3);
        third.is_closed();
        assert_eq!(
            rig.metric("connections_refused_total{reason=\"too_many_sessions\"}"),
            1
        );
        // A place that becomes free can be taken.
        drop(first);
        rig.until_metric("connections_ended_total{reason=\"closed\"}", 1);
        let mut third = rig.connect(3);
        third.send(&small(6).to_bytes());
        third.is_read();
        drop(second);
        rig.until_metric("sessions", 1);
        let stored = honest.end(rig);
        assert_eq!(stored.table(3), table_of(&small(6)));
    });
}
