//! The restore when the collector starts: snapshots, then what was published since, then the spool.

use std::time::{Duration, Instant};

use arancini_publish::SinkStatus;
use arancini_rib::CurationMode;
use tracing::warn;

use super::catch_up::catch_up;
use super::load::load_newest;
use super::restored::Restored;
use super::spool::{Spooled, apply_spool};
use crate::config::Config;
use crate::snapshots::store::Store;

/// How long to wait before the next attempt, if snapshots or published messages can't be read.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Restores the tables. Waits for a broker that can't be reached. Returns `None` if the start is cancelled meanwhile.
pub fn restore(
    config: &Config,
    store: &dyn Store,
    sink: &SinkStatus,
    mode: CurationMode,
    spooled: Spooled,
    cancelled: &dyn Fn() -> bool,
) -> Option<Restored> {
    let begin = Instant::now();
    let name = config.collector_name();
    // The sink `nats` raises its fence when it connects. After that, earlier runs of this collector can't publish any more,
    // so what the stream holds now is complete. The sink `file` mends the segments first.
    if !is_open(sink, cancelled) {
        return None;
    }
    let mut is_logged = false;
    loop {
        let loaded = load_newest(store, config, mode);
        store.rest();
        match loaded.and_then(|loaded| catch_up(config, sink, loaded, &name, cancelled)) {
            Ok(mut caught_up) => {
                apply_spool(&mut caught_up.loaded, spooled, &name);
                return Some(caught_up.restored(begin));
            }
            Err(_) if cancelled() => return None,
            Err(why) => {
                if !std::mem::replace(&mut is_logged, true) {
                    warn!(why, "{WAITING}");
                }
                if wait(RETRY_PAUSE, || cancelled().then_some(())).is_some() {
                    return None;
                }
            }
        }
    }
}

/// The log line of a restore that has to wait.
const WAITING: &str = "the tables can't be restored yet, because snapshots or published messages can't be read; the \
                       collector retries, and routers can't connect until it succeeds";

/// Waits until the sink can be read. Returns `false` if the start is cancelled meanwhile.
fn is_open(sink: &SinkStatus, cancelled: &dyn Fn() -> bool) -> bool {
    let outcome = || match sink.position() {
        Some(_) => Some(true),
        None => cancelled().then_some(false),
    };
    wait(RETRY_PAUSE, outcome).unwrap_or_else(|| {
        let why = sink
            .trouble()
            .map_or_else(String::new, |trouble| trouble.to_string());
        warn!(why, "{WAITING}");
        wait(Duration::MAX, outcome).unwrap_or(false)
    })
}

/// Polls for an outcome until there is one or the time is over.
fn wait<T>(time: Duration, outcome: impl Fn() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    while begin.elapsed() < time {
        let outcome = outcome();
        if outcome.is_some() {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}
