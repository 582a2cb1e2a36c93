//! Signals. A campaign that is told to stop still ends its processes and removes its disks and namespaces: after a signal
//! the next call of [`look`] is an error, and the campaign cleans up as after any failure.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::signal::unix::{SignalKind, signal};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Catches SIGINT, SIGTERM and SIGHUP from now on.
pub fn listen() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = runtime.block_on(async {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()
    })?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let [interrupt, terminate, hangup] = signals.as_mut_slice() else {
                return;
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        STOPPED.store(true, Relaxed);
    });
    Ok(())
}

/// Returns an error if a signal told the campaign to stop.
pub fn look() -> io::Result<()> {
    if STOPPED.load(Relaxed) {
        return Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "a signal told the campaign to stop",
        ));
    }
    Ok(())
}
