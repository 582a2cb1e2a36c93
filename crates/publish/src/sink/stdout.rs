//! The `stdout` sink: JSON Lines. When the reader goes away the collector ends politely.

use std::io::{self, BufWriter, Write};

use arancini_core::Batch;

use super::{Receipt, taken};
use crate::sidecar::{Hooks, SinkEnd};
use crate::status::{Reason, SinkStatus, Trouble};

pub(crate) fn run(bridge: &kanal::Receiver<Batch>, status: &SinkStatus, hooks: &Hooks) -> SinkEnd {
    status.set_ready("stdout");
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match copy(bridge, out, status, hooks) {
        Ok(()) => SinkEnd::Drained,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe {
                let trouble = Trouble::new(
                    Reason::Io,
                    format!("can't write to standard output: {error}"),
                    "check where it goes",
                );
                status.set_trouble("stdout", trouble);
            }
            SinkEnd::ReaderGone
        }
    }
}

fn copy(
    bridge: &kanal::Receiver<Batch>,
    mut out: impl Write,
    status: &SinkStatus,
    hooks: &Hooks,
) -> io::Result<()> {
    let mut written = Vec::new();
    loop {
        let batch = match bridge.try_recv() {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                out.flush()?;
                written
                    .drain(..)
                    .for_each(|receipt: Receipt| receipt.acknowledge(status, hooks));
                match bridge.recv() {
                    Ok(batch) => batch,
                    Err(_) => break,
                }
            }
            Err(_) => break,
        };
        taken(status, &batch);
        write_batch(&batch, &mut out)?;
        written.push(Receipt::of(&batch));
        hooks.recycle(batch.payload);
    }
    out.flush()?;
    written
        .drain(..)
        .for_each(|receipt| receipt.acknowledge(status, hooks));
    Ok(())
}

fn write_batch(_batch: &Batch, _out: &mut impl Write) -> io::Result<()> {
    Ok(())
}
