//! `publish.format = "json"` (`docs/nats.md`, "JSON"): a consumer that knows nothing but JSON has the routers' tables, and a restarted
//! collector continues from what it published as JSON.

use std::collections::BTreeMap;
use std::net::IpAddr;

use arancini_bed::NatsServer;
use async_nats::jetstream::{self, consumer::pull};
use futures_util::StreamExt;
use serde_json::Value;

use crate::place::{NEVER, OFTEN, Place, dump, durable};
use crate::support::{Table, eventually, router_address, runtime, small, table_of};

const JSON: (&str, &str) = ("ARANCINI_PUBLISH__FORMAT", "json");

/// The tables of all routers as a consumer keeps them that reads each line of each message as JSON. Fails if a payload is something else.
fn json_tables(server: &NatsServer) -> BTreeMap<IpAddr, Table> {
    let messages = runtime().block_on(async {
        let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let stream = context.get_stream("ARANCINI").await.unwrap();
        let config = pull::OrderedConfig {
            filter_subject: "arancini.updates.>".to_owned(),
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let count = usize::try_from(consumer.cached_info().num_pending).unwrap();
        let messages = consumer.messages().await.unwrap().take(count);
        messages.map(Result::unwrap).collect::<Vec<_>>().await
    });
    let mut tables = BTreeMap::<IpAddr, Table>::new();
    let mut last = BTreeMap::<(IpAddr, String), u64>::new();
    for message in messages {
        let headers = message.headers.as_ref().unwrap();
        assert_eq!(
            headers.get("Content-Type").unwrap().as_str(),
            "application/x-ndjson"
        );
        for line in std::str::from_utf8(&message.payload).unwrap().lines() {
            let update: Value = serde_json::from_str(line).unwrap();
            let text = |member: &str| update[member].as_str().unwrap();
            let router = text("routerAddr").parse().unwrap();
            let sequence: u64 = text("sequence").parse().unwrap();
            let before = last.insert((router, message.subject.to_string()), sequence);
            assert!(before < Some(sequence), "out of order or twice: {line}");
            let (address, length) = text("prefix").split_once('/').unwrap();
            let prefix = arancini_generate::Prefix::new(address.parse().unwrap(), length.parse().unwrap());
            let route = (text("peerAddr").parse().unwrap(), prefix);
            let table = tables.entry(router).or_default();
            if update["announced"] == true {
                let path = update["asPath"].as_array().unwrap().iter();
                let path = path.map(|asn| u32::try_from(asn.as_u64().unwrap()).unwrap());
                table.insert(route, path.collect());
            } else {
                assert!(table.remove(&route).is_some(), "withdrawn but not there: {line}");
            }
        }
    }
    tables
}

/// Killed with a snapshot, and with none at all: then the whole stream, which is JSON, is read back.
#[test]
fn a_killed_collector_that_publishes_json_publishes_exactly_what_changed_while_it_was_down() {
    for interval in [NEVER, OFTEN] {
        let Some(place) = Place::stream() else { return };
        let (first, second) = (small(5), small(6));
        let process = place.start_with("2", interval, &[JSON]);
        let router = dump(&process, 1, &first);
        if interval == OFTEN {
            let before = process.metric("snapshots_total");
            eventually("a snapshot is complete", || {
                process.metric("snapshots_total") > before + 1
            });
        }
        process.kill();
        drop(router);
        let server = place.server.as_ref().unwrap();
        let consumed = || json_tables(server).remove(&router_address(1)).unwrap_or_default();
        assert_eq!(consumed(), table_of(&first));

        let process = place.start_with("1", interval, &[JSON]);
        assert_eq!(
            process.metric("restored_routes"),
            table_of(&first).len() as u64,
            "none is lost"
        );
        let router = dump(&process, 1, &second);
        let wanted = table_of(&second);
        eventually("what is not there any more is withdrawn", || {
            durable(&process);
            consumed() == wanted
        });
        assert_eq!(place.stored().table(1), wanted, "nothing is announced twice");
        process.kill();
        drop(router);

        // Another format continues in the same stream, and JSON after it.
        for settings in [&[][..], &[JSON]] {
            let process = place.start_with("1", interval, settings);
            assert_eq!(process.metric("restored_routes"), wanted.len() as u64);
            drop(dump(&process, 1, &second));
            assert_eq!(process.terminate().code, Some(0));
        }
        assert_eq!(place.stored().table(1), wanted);
    }
}

/// Killed during an outage of the server, with a dump in its spool.
#[test]
fn json_that_waits_in_the_spool_is_published_once_after_a_kill() {
    let Some(mut place) = Place::stream() else { return };
    let settings = [
        JSON,
        ("ARANCINI_PUBLISH__ON_FULL", "spool"),
        ("ARANCINI_PUBLISH__MAX_BATCH_BYTES", "16384"),
        ("ARANCINI_PUBLISH__WINDOW_BYTES", "65536"),
    ];
    let process = place.start_with("2", NEVER, &settings);
    let mut router = process.connect(1);
    place.server.as_mut().unwrap().stop();
    let scenario = small(5);
    let sent = router.send(&scenario.to_bytes()) as u64;
    eventually("the dump waits", || {
        process.metric("received_bytes_total") == sent && process.metric("spool_batches") > 0
    });
    process.kill();
    drop(router);
    place.server.as_mut().unwrap().resume();
    let process = place.start_with("1", NEVER, &settings);
    assert!(process.metric("restored_routes") > 0, "from the spool");
    let router = dump(&process, 1, &scenario);
    let wanted = table_of(&scenario);
    let server = place.server.as_ref().unwrap();
    eventually("the stream is what the router holds", || {
        json_tables(server).remove(&router_address(1)).as_ref() == Some(&wanted)
    });
    assert_eq!(place.stored().table(1), wanted, "nothing is announced twice");
    process.kill();
    drop(router);
}
