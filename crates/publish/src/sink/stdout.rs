//! The sink `stdout`: JSON Lines. When the reader of standard output is gone, the collector shuts down.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use arancini_client::{Reason, Trouble};
use arancini_core::Batch;
use arancini_schema::decode::Messages;
use arancini_schema::json::write_message;
use tracing::{error, info};

use super::receipt::{Receipt, taken};
use crate::hooks::Hooks;
use crate::input::{BlockingInput, Given};
use crate::status::SinkStatus;

pub(crate) fn run(bridge: &kanal::Receiver<Batch>, status: &SinkStatus, hooks: &Hooks) {
    status.set_ready("stdout");
    run_on(
        BufWriter::with_capacity(1 << 16, io::stdout().lock()),
        bridge,
        status,
        hooks,
    );
}

fn run_on(out: impl Write, bridge: &kanal::Receiver<Batch>, status: &SinkStatus, hooks: &Hooks) {
    let mut input = BlockingInput::new(bridge);
    let Err(error) = copy(&mut input, out, status, hooks) else {
        return;
    };
    let cause = match error.kind() {
        io::ErrorKind::BrokenPipe => "the reader of standard output went away".to_owned(),
        _ => format!("can't write to standard output: {error}"),
    };
    info!(cause, "ending");
    status.set_trouble(
        "stdout",
        Trouble::new(Reason::Io, cause, "start the collector again with a reader"),
    );
    hooks.ended();
    loop {
        match input.take() {
            Given::Batch(batch) => taken(status, hooks, &batch),
            Given::Nothing => input.wait(Duration::MAX),
            Given::End => break,
        }
    }
}

fn copy(
    input: &mut BlockingInput<'_>,
    mut out: impl Write,
    status: &SinkStatus,
    hooks: &Hooks,
) -> io::Result<()> {
    let mut written = Vec::new();
    let mut line = Vec::new();
    loop {
        let batch = match input.take() {
            Given::Batch(batch) => batch,
            Given::Nothing => {
                out.flush()?;
                written
                    .drain(..)
                    .for_each(|receipt: Receipt| receipt.acknowledge(status, hooks));
                input.wait(Duration::MAX);
                continue;
            }
            Given::End => break,
        };
        taken(status, hooks, &batch);
        write_batch(&batch, &mut line, &mut out)?;
        written.push(Receipt::of(&batch));
        hooks.recycle(batch.payload);
    }
    out.flush()?;
    written
        .drain(..)
        .for_each(|receipt| receipt.acknowledge(status, hooks));
    Ok(())
}

/// Writes each message as a line. A message that cannot be read would be a bug of the encoder: it is logged and skipped,
/// since the others are good.
fn write_batch(batch: &Batch, line: &mut Vec<u8>, out: &mut impl Write) -> io::Result<()> {
    for message in Messages::new(&batch.payload) {
        line.clear();
        let written = match message {
            Ok(message) => write_message(batch.kind, &message, line),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        match written {
            Ok(()) => out.write_all(line)?,
            Err(error) => {
                error!(subject = %batch.subject, %error, "skipped a message that can't be written as JSON: this is a bug, please report it")
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use arancini_core::BatchKind;
    use arancini_schema::events::{EventOrigin, RouterEvent, RouterEventKind, write_router_event};

    /// A pipe whose reader has gone.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn bridge(payload: Vec<u8>) -> kanal::Receiver<Batch> {
        let (sender, bridge) = kanal::bounded(4);
        let batch = Batch {
            kind: BatchKind::Routers,
            subject: "arancini.routers.v4_192_0_2_1".into(),
            router: [192, 0, 2, 1].into(),
            payload,
            messages: 2,
            first_sequence: 1,
            last_sequence: 2,
            worker: 0,
            number: 1,
        };
        sender.send(batch).unwrap();
        bridge
    }

    fn two_events() -> Vec<u8> {
        let mut payload = Vec::new();
        for sequence in 1..=2 {
            let origin = EventOrigin {
                sequence,
                time_received_ns: 1,
                router_address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1],
                router_port: 179,
            };
            let event = RouterEvent {
                kind: RouterEventKind::SessionOpened,
                router_name: "",
                system_name: "",
                system_description: "",
                reason: "",
                information: &[],
                information_length: 0,
                peer: None,
                family: None,
                all_withdrawn: false,
            };
            write_router_event(&origin, &event, &mut payload);
        }
        payload
    }

    #[test]
    fn one_line_per_message() {
        let (bridge, status) = (bridge(two_events()), SinkStatus::default());
        let mut out = Vec::new();
        let mut input = BlockingInput::new(&bridge);
        copy(&mut input, &mut out, &status, &Hooks::default()).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["sequence"], "2");
        assert_eq!(
            status
                .messages_acknowledged
                .load(std::sync::atomic::Ordering::Relaxed),
            2
        );
    }

    #[test]
    fn a_reader_that_went_away_is_told_and_nobody_waits_for_it() {
        let calls = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&calls);
        let hooks = Hooks {
            ended: Some(Arc::new(move || {
                count.fetch_add(1, Relaxed);
            })),
            ..Hooks::default()
        };
        let status = SinkStatus::default();
        run_on(Broken, &bridge(two_events()), &status, &hooks);
        assert_eq!(calls.load(Relaxed), 1);
        assert_eq!(status.messages_acknowledged.load(Relaxed), 0);
        assert!(status.trouble().unwrap().cause.contains("went away"));
    }
}
