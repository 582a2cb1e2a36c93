//! What connects from the address of a router that has a session: only a whole BMP message makes it the router's session.

use arancini_generate::initiation;
use arancini_schema::update_capnp::RouterEventKind;

use crate::support::{Ingest, Rig, Router, on_each_ingest, small, table_of};

const ROUTER: u8 = 1;
/// The number of the router's scenario.
const SEED: u64 = 7;

/// A router in the middle of its session.
struct Live {
    rig: Rig,
    router: Router,
    rest: Vec<u8>,
}

impl Live {
    fn begin(ingest: Ingest) -> Self {
        let rig = Rig::start(|config| ingest.set(config));
        let mut rest = small(SEED).to_bytes();
        let begin = rest.drain(..rest.len() / 2).collect::<Vec<u8>>();
        let mut router = rig.connect(ROUTER);
        router.send(&begin);
        rig.received(begin.len());
        Self { rig, router, rest }
    }

    /// Sends the rest of the session, and checks that the session was never disturbed. So many other connections have ended.
    fn end(mut self, without_message: u64) {
        self.router.send(&self.rest);
        self.rig.received(small(SEED).to_bytes().len());
        assert_eq!(self.rig.metric("connections_ended_total{reason=\"replaced\"}"), 0);
        self.rig
            .until_metric("connections_without_message_total", without_message);
        assert_eq!(self.rig.metric("sessions"), 1);
        let stored = self.rig.stop();
        let events = [RouterEventKind::SessionOpened, RouterEventKind::Initiation];
        assert_eq!(stored.events_of(ROUTER), events);
        assert_eq!(stored.updates.len() as u64, small(SEED).expected().emitted());
        assert_eq!(stored.table(ROUTER), table_of(&small(SEED)));
    }
}

#[test]
fn an_empty_connect_does_not_end_the_live_session() {
    on_each_ingest(|ingest| {
        let live = Live::begin(ingest);
        for count in 1..=3 {
            drop(live.rig.connect(ROUTER));
            live.rig
                .until_metric("connections_ended_total{reason=\"closed\"}", count);
        }
        let _silent = live.rig.connect(ROUTER);
        live.rig.until_metric("connections_accepted_total", 5);
        live.end(3);
    });
}

#[test]
fn half_a_message_does_not_end_the_live_session() {
    on_each_ingest(|ingest| {
        let live = Live::begin(ingest);
        let message = initiation("half", "test");
        for (length, count) in (1..message.len()).zip(1..) {
            live.rig.connect(ROUTER).send(&message[..length]);
            live.rig
                .until_metric("connections_ended_total{reason=\"closed\"}", count);
        }
        let mut other = live.rig.connect(ROUTER);
        other.send(b"GET / HTTP/1.1\r\n\r\n");
        other.is_closed();
        live.rig
            .until_metric("connections_ended_total{reason=\"framing\"}", 1);
        live.end(message.len() as u64);
    });
}

#[test]
fn the_first_whole_message_replaces_the_session() {
    on_each_ingest(|ingest| {
        let Live {
            rig,
            router: mut first,
            rest,
        } = Live::begin(ingest);
        let bytes = small(SEED).to_bytes();
        let message = initiation("router", "test");
        let mut second = rig.connect(ROUTER);
        for byte in &message[..message.len() - 1] {
            second.send(&[*byte]);
        }
        rig.until_metric("connections_accepted_total", 2);
        let (more, after) = rest.split_at(rest.len() / 2);
        first.send(more);
        rig.received(bytes.len() - after.len());
        rig.until_metric("connections_waiting", 1);
        second.send(&message[message.len() - 1..]);
        first.is_closed();
        rig.until_metric("connections_ended_total{reason=\"replaced\"}", 1);
        rig.until_metric("connections_waiting", 0);
        second.send(&bytes);
        rig.received(2 * bytes.len() - after.len() + message.len());
        let stored = rig.stop();
        assert_eq!(stored.table(ROUTER), table_of(&small(SEED)));
        let events = stored.events_of(ROUTER);
        let opened = events
            .iter()
            .filter(|kind| **kind == RouterEventKind::SessionOpened);
        assert_eq!(opened.count(), 2, "{events:?}");
    });
}
