//! Which way bytes take from the sockets to the core (SPEC §3), decided once at start.

use std::io;

use super::ring;
use crate::config::BackendKind;

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
