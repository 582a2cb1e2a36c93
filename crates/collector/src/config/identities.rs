//! The setting `routers.identity`: which router a source address or a sysName is, and what the routers are called.

use std::collections::BTreeMap;
use std::net::IpAddr;

use arancini_core::{Names, Naming};

use super::types::IpPrefix;
use super::value::{SettingValue, Value, quote};

/// Longest sysName that identifies a router, as long as one may be (RFC 3418).
pub const MOST_SYS_NAME_BYTES: usize = 255;

/// What the setting says about an address or a sysName, or about all addresses of a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The router that connections from this address, or with this sysName, belong to; the address itself if there is none.
    pub address: Option<IpAddr>,
    /// Name and labels of the router.
    pub naming: Naming,
}

/// Identities of routers. Each is an address: a source or a sysName only leads to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    /// By source address or prefix.
    pub by_address: BTreeMap<IpPrefix, Identity>,
    /// By sysName.
    pub by_sys_name: BTreeMap<String, Identity>,
}

impl Identities {
    /// The router that a connection from this source belongs to.
    #[must_use]
    pub fn router_of(&self, source: IpAddr) -> IpAddr {
        let source = source.to_canonical();
        let identity = self.by_address.get(&IpPrefix::host(source));
        identity.and_then(|identity| identity.address).unwrap_or(source)
    }

    /// The router that has this sysName; `None` if nobody is known by it.
    #[must_use]
    pub fn router_named(&self, sys_name: &str) -> Option<IpAddr> {
        self.by_sys_name.get(sys_name)?.address
    }

    /// The names and labels, by the addresses of the routers.
    #[must_use]
    pub fn names(&self) -> Names {
        let by_address = self.by_address.iter().map(|(source, identity)| {
            let routers = identity.address.map_or(*source, IpPrefix::host);
            (routers, &identity.naming)
        });
        let by_sys_name = self
            .by_sys_name
            .values()
            .filter_map(|identity| Some((IpPrefix::host(identity.address?), &identity.naming)));
        let entries = by_address
            .chain(by_sys_name)
            .filter(|(_, naming)| !naming.is_empty())
            .map(|(routers, naming)| (routers.address(), routers.length(), naming.clone()));
        Names::new(entries.collect())
    }

    /// Adds what is said about a source, which is an address, a prefix or a sysName. `None` if the source is here already: two
    /// ways to write one address must not replace each other.
    fn add(&mut self, source: &str, identity: Identity) -> Option<()> {
        let before = match source.trim().parse() {
            Ok(prefix) => self.by_address.insert(prefix, identity),
            Err(_) => self.by_sys_name.insert(source.to_owned(), identity),
        };
        before.is_none().then_some(())
    }
}

impl SettingValue for Identities {
    fn expected() -> String {
        "a table of IP addresses, prefixes or sysNames, like { \"10.0.0.1\" = \"192.0.2.1\", \"192.0.2.7\" = { name = \"edge-7\" }, \
         \"192.0.2.0/24\" = { labels = { site = \"fra\" } }, \"edge-8.example\" = \"192.0.2.8\" }, each source once"
            .to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        let mut identities = Self::default();
        match value {
            Value::Table(entries) => {
                for (source, value) in entries {
                    identities.add(source, read_identity(value)?)?;
                }
            }
            Value::Raw(text) => {
                for entry in text.split(',').filter(|entry| !entry.trim().is_empty()) {
                    let (source, router) = entry.split_once('=')?;
                    let router = Value::Raw(router.to_owned());
                    identities.add(source.trim(), read_identity(&router)?)?;
                }
            }
            _ => return None,
        }
        Some(identities)
    }
    fn write(&self) -> Option<String> {
        let by_address = self.by_address.iter().map(|(source, identity)| {
            let is_host = *source == IpPrefix::host(source.address());
            let source = if is_host {
                source.address().to_string()
            } else {
                source.to_string()
            };
            (quote(&source), write_identity(identity))
        });
        let by_sys_name = self
            .by_sys_name
            .iter()
            .map(|(sys_name, identity)| (quote(sys_name), write_identity(identity)));
        Some(write_table(by_address.chain(by_sys_name)))
    }
}

/// Reads the address of the router, or a table with what is said about it.
fn read_identity(value: &Value) -> Option<Identity> {
    let mut identity = Identity::default();
    let Value::Table(members) = value else {
        identity.address = Some(IpAddr::read(value)?.to_canonical());
        return Some(identity);
    };
    for (member, value) in members {
        match member.as_str() {
            "address" => identity.address = Some(IpAddr::read(value)?.to_canonical()),
            "name" => identity.naming.name = String::read(value)?,
            "labels" => {
                let Value::Table(labels) = value else { return None };
                identity.naming.labels = labels
                    .iter()
                    .map(|(label, value)| Some((label.clone(), String::read(value)?)))
                    .collect::<Option<_>>()?;
            }
            _ => return None,
        }
    }
    Some(identity)
}

fn write_identity(identity: &Identity) -> String {
    let address = identity.address.map(|address| quote(&address.to_string()));
    if let (Some(address), true) = (&address, identity.naming.is_empty()) {
        return address.clone();
    }
    let Naming { name, labels } = &identity.naming;
    let mut members = Vec::new();
    members.extend(address.map(|address| ("address".to_owned(), address)));
    if !name.is_empty() {
        members.push(("name".to_owned(), quote(name)));
    }
    if !labels.is_empty() {
        let labels = labels.iter().map(|(label, value)| (quote(label), quote(value)));
        members.push(("labels".to_owned(), write_table(labels)));
    }
    write_table(members.into_iter())
}

fn write_table(entries: impl Iterator<Item = (String, String)>) -> String {
    let entries: Vec<_> = entries.map(|(key, value)| format!("{key} = {value}")).collect();
    if entries.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{ {} }}", entries.join(", "))
    }
}
