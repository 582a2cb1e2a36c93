//! The setting `routers.identity`: which router a source address is, and what the routers are called.

use std::collections::BTreeMap;
use std::net::IpAddr;

use arancini_core::{Names, Naming};

use super::types::IpPrefix;
use super::value::{SettingValue, Value, quote};

/// What the setting says about an address, or about all addresses of a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The router that connections from this address belong to; the address itself if there is none.
    pub address: Option<IpAddr>,
    /// Name and labels of the router.
    pub naming: Naming,
}

/// Identities of routers, by source address or prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities(pub BTreeMap<IpPrefix, Identity>);

impl Identities {
    /// The router that a connection from this source belongs to.
    #[must_use]
    pub fn router_of(&self, source: IpAddr) -> IpAddr {
        let source = source.to_canonical();
        let identity = self.0.get(&IpPrefix::host(source));
        identity.and_then(|identity| identity.address).unwrap_or(source)
    }

    /// The names and labels, by the addresses of the routers.
    #[must_use]
    pub fn names(&self) -> Names {
        let named = self.0.iter().filter(|(_, identity)| !identity.naming.is_empty());
        let entries = named.map(|(source, identity)| {
            let routers = identity.address.map_or(*source, IpPrefix::host);
            (routers.address(), routers.length(), identity.naming.clone())
        });
        Names::new(entries.collect())
    }
}

impl SettingValue for Identities {
    fn expected() -> String {
        "a table of IP addresses or prefixes, like { \"10.0.0.1\" = \"192.0.2.1\", \"192.0.2.7\" = { name = \"edge-7\" }, \
         \"192.0.2.0/24\" = { labels = { site = \"fra\" } } }, each source once"
            .to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        let entries: Option<Vec<(IpPrefix, Identity)>> = match value {
            Value::Table(entries) => entries
                .iter()
                .map(|(source, value)| Some((source.parse().ok()?, read_identity(value)?)))
                .collect(),
            Value::Raw(text) => text
                .split(',')
                .filter(|entry| !entry.trim().is_empty())
                .map(|entry| {
                    let (source, router) = entry.split_once('=')?;
                    let router = Value::Raw(router.to_owned());
                    Some((source.trim().parse().ok()?, read_identity(&router)?))
                })
                .collect(),
            _ => None,
        };
        let entries = entries?;
        let count = entries.len();
        let identities: BTreeMap<_, _> = entries.into_iter().collect();
        // Two ways to write one address must not replace each other.
        (identities.len() == count).then_some(Self(identities))
    }
    fn write(&self) -> Option<String> {
        let entries = self.0.iter().map(|(source, identity)| {
            let is_host = *source == IpPrefix::host(source.address());
            let source = if is_host {
                source.address().to_string()
            } else {
                source.to_string()
            };
            (source, write_identity(identity))
        });
        Some(write_table(
            entries.map(|(source, identity)| (quote(&source), identity)),
        ))
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
