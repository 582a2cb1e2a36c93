//! The choice of the receive path and of the kernel interface under it, made once at start.

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
    /// The name of the driver in metrics and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }

    /// Chooses the driver by the setting `ingest.driver`, on this host and for this number of workers.
    ///
    /// `auto` takes io_uring only if every worker can have its ring at the same time. Rings may count as locked memory, and then
    /// there can be enough of it for the first worker and not for the last.
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
                        warn!(%error, workers, "using the epoll driver: this host can't give every worker an io_uring (run `arancini doctor` for the reason)");
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
    /// `registered`: multishot receives into slots that are registered with the kernel.
    Registered,
    /// `readiness`: wait until a socket is readable, then receive into one hot slot.
    Readiness,
}

impl Backend {
    /// Both receive paths.
    pub const ALL: [Self; 2] = [Self::Registered, Self::Readiness];

    /// The name of the receive path in the configuration, in metrics and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Readiness => "readiness",
        }
    }

    /// Chooses the receive path by the setting `ingest.backend`, on this host and for this number of workers with this driver.
    ///
    /// `auto` takes `registered` if the workers wait on io_uring, the kernel has everything that `registered` needs, and every
    /// worker can have both its rings at the same time ([`Driver::choose`] tells why that matters).
    ///
    /// # Errors
    /// The setting is `registered`, and the kernel lacks or refuses what it needs.
    pub fn choose(ingest: &Ingest, driver: Driver, workers: usize) -> io::Result<Self> {
        match ingest.backend {
            BackendKind::Readiness => Ok(Self::Readiness),
            BackendKind::Registered => ring::probe().map(|()| Self::Registered),
            BackendKind::Auto if driver == Driver::Epoll => Ok(Self::Readiness),
            // The order is by measurement: docs/adr/0019-receive-backends.md.
            BackendKind::Auto => match ring::probe().and_then(|()| rings_for_all(ingest, workers)) {
                Ok(()) => Ok(Self::Registered),
                Err(error) => {
                    info!(%error, workers, "using the `readiness` receive backend: this host does not support `registered` (run `arancini doctor` for the reason)");
                    Ok(Self::Readiness)
                }
            },
        }
    }

    /// Why this host does not support the backend `registered`; nothing if it does.
    #[must_use]
    pub fn registered_refused() -> Option<String> {
        ring::probe().err().map(|error| error.to_string())
    }
}

/// Tests whether every worker can have the ring of its runtime and its companion ring, all at the same time.
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
