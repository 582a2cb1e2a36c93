//! The stream loses messages that it had acknowledged while the collector lives: its store is put back from a copy, as after a
//! power failure before the server had synced its files.

use std::net::{IpAddr, Ipv6Addr};

use arancini_bed::{Backup, NatsServer};
use arancini_client::StreamSource;
use arancini_client::tables::{Held, Nlri, Tables, UnreadableRecord};
use arancini_client::tail::{StreamTail, StreamTailOptions};
use arancini_generate::{Prefix, Scenario};
use arancini_schema::decode::Message;
use arancini_schema::subject::Subject;
use arancini_schema::update_capnp::{RouterEventKind, update};

use crate::place::{NEVER, Place, dump, durable};
use crate::support::{Table, eventually, router_address, small, table_of};

/// What a consumer keeps of a route here.
struct AsPath(Vec<u32>);

impl Held for AsPath {
    fn of_announce(_: &Message<'_>, update: update::Reader<'_>) -> Result<Self, UnreadableRecord> {
        Ok(Self(update.get_as_path()?.iter().collect()))
    }
}

/// Returns a router's table as a consumer has it that reads the stream from the beginning and follows resyncs.
fn consumed(server: &NatsServer, router: u8) -> Table {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tables: Tables<AsPath> = runtime.block_on(async {
        let mut tables = Tables::default();
        let source = StreamSource::new(vec![server.url()]);
        let mut tail = StreamTail::open(source, StreamTailOptions::default())
            .await
            .unwrap();
        while let Some(message) = tail.next().await.unwrap() {
            let kind = Subject::parse("arancini", &message.subject).map(|subject| subject.message_kind());
            if let Some(kind) = kind {
                tables.take(kind, &message.payload).unwrap();
            }
        }
        tables
    });
    let held = tables.router(router_address(router));
    let routes = held
        .into_iter()
        .flat_map(|router| router.tables())
        .flat_map(|table| table.routes().map(move |route| (table.key(), route)));
    let address = |bytes| IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical();
    routes
        .map(|(table, (key, route))| {
            let Nlri::Prefix { address: at, length } = key.nlri else {
                panic!("no prefix: {key:?}")
            };
            let prefix = Prefix::new(address(at), length);
            ((address(table.peer.address), prefix), route.held.0.clone())
        })
        .collect()
}

#[test]
fn routers_of_which_the_stream_lost_acknowledged_messages_are_resynced_and_no_others() {
    let Some(mut place) = Place::stream() else { return };
    let process = place.start("2", NEVER);
    let untouched = dump(&process, 1, &small(1));
    let first = Scenario {
        churn_rounds: 0,
        ..small(2)
    };
    let second = Scenario {
        seed: 3,
        ..first.clone()
    };
    let mut router = dump(&process, 2, &first);
    let backup = Backup::of(place.server.as_mut().unwrap());
    // The stream is going to lose what this router announces now, and the withdraws of what it had before.
    router.is_read();
    let mut router = dump(&process, 2, &second);
    let wanted = table_of(&second);
    eventually("what is not there any more is withdrawn", || {
        durable(&process);
        place.stored().table(2) == wanted
    });
    backup.put_back(place.server.as_mut().unwrap());
    router.is_closed();
    assert_eq!(process.metric("stream_losses_total"), 1);
    let again = dump(&process, 2, &second);
    let server = place.server.as_ref().unwrap();
    eventually("the stream is what the router holds", || {
        consumed(server, 2) == wanted
    });
    let stored = place.stored();
    assert!(stored.events_of(2).contains(&RouterEventKind::ResyncBegin));
    assert!(!stored.events_of(1).contains(&RouterEventKind::ResyncBegin));
    assert_eq!(consumed(server, 1), table_of(&small(1)));
    assert_eq!(
        process.metric("sessions"),
        2,
        "the other router's session goes on"
    );
    let ended = process.terminate();
    let lines = ["the stream lost its newest messages"];
    assert_eq!(
        (ended.code, ended.count(&lines)),
        (Some(0), 1),
        "{:#?}",
        ended.lines
    );
    drop((untouched, again));
}

/// What others write fills the places of the lost messages, so the stream is not shorter than the snapshot says.
#[test]
fn a_start_notices_that_the_stream_lost_what_the_snapshot_lies_behind() {
    let Some(mut place) = Place::stream() else { return };
    let process = place.start("1", NEVER);
    let first = Scenario {
        churn_rounds: 0,
        ..small(2)
    };
    let second = Scenario {
        seed: 3,
        ..first.clone()
    };
    let mut router = dump(&process, 1, &first);
    let backup = Backup::of(place.server.as_mut().unwrap());
    router.is_read();
    let router = dump(&process, 1, &second);
    eventually("what is not there any more is withdrawn", || {
        durable(&process);
        place.stored().table(1) == table_of(&second)
    });
    assert_eq!(
        process.terminate().code,
        Some(0),
        "with a snapshot behind the dump"
    );
    drop(router);
    let server = place.server.as_mut().unwrap();
    backup.put_back(server);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        for _ in 0..500 {
            let sent = context.publish("arancini.strange", "x".into()).await.unwrap();
            sent.await.unwrap();
        }
    });
    let process = place.start("1", NEVER);
    let router = dump(&process, 1, &second);
    let server = place.server.as_ref().unwrap();
    eventually("the stream is what the router holds", || {
        consumed(server, 1) == table_of(&second)
    });
    drop(router);
}
