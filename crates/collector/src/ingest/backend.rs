//! Which way bytes take from the sockets to the core (SPEC §3), decided once at start.

use std::io;

use monoio::{IoUringDriver, RuntimeBuilder};
use tracing::{info, warn};

use super::ring::{self, Ring};
use crate::config::{BackendKind, DriverKind, Ingest};

/// The kernel interface under a worker's runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// io_uring.
    IoUring,
    /// epoll.
    Epoll,
}

impl Driver {
    /// Its name in metrics and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }

    /// The interface that this setting gives on this host for so many workers.
    ///
    /// `auto` takes io_uring only if every worker can have its ring at once: rings may count as locked memory, and
    /// then there can be enough for the first worker and not for the last.
    #[must_use]
    pub fn choose(kind: DriverKind, workers: usize) -> Self {
        match kind {
            DriverKind::IoUring => Self::IoUring,
            DriverKind::Epoll => Self::Epoll,
            DriverKind::Auto if !monoio::utils::detect_uring() => Self::Epoll,
            DriverKind::Auto => {
                let rings: io::Result<Vec<_>> = (0..workers)
                    .map(|_| RuntimeBuilder::<IoUringDriver>::new().enable_timer().build())
                    .collect();
                match rings {
                    Ok(_) => Self::IoUring,
                    Err(error) => {
                        warn!(%error, workers, "not every worker can have an io_uring, so epoll it is; `arancini doctor` says why");
                        Self::Epoll
                    }
                }
            }
        }
    }
}

/// A receive path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Multishot receives into slots that the kernel knows: `registered`.
    Registered,
    /// Wait until readable, then receive into one hot slot: `readiness`.
    Readiness,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Registered, Self::Readiness];

    /// Its name in the configuration, in metrics and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Readiness => "readiness",
        }
    }

    /// The receive path that this setting gives on this host, for so many workers above this driver.
    ///
    /// `auto` takes `registered` if the workers wait on io_uring, the kernel has all it needs, and every worker can have both
    /// its rings at once ([`Driver::choose`] says why).
    ///
    /// # Errors
    /// `registered` is wanted, and the kernel lacks or refuses what it needs.
    pub fn choose(ingest: &Ingest, driver: Driver, workers: usize) -> io::Result<Self> {
        match ingest.backend {
            BackendKind::Readiness => Ok(Self::Readiness),
            BackendKind::Registered => ring::probe().map(|()| Self::Registered),
            BackendKind::Auto if driver == Driver::Epoll => Ok(Self::Readiness),
            // By measurement: docs/adr/0019-receive-backends.md.
            BackendKind::Auto => match ring::probe().and_then(|()| rings_for_all(ingest, workers)) {
                Ok(()) => Ok(Self::Registered),
                Err(error) => {
                    info!(%error, workers, "the backend `registered` is not to be had, so `readiness` it is; `arancini doctor` says more");
                    Ok(Self::Readiness)
                }
            },
        }
    }

    /// Why the backend `registered` can't be had on this host; nothing where it can.
    #[must_use]
    pub fn registered_refused() -> Option<String> {
        ring::probe().err().map(|error| error.to_string())
    }
}

/// Whether every worker can have its runtime's ring and its companion ring, all at once.
fn rings_for_all(ingest: &Ingest, workers: usize) -> io::Result<()> {
    let rings: io::Result<Vec<_>> = (0..workers)
        .map(|_| {
            let runtime = RuntimeBuilder::<IoUringDriver>::new().enable_timer().build()?;
            Ok((runtime, Ring::new(ingest.slots, ingest.slot_bytes)?))
        })
        .collect();
    rings.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_registered_ring_where_all_workers_can_have_one() {
        let choose = |ingest: &Ingest, driver| Backend::choose(ingest, driver, 2).ok();
        let ingest = Ingest::default();
        assert_eq!(choose(&ingest, Driver::Epoll), Some(Backend::Readiness));
        if let Some(reason) = Backend::registered_refused() {
            println!("skipped: no registered ring: {reason}");
            return;
        }
        assert_eq!(choose(&ingest, Driver::IoUring), Some(Backend::Registered));
        let more_than_the_kernel_takes = Ingest {
            slots: 40_000,
            slot_bytes: 64,
            ..Ingest::default()
        };
        assert_eq!(
            choose(&more_than_the_kernel_takes, Driver::IoUring),
            Some(Backend::Readiness)
        );
    }
}
