//! Stage: which router a connection belongs to.

use std::net::IpAddr;

use super::admit::{Admitted, Permit};
use super::arriving::Arriving;
use crate::config::Identities;

/// A connection whose router is known.
#[derive(Debug)]
pub struct Identified {
    /// The right to be open.
    pub permit: Permit,
    /// The router that the connection belongs to.
    pub router: IpAddr,
}

/// Identifies the router by the source address. `identities` (the setting `routers.identity`) names the router of a source
/// that is not the router's own address.
pub fn identify(arriving: Arriving<Admitted>, identities: &Identities) -> Arriving<Identified> {
    let router = identities.router_of(arriving.remote.ip());
    arriving.with(|Admitted { permit }| Identified { permit, router })
}
