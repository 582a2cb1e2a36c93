//! What a table tells of a route that it knows.

/// What a table keeps of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRoute {
    /// Fingerprint of the route's attributes. It is [`DOUBT`](crate::DOUBT) if nobody knows what consumers believe.
    pub fingerprint: u64,
    /// Whether the router still has the route.
    pub state: RouteState,
}

/// Whether a router still has a route that consumers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteState {
    /// The router announced the route since its session began.
    Current,
    /// The router announced the route in an earlier session, and its new dump is not complete yet.
    Stale,
    /// The route is gone, but [`CuratedTable::sweep`](crate::CuratedTable::sweep) has not withdrawn it yet.
    Doomed,
}
