//! Stage: who may connect, by the allow-list and the limits on sessions.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::arriving::Arriving;
use super::listen::Accepted;
use crate::config::{IpPrefix, Limits};

/// A connection that was let in.
#[derive(Debug)]
pub struct Admitted {
    /// The right to be open.
    pub permit: Permit,
}

/// Why a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The source is not on the allow-list.
    NotAllowed,
    /// `limits.max_sessions` sessions are open.
    TooManySessions,
    /// `limits.max_sessions_per_source` sessions of this source are open.
    TooManyFromSource,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::NotAllowed, Self::TooManySessions, Self::TooManyFromSource];

    /// The value of the label `reason` in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::TooManySessions => "too_many_sessions",
            Self::TooManyFromSource => "too_many_from_source",
        }
    }

    /// What an operator can do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotAllowed => "add the router's prefix to limits.allow if it may connect",
            Self::TooManySessions => "raise limits.max_sessions",
            Self::TooManyFromSource => "raise limits.max_sessions_per_source",
        }
    }
}

/// Decides who may connect. Shared by all workers; touched only when a connection opens or closes.
#[derive(Debug)]
pub struct Admission {
    max_sessions: usize,
    max_per_source: usize,
    open: Mutex<Open>,
    accepted: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

#[derive(Debug, Default)]
struct Open {
    /// Prefixes whose routers may connect.
    allow: Vec<IpPrefix>,
    total: usize,
    by_source: HashMap<IpAddr, usize>,
}

/// The right to have one connection open. Dropping it gives the right back.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    source: IpAddr,
    number: u64,
}

impl Permit {
    /// The number of the connection in the order in which all workers let connections in.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Admission {
    /// An admission with these limits and without connections.
    #[must_use]
    pub fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            max_sessions: limits.max_sessions,
            max_per_source: limits.max_sessions_per_source,
            open: Mutex::new(Open {
                allow: limits.allow.clone(),
                ..Open::default()
            }),
            accepted: AtomicU64::new(0),
            refused: Default::default(),
        })
    }

    /// Lets a connection in, or says why not.
    ///
    /// # Errors
    /// The source may not connect, or has to wait until other sessions have ended.
    pub fn admit(self: &Arc<Self>, arriving: Arriving<Accepted>) -> Result<Arriving<Admitted>, Refusal> {
        let permit = self.permit(arriving.remote.ip())?;
        Ok(arriving.with(|Accepted| Admitted { permit }))
    }

    /// Permits one more connection from this source, or says why not.
    fn permit(self: &Arc<Self>, source: IpAddr) -> Result<Permit, Refusal> {
        let source = source.to_canonical();
        if let Err(refusal) = self.check(source) {
            self.refused[refusal as usize].fetch_add(1, Ordering::Relaxed);
            return Err(refusal);
        }
        Ok(Permit {
            admission: Arc::clone(self),
            source,
            number: self.accepted.fetch_add(1, Ordering::Relaxed),
        })
    }

    fn check(&self, source: IpAddr) -> Result<(), Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.allow.iter().any(|prefix| prefix.contains(source)) {
            return Err(Refusal::NotAllowed);
        }
        if open.total >= self.max_sessions {
            return Err(Refusal::TooManySessions);
        }
        let from_source = open.by_source.entry(source).or_default();
        if *from_source >= self.max_per_source {
            return Err(Refusal::TooManyFromSource);
        }
        *from_source += 1;
        open.total += 1;
        Ok(())
    }

    /// Sets the prefixes whose routers may connect from now on. Connections that are open stay open.
    pub fn allow_only(&self, allow: &[IpPrefix]) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.allow = allow.to_vec();
    }

    /// Number of connections let in since the start.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Number of connections refused for this reason since the start.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize].load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(count) = open.by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn limits_hold_and_permits_come_back() {
        let limits = Limits {
            max_sessions: 3,
            max_sessions_per_source: 2,
            allow: vec!["192.0.2.0/24".parse().unwrap()],
            ..Limits::default()
        };
        let admission = Admission::new(&limits);
        let [a, b] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let first = admission.permit(a).unwrap();
        let _second = admission.permit(a).unwrap();
        assert_eq!(admission.permit(a).unwrap_err(), Refusal::TooManyFromSource);
        let _third = admission.permit(b).unwrap();
        assert_eq!(admission.permit(b).unwrap_err(), Refusal::TooManySessions);
        assert_eq!(
            admission.permit([198, 51, 100, 1].into()).unwrap_err(),
            Refusal::NotAllowed
        );
        drop(first);
        // IPv4-mapped addresses are IPv4.
        let mapped = admission.permit("::ffff:192.0.2.1".parse().unwrap());
        assert!(mapped.is_ok());
        drop(mapped);
        admission.allow_only(&["192.0.2.2/32".parse().unwrap()]);
        assert_eq!(admission.permit(a).unwrap_err(), Refusal::NotAllowed);
        assert!(admission.permit(b).is_ok());
        assert_eq!(admission.accepted(), 5);
        let refused = Refusal::ALL.map(|refusal| admission.refused(refusal));
        assert_eq!(refused, [2, 1, 1]);
    }
}
