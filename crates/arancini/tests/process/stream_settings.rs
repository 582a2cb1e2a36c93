//! Settings of a stream that somebody else has made: `/readyz` and `arancini stream check` say what is wrong with them.

use arancini_bed::NatsServer;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};

use crate::command::Process;
use crate::support::{eventually, runtime};

/// Starts a server that has the stream with these settings.
fn server_with(config: Config) -> Option<NatsServer> {
    let server = NatsServer::start()?;
    runtime().block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let config = Config {
            name: "ARANCINI".to_owned(),
            subjects: vec!["arancini.>".to_owned()],
            ..config
        };
        context.create_stream(config).await.unwrap();
    });
    Some(server)
}

fn stream_check(server: &NatsServer) -> (Option<i32>, String) {
    let output = crate::command::arancini()
        .args(["stream", "check", "--nats", &server.url()])
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_stream_that_is_no_log_is_refused_at_the_start() {
    let queue = Config {
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    let Some(server) = server_with(queue) else { return };
    let ports = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
    let process = Process::spawn(&[&ports[..], &["--nats", &server.url()]].concat(), &[]);
    let answer = process.until_unready("retention = workqueue");
    let problem = &answer["problems"][0];
    assert!(
        problem["remedy"]
            .as_str()
            .unwrap()
            .contains("create a new stream"),
        "{answer}"
    );
    let (code, said) = stream_check(&server);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("fail: retention is workqueue, but should be limits: each message is removed"),
        "{said}"
    );
}

#[test]
fn stream_create_says_whether_it_created_the_stream() {
    let Some(server) = NatsServer::start() else { return };
    for said in ["ARANCINI: created\n", "ARANCINI: exists already, not changed\n"] {
        let output = crate::command::arancini()
            .args(["stream", "create", "--nats", &server.url()])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), said);
    }
    // Nobody reads the output.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let unread = crate::command::arancini()
        .args(["stream", "show", "--nats", &server.url()])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(unread.status.code(), Some(0), "{unread:?}");
    assert!(unread.stderr.is_empty(), "{unread:?}");
}

#[test]
fn a_stream_in_memory_is_used_with_a_warning() {
    let memory = Config {
        storage: StorageType::Memory,
        ..Config::default()
    };
    let Some(server) = server_with(memory) else { return };
    let process = Process::start(&["--nats", &server.url()], &[]);
    process.until_ready();
    let answer: serde_json::Value = serde_json::from_str(&process.get("/readyz").1).unwrap();
    assert_eq!(answer["problems"], serde_json::json!([]));
    let warning = answer["warnings"][0]["cause"].as_str().unwrap();
    assert!(warning.contains("storage = memory"), "{answer}");
    eventually("the log says so too", || {
        process
            .line("a setting of the stream weakens what the collector promises")
            .is_some()
    });
    let (code, said) = stream_check(&server);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("warn: storage is memory, but should be file: "),
        "{said}"
    );
}
