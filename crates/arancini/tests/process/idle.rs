//! A collector that has nothing to do takes no processor.

use arancini_bed::NatsServer;
use arancini_generate::Scenario;

use crate::command::Process;
use crate::support::{eventually, small};

/// Looks in a row at which all threads must be asleep: a thread that yields the processor until something comes (as
/// kanal's `recv_timeout` does) is at none of them.
const LOOKS: u32 = 20;

/// Starts it, sends it something, and waits until all of its threads sleep, with the router still connected.
fn sleeps(arguments: &[&str]) {
    let process = Process::start(arguments, &[]);
    process.until_ready();
    let scenario: Scenario = small(1);
    let mut router = process.connect(1);
    router.send(&scenario.to_bytes());
    eventually("everything is published", || {
        process.emitted() == scenario.expected().emitted()
    });
    let mut asleep = 0;
    eventually("all threads sleep", || {
        asleep = if process.runs() { 0 } else { asleep + 1 };
        asleep == LOOKS
    });
}

#[test]
fn a_sink_that_waits_sleeps() {
    for sink in ["file", "stdout", "null"] {
        sleeps(&["--sink", sink]);
    }
}

#[test]
fn a_sink_that_waits_sleeps_with_nats() {
    let Some(server) = NatsServer::start() else { return };
    sleeps(&["--nats", &server.url()]);
}
