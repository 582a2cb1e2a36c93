//! The example `follow` against a real nats-server: tables with a resync, a message that is no batch, and a stream that has lost its
//! first messages.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::{Command, Output};

use arancini_bed::NatsServer;
use arancini_schema::update_capnp::{RouterEventKind, router_event, update};
use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream};

const UPDATES: &str = "arancini.updates.v4_192_0_2_1.64512.1_1";
const ROUTER: &str = "arancini.routers.v4_192_0_2_1";

fn address(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, last]);
    address
}

fn announce(prefix: u8, sequence: u64) -> Vec<u8> {
    let mut message = capnp::message::Builder::new_default();
    let mut update = message.init_root::<update::Builder<'_>>();
    update.set_router_addr(&address(1));
    update.set_peer_addr(&address(2));
    update.set_prefix_addr(&address(prefix));
    update.set_prefix_len(32);
    update.set_afi(1);
    update.set_safi(1);
    update.set_announced(true);
    update.set_sequence(sequence);
    capnp::serialize::write_message_to_words(&message)
}

fn resync(kind: RouterEventKind, sequence: u64) -> Vec<u8> {
    let mut message = capnp::message::Builder::new_default();
    let mut event = message.init_root::<router_event::Builder<'_>>();
    event.set_router_addr(&address(1));
    event.set_kind(kind);
    event.set_sequence(sequence);
    capnp::serialize::write_message_to_words(&message)
}

/// Publishes messages as a collector does.
async fn publish(context: &jetstream::Context, messages: &[(&'static str, Vec<u8>)]) {
    let mut headers = HeaderMap::new();
    headers.insert("Arancini-Collector", "test");
    for (subject, payload) in messages {
        let published = context.publish_with_headers(*subject, headers.clone(), payload.clone().into());
        published.await.unwrap().await.unwrap();
    }
}

/// Runs the example to the end of the stream.
fn follow(server: &NatsServer) -> Output {
    // target/PROFILE/deps/this-test, beside target/PROFILE/examples
    let test = std::env::current_exe().unwrap();
    let folder: PathBuf = test
        .parent()
        .and_then(|deps| deps.parent())
        .unwrap()
        .join("examples");
    Command::new(folder.join("follow"))
        .arg(server.url())
        .output()
        .unwrap()
}

#[test]
fn follow_prints_the_tables_and_says_which_routers_are_not_whole() {
    let Some(server) = NatsServer::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let context = runtime.block_on(async {
        let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let config = stream::Config {
            name: "ARANCINI".to_owned(),
            subjects: vec!["arancini.>".to_owned()],
            ..stream::Config::default()
        };
        context.create_stream(config).await.unwrap();
        let messages = [
            (UPDATES, [announce(10, 1), announce(11, 2)].concat()),
            (UPDATES, b"no message".to_vec()),
            (ROUTER, resync(RouterEventKind::ResyncBegin, 3)),
            (UPDATES, announce(10, 4)),
            (ROUTER, resync(RouterEventKind::ResyncEnd, 5)),
        ];
        publish(&context, &messages).await;
        context
    });
    let output = follow(&server);
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{err}");
    assert_eq!(
        out, "routes of 192.0.2.1: 1\n",
        "the resync has swept the other route"
    );
    assert!(err.contains("message 2 of the stream"), "{err}");
    assert!(err.contains("3 updates, "), "{err}");

    runtime.block_on(async {
        let stream = context.get_stream("ARANCINI").await.unwrap();
        stream.purge().sequence(4).await.unwrap();
    });
    let out = String::from_utf8(follow(&server).stdout).unwrap();
    assert!(
        out.contains("routes of 192.0.2.1 may be missing; ask for them: arancini resync 192.0.2.1"),
        "{out}"
    );
}
