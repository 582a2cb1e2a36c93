//! The signals that stop `arancini run`, the one that makes it read its configuration again, and those that it ignores.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

/// Signals that stop the collector.
const STOPPING: [i32; 3] = [SIGTERM, SIGINT, SIGQUIT];
/// Signals that would end the process without publishing what it has received, if it did not handle them.
const IGNORED: [i32; 2] = [SIGUSR1, SIGUSR2];

/// The handled signals of this process. Remembers the first one that stops the collector, because the start of the
/// collector looks for it at several places, and the main thread looks again afterwards.
pub(crate) struct StopSignals {
    signals: Signals,
    first: Option<i32>,
    /// Whether a SIGHUP came that has not been handled.
    reload: bool,
}

impl StopSignals {
    /// Installs the handlers.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            signals: Signals::new(STOPPING.into_iter().chain([SIGHUP]).chain(IGNORED))?,
            first: None,
            reload: false,
        })
    }

    /// Returns the first signal that stops the collector, if there was one. Does not wait.
    pub(crate) fn first(&mut self) -> Option<i32> {
        if self.first.is_none() {
            self.first = stop_signal(self.signals.pending(), &mut self.reload);
        }
        self.first
    }

    /// Returns whether the configuration has to be read again: whether a SIGHUP was seen since the last call.
    pub(crate) fn take_reload(&mut self) -> bool {
        std::mem::take(&mut self.reload)
    }

    /// Waits for another signal that stops the collector. Returns `false` if no signal can come any more.
    pub(crate) fn wait_for_another(&mut self) -> bool {
        stop_signal(self.signals.forever(), &mut self.reload).is_some()
    }
}

/// Returns the first signal that stops the collector. Notes a SIGHUP before it, and logs other signals.
fn stop_signal(signals: impl Iterator<Item = i32>, reload: &mut bool) -> Option<i32> {
    for signal in signals {
        if STOPPING.contains(&signal) {
            return Some(signal);
        }
        if signal == SIGHUP {
            *reload = true;
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
        assert!(signals.take_reload() && !signals.take_reload());
        raise(SIGTERM).unwrap();
        assert_eq!(signals.first(), Some(SIGTERM));
        assert_eq!(signals.first(), Some(SIGTERM));
        raise(SIGINT).unwrap();
        assert!(signals.wait_for_another());
        assert_eq!(signals.first(), Some(SIGTERM));
    }
}
