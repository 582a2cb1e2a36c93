//! Stage: who may connect, by the allow-list and the limits on sessions.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// The router's source address, once it is known.
    source: Option<IpAddr>,
    number: u64,
}

impl Permit {
    /// The number of the connection in the order in which all workers let connections in.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Makes the permit one of this source, or says why not.
    fn of_source(mut self, source: IpAddr) -> Result<Self, Refusal> {
        let source = source.to_canonical();
        let admission = &self.admission;
        let mut open = admission.open();
        let taken = open
            .check_source(source)
            .and_then(|()| open.take_source(source, admission.max_per_source));
        drop(open);
        taken.map_err(|refusal| admission.count_refusal(refusal))?;
        self.source = Some(source);
        Ok(self)
    }
}

impl Arriving<Admitted> {
    /// Makes the connection one of the router that a load balancer relays, or says why the router may not connect.
    ///
    /// # Errors
    /// The router may not connect, or has to wait until other sessions of it have ended.
    pub fn relayed_for(self, router: SocketAddr) -> Result<Self, Refusal> {
        let Self { stream, known, .. } = self;
        let permit = known.permit.of_source(router.ip())?;
        Ok(Self {
            stream,
            remote: router,
            known: Admitted { permit },
        })
    }
}

impl Open {
    fn check_source(&self, source: IpAddr) -> Result<(), Refusal> {
        let is_allowed = self.allow.iter().any(|prefix| prefix.contains(source));
        is_allowed.then_some(()).ok_or(Refusal::NotAllowed)
    }

    fn take_place(&mut self, most: usize) -> Result<(), Refusal> {
        if self.total >= most {
            return Err(Refusal::TooManySessions);
        }
        self.total += 1;
        Ok(())
    }

    fn take_source(&mut self, source: IpAddr, most: usize) -> Result<(), Refusal> {
        let from_source = self.by_source.entry(source).or_default();
        if *from_source >= most {
            return Err(Refusal::TooManyFromSource);
        }
        *from_source += 1;
        Ok(())
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
        Ok(arriving.with(|_| Admitted { permit }))
    }

    /// Lets a connection of a load balancer in, or says why not. The router behind it is not known yet, so only the number of
    /// all sessions counts.
    ///
    /// # Errors
    /// The connection has to wait until other sessions have ended.
    pub fn admit_relayed(
        self: &Arc<Self>,
        arriving: Arriving<Accepted>,
    ) -> Result<Arriving<Admitted>, Refusal> {
        let taken = self.open().take_place(self.max_sessions);
        taken.map_err(|refusal| self.count_refusal(refusal))?;
        let permit = self.give(None);
        Ok(arriving.with(|_| Admitted { permit }))
    }

    /// Permits one more connection from this source, or says why not.
    fn permit(self: &Arc<Self>, source: IpAddr) -> Result<Permit, Refusal> {
        let source = source.to_canonical();
        let taken = self.take(source);
        taken.map_err(|refusal| self.count_refusal(refusal))?;
        Ok(self.give(Some(source)))
    }

    fn take(&self, source: IpAddr) -> Result<(), Refusal> {
        let mut open = self.open();
        open.check_source(source)?;
        open.take_place(self.max_sessions)?;
        let taken = open.take_source(source, self.max_per_source);
        if taken.is_err() {
            open.total -= 1;
        }
        taken
    }

    /// The permit for a place that was taken.
    fn give(self: &Arc<Self>, source: Option<IpAddr>) -> Permit {
        Permit {
            admission: Arc::clone(self),
            source,
            number: self.accepted.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_refusal(&self, refusal: Refusal) -> Refusal {
        self.refused[refusal as usize].fetch_add(1, Ordering::Relaxed);
        refusal
    }

    /// Sets the prefixes whose routers may connect from now on. Connections that are open stay open.
    pub fn allow_only(&self, allow: &[IpPrefix]) {
        self.open().allow = allow.to_vec();
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
        let mut open = self.admission.open();
        open.total -= 1;
        let Some(source) = self.source else { return };
        if let Some(count) = open.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                open.by_source.remove(&source);
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

    /// A load balancer has one address for all of its routers, so its own address counts nowhere.
    #[test]
    fn a_relayed_connection_counts_for_the_router_that_its_header_names() {
        let limits = Limits {
            max_sessions: 3,
            max_sessions_per_source: 1,
            allow: vec!["192.0.2.0/24".parse().unwrap()],
            ..Limits::default()
        };
        let admission = Admission::new(&limits);
        let relayed = || -> Result<Permit, Refusal> {
            admission.open().take_place(admission.max_sessions)?;
            Ok(admission.give(None))
        };
        let router = |n| IpAddr::from([192, 0, 2, n]);
        let first = relayed().unwrap().of_source(router(1)).unwrap();
        let second = relayed().unwrap();
        assert_eq!(
            second.of_source(router(1)).unwrap_err(),
            Refusal::TooManyFromSource
        );
        let stranger = relayed().unwrap();
        assert_eq!(
            stranger.of_source([198, 51, 100, 1].into()).unwrap_err(),
            Refusal::NotAllowed
        );
        // Those that were refused gave their places back.
        let _unnamed = [relayed().unwrap(), relayed().unwrap()];
        assert_eq!(relayed().unwrap_err(), Refusal::TooManySessions);
        drop(first);
        let again = relayed().unwrap().of_source(router(1)).unwrap();
        assert_eq!(admission.open().by_source.get(&router(1)), Some(&1));
        drop(again);
        assert_eq!(admission.open().total, 2);
    }
}
