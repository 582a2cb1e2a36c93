//! The last line of the terminal while `tail` runs: how many messages it has printed, and how many a second.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// How often the line is written anew.
const PERIOD: Duration = Duration::from_secs(1);
/// Moves to the start of the line and erases it.
const ERASE: &str = "\r\x1b[K";

/// The line, if standard error is a terminal.
pub(super) struct RateLine {
    is_wanted: bool,
    is_visible: bool,
    printed: u64,
    /// When the line was last written, and how many messages had been printed.
    last: (Instant, u64),
}

impl RateLine {
    pub(super) fn new() -> Self {
        Self {
            is_wanted: io::stderr().is_terminal(),
            is_visible: false,
            printed: 0,
            last: (Instant::now(), 0),
        }
    }

    /// Waits for what comes next, and keeps the line up to date meanwhile.
    pub(super) async fn wait_for<T>(&mut self, next: impl Future<Output = T>) -> T {
        if !self.is_wanted {
            return next.await;
        }
        let mut next = std::pin::pin!(next);
        loop {
            match timeout(PERIOD, &mut next).await {
                Ok(came) => return came,
                Err(_) => self.write_if_due(),
            }
        }
    }

    /// Takes the line away, because something else is printed.
    pub(super) fn erase(&mut self) {
        if std::mem::take(&mut self.is_visible) {
            // A terminal that can't be written to is noticed by the output itself.
            let _ = write!(io::stderr(), "{ERASE}");
        }
    }

    /// Counts a printed message.
    pub(super) const fn count(&mut self) {
        self.printed += 1;
    }

    /// Writes the line if a second has passed since it was last written.
    pub(super) fn write_if_due(&mut self) {
        let (at, printed) = self.last;
        let passed = at.elapsed();
        if self.is_wanted && passed >= PERIOD {
            let text = text(self.printed, self.printed - printed, passed);
            // The cursor stays at the start of the line, so that a prompt after Ctrl-C overwrites it.
            let _ = write!(io::stderr(), "{ERASE}{text}\r");
            self.is_visible = true;
            self.last = (Instant::now(), self.printed);
        }
    }
}

/// Says how many messages were printed in all, and how many a second of late.
fn text(printed: u64, of_late: u64, passed: Duration) -> String {
    let rate = of_late as f64 / passed.as_secs_f64().max(f64::EPSILON);
    let messages = crate::units::counted(printed, "message");
    if rate > 0.0 && rate < 10.0 {
        format!("{messages}, {rate:.1} a second")
    } else {
        format!("{messages}, {rate:.0} a second")
    }
}

impl Drop for RateLine {
    fn drop(&mut self) {
        self.erase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        for (printed, of_late, passed_ms, expected) in [
            (0, 0, 1000, "0 messages, 0 a second"),
            (1, 1, 2000, "1 message, 0.5 a second"),
            (12_000, 1200, 1000, "12000 messages, 1200 a second"),
        ] {
            assert_eq!(text(printed, of_late, Duration::from_millis(passed_ms)), expected);
        }
    }
}
