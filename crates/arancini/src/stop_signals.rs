//! The signals that stop `arancini run`, and those that it ignores.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

/// Signals that stop the collector.
const STOPPING: [i32; 3] = [SIGTERM, SIGINT, SIGQUIT];
/// Signals that would end the process without publishing what it has received, if it did not handle them.
const IGNORED: [i32; 3] = [SIGHUP, SIGUSR1, SIGUSR2];

/// The handled signals of this process. Remembers the first one that stops the collector, because the start of the
/// collector looks for it at several places, and the main thread looks again afterwards.
pub(crate) struct StopSignals {
    signals: Signals,
    first: Option<i32>,
}

impl StopSignals {
    /// Installs the handlers.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            signals: Signals::new(STOPPING.into_iter().chain(IGNORED))?,
            first: None,
        })
    }

    /// Returns the first signal that stops the collector, if there was one. Does not wait.
    pub(crate) fn first(&mut self) -> Option<i32> {
        if self.first.is_none() {
            self.first = stop_signal(self.signals.pending());
        }
        self.first
    }

    /// Waits for another signal that stops the collector. Returns `false` if no signal can come any more.
    pub(crate) fn wait_for_another(&mut self) -> bool {
        stop_signal(self.signals.forever()).is_some()
    }
}

/// Returns the first signal that stops the collector, and logs those before it that do not.
fn stop_signal(signals: impl Iterator<Item = i32>) -> Option<i32> {
    for signal in signals {
        if STOPPING.contains(&signal) {
            return Some(signal);
        }
        if signal == SIGHUP {
            tracing::info!(
                "SIGHUP ignored: the configuration is read only at the start; restart the collector to apply changes"
            );
        } else {
            tracing::info!(signal, "signal ignored");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use signal_hook::low_level::raise;

    use super::*;

    /// A campaign found it: the restore saw SIGTERM and ended, the code around it asked again and was told that there was
    /// no signal, and the collector restored its tables once more and ran on.
    #[test]
    fn a_signal_that_the_start_has_seen_is_seen_again() {
        let mut signals = StopSignals::install().unwrap();
        raise(SIGHUP).unwrap();
        assert_eq!(signals.first(), None);
        raise(SIGTERM).unwrap();
        assert_eq!(signals.first(), Some(SIGTERM));
        assert_eq!(signals.first(), Some(SIGTERM));
        raise(SIGINT).unwrap();
        assert!(signals.wait_for_another());
        assert_eq!(signals.first(), Some(SIGTERM));
    }
}
