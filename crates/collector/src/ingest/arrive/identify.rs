//! Stage: which router a connection belongs to.

use std::net::IpAddr;

use super::admit::{Admitted, Permit};
use super::arriving::Arriving;
use super::sys_name::Named;
use crate::config::Identities;
use crate::ingest::end::{End, EndReason};

/// A connection whose router is known.
#[derive(Debug)]
pub struct Identified {
    /// The right to be open.
    pub permit: Permit,
    /// The router that the connection belongs to.
    pub router: IpAddr,
    /// How the router named itself, if its name says which router it is.
    pub named: Option<Named>,
}

/// Identifies the router by the source address. `identities` (the setting `routers.identity`) names the router of a source
/// that is not the router's own address.
pub fn identify(arriving: Arriving<Admitted>, identities: &Identities) -> Arriving<Identified> {
    let router = identities.router_of(arriving.remote.ip());
    arriving.with(|Admitted { permit }| Identified {
        permit,
        router,
        named: None,
    })
}

/// Identifies the router by its sysName, which `identities` map to the address that the router is known by.
///
/// # Errors
/// Nobody is known by this name.
pub fn identify_named(
    arriving: Arriving<Admitted>,
    named: Named,
    identities: &Identities,
) -> Result<Arriving<Identified>, End> {
    let name = &named.sys_name;
    let Some(router) = identities.router_named(name) else {
        let unknown = format!(
            "no router in routers.identity has the sysName {name:?}; write {name:?} = \"ADDRESS\" there, with the address that the \
             router is to be known by, and restart the collector"
        );
        return Err(End::with_details(EndReason::UnknownSysName, &unknown));
    };
    let named = Some(named);
    Ok(arriving.with(|Admitted { permit }| Identified {
        permit,
        router,
        named,
    }))
}
