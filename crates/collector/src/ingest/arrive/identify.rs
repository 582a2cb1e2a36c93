//! Stage: which router a connection belongs to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::admit::{Admitted, Permit};
use super::arriving::Arriving;

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
pub fn identify(arriving: Arriving<Admitted>, identities: &BTreeMap<IpAddr, IpAddr>) -> Arriving<Identified> {
    let source = arriving.remote.ip().to_canonical();
    let router = identities.get(&source).copied().unwrap_or(source);
    arriving.with(|Admitted { permit }| Identified { permit, router })
}
