//! Which way bytes take from the sockets to the core (SPEC §3), decided once at start.

use std::io;

use monoio::{IoUringDriver, RuntimeBuilder};
use tracing::warn;

use super::ring;
use crate::config::{BackendKind, DriverKind};

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

    /// The receive path that this setting gives on this host.
    ///
    /// # Errors
    /// `registered` is wanted, and the kernel lacks or refuses what it needs.
    pub fn choose(kind: BackendKind) -> io::Result<Self> {
        match kind {
            // By measurement: docs/adr/0019-receive-backends.md.
            BackendKind::Auto | BackendKind::Readiness => Ok(Self::Readiness),
            BackendKind::Registered => ring::probe().map(|()| Self::Registered),
        }
    }
}
