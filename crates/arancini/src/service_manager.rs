//! What `arancini run` tells the service manager: that it is ready, what it does, and that its workers go on (sd_notify(3)).
//!
//! systemd names a Unix socket in `NOTIFY_SOCKET` if the unit has `Type=notify`, and an interval in `WATCHDOG_USEC` if it has
//! `WatchdogSec=`. Without the variables, nothing is sent.

use std::fmt::Display;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The connection to the service manager, if there is one.
pub(crate) struct ServiceManager {
    channel: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Watchdog>,
}

/// When the service manager is next told that the workers go on.
///
/// A worker runs a task at least once a second, even if no router sends anything. The service manager is told only after every
/// worker has run one since the last time. If a worker stands still, systemd hears nothing and restarts the collector.
struct Watchdog {
    interval: Duration,
    told: Instant,
    turns: Vec<u64>,
}

impl ServiceManager {
    /// Connects to the service manager that the environment names.
    pub(crate) fn from_environment() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| address(name.as_bytes()));
        let channel = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let deadline = number("WATCHDOG_USEC").filter(|us| is_meant && *us > 0);
        Self {
            watchdog: deadline
                .filter(|_| channel.is_some())
                .map(|us| Watchdog::new(Duration::from_micros(us), Instant::now())),
            channel,
        }
    }

    /// Says that routers can connect.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// Says that the collector stops.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=publishing what was received");
    }

    /// Sets the line that `systemctl status` shows.
    pub(crate) fn status(&self, text: impl Display) {
        self.send(&format!("STATUS={text}"));
    }

    /// Says that the workers go on, if it is time to and each worker has run a task since the last time. `turns` has the number of
    /// turns that each worker has had.
    pub(crate) fn still_alive(&mut self, turns: impl Iterator<Item = u64>) {
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.is_due(Instant::now(), turns)
        {
            self.send("WATCHDOG=1");
        }
    }

    /// Sends a message. Nothing waits for an answer, and a service manager that is gone is no reason to stop.
    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.channel {
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}

impl Watchdog {
    /// A watchdog that systemd ends after `deadline`. It is told three times as often, so that a late message does no harm.
    fn new(deadline: Duration, now: Instant) -> Self {
        Self {
            interval: deadline / 3,
            told: now,
            turns: Vec::new(),
        }
    }

    fn is_due(&mut self, now: Instant, turns: impl Iterator<Item = u64>) -> bool {
        if now.duration_since(self.told) < self.interval {
            return false;
        }
        let turns: Vec<u64> = turns.collect();
        let went_on = |(worker, turns): (usize, &u64)| self.turns.get(worker) != Some(turns);
        if !turns.iter().enumerate().all(went_on) {
            return false;
        }
        self.told = now;
        self.turns = turns;
        true
    }
}

/// Returns the address of a socket: a path, or a name in the abstract namespace behind `@`.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_worker_that_stands_still_silences_the_watchdog() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Duration::from_secs(30), start);
        let mut at = |seconds, turns: [u64; 2]| {
            watchdog.is_due(start + Duration::from_secs(seconds), turns.into_iter())
        };
        assert!(!at(9, [5, 5]), "the interval is not over");
        assert!(at(10, [5, 5]));
        assert!(!at(20, [9, 5]), "the second worker stands still");
        assert!(!at(40, [90, 5]), "the second worker stands still");
        assert!(at(41, [91, 6]));
        assert!(!at(42, [92, 7]), "the interval is not over");
    }

    #[test]
    fn a_socket_is_a_path_or_an_abstract_name() {
        assert!(address(b"/run/systemd/notify").unwrap().as_pathname().is_some());
        assert_eq!(address(b"@name").unwrap().as_abstract_name(), Some(&b"name"[..]));
        assert!(address(b"vsock:2:1234").is_none());
        assert!(address(b"").is_none());
    }
}
