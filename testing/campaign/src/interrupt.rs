//! A campaign that is told to stop still takes its disks and its network away, and ends what it started: a signal
//! makes its next look an error, so that everything goes as it does after a failure.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::signal::unix::{SignalKind, signal};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on SIGINT, SIGTERM and SIGHUP are heard.
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

/// An error once the campaign is told to stop.
pub fn look() -> io::Result<()> {
    if STOPPED.load(Relaxed) {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "told to stop"));
    }
    Ok(())
}
