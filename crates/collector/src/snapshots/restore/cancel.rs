//! Ends a restore when the start of the collector is cancelled: a restore can take as long as the whole stream takes to read.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Runtime;

/// How often a wait looks whether the start is cancelled.
const INTERVAL: Duration = Duration::from_millis(20);

/// Why a restore ended, if the start was cancelled. Nobody reads it: the collector stops.
pub(super) const CANCELLED: &str = "the start was cancelled";

/// Runs a future to its end. Drops it when the start is cancelled, which is an error.
pub(super) fn run_unless_cancelled<T>(
    runtime: &Runtime,
    future: impl Future<Output = Result<T, String>>,
    cancelled: &dyn Fn() -> bool,
) -> Result<T, String> {
    let end = async {
        while !cancelled() {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            outcome = future => outcome,
            () = end => Err(CANCELLED.to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    /// A collector that restored its tables from a large stream did not end until it had read all of it.
    #[test]
    fn a_restore_that_reads_for_ever_ends_when_the_start_is_cancelled() {
        let looks = Cell::new(0);
        let cancelled = || {
            looks.set(looks.get() + 1);
            looks.get() > 3
        };
        let (sender, mut messages) = tokio::sync::mpsc::channel(1);
        // There always is another message, as in a large stream.
        let reads = async {
            loop {
                sender.send(()).await.unwrap();
                messages.recv().await.unwrap();
            }
        };
        let outcome: Result<(), String> = run_unless_cancelled(&runtime(), reads, &cancelled);
        assert_eq!(outcome, Err(CANCELLED.to_owned()));
    }

    #[test]
    fn a_restore_that_is_not_cancelled_comes_to_its_end() {
        let outcome = run_unless_cancelled(&runtime(), async { Ok(7) }, &|| false);
        assert_eq!(outcome, Ok(7));
    }
}
