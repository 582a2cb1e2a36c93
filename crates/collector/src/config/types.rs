//! Types of settings that are not plain numbers, text or addresses.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use clap::ValueEnum;

/// The receive path: how bytes get from the socket to the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackendKind {
    /// Use `registered` if the host supports it, else `readiness`.
    Auto,
    /// Receive into a ring of buffers registered with the kernel.
    Registered,
    /// Wait until the socket is readable, then receive into one slot that stays in the cache.
    Readiness,
}

/// The kernel interface that the workers wait on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DriverKind {
    /// Use io_uring, or epoll if the host refuses io_uring.
    Auto,
    /// Use io_uring; fail if the host refuses it.
    #[value(name = "io_uring")]
    IoUring,
    /// Use epoll.
    Epoll,
}

/// What says which router a connection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum IdentityKind {
    /// The source address of the connection.
    #[default]
    Address,
    /// The source address in the PROXY protocol header, if the connection comes from a load balancer.
    Proxy,
    /// The sysName in its first Initiation message.
    #[value(name = "sysname")]
    SysName,
}

/// What happens when a router that has a session opens another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SameIdentity {
    /// The newer session replaces the one that is open.
    Replace,
    /// The session that is open stays, and the newer connection is closed.
    Refuse,
}

/// What says which router a connection belongs to, for each address that the collector listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentifyBy {
    /// The same on all addresses.
    Everywhere(IdentityKind),
    /// Of its own on each address; the default on those that are not here.
    ByListener(BTreeMap<SocketAddr, IdentityKind>),
}

impl Default for IdentifyBy {
    fn default() -> Self {
        Self::Everywhere(IdentityKind::default())
    }
}

impl IdentifyBy {
    /// What identifies the routers that connect to this address of `listen.address`.
    #[must_use]
    pub fn at(&self, listener: SocketAddr) -> IdentityKind {
        match self {
            Self::Everywhere(kind) => *kind,
            Self::ByListener(kinds) => kinds.get(&listener).copied().unwrap_or_default(),
        }
    }

    /// Returns whether any listener identifies routers in this way.
    #[must_use]
    pub fn uses(&self, kind: IdentityKind) -> bool {
        match self {
            Self::Everywhere(everywhere) => *everywhere == kind,
            Self::ByListener(kinds) => kinds.values().any(|of_listener| *of_listener == kind),
        }
    }
}

/// What counts as a change of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CurationKind {
    /// A route appears, disappears, or changes one of its attributes.
    Attributes,
    /// A route appears or disappears.
    Presence,
    /// Publish every update as received; keep no tables.
    Off,
}

/// What the tables keep of the attributes of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AttributesKind {
    /// A fingerprint of them.
    Fingerprint,
    /// The attributes, each distinct set once for each worker.
    Retain,
}

/// What a client certificate allows at the control port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientsMay {
    /// To read.
    Read,
    /// To read, and to make the collector do something.
    Act,
}

/// The sink: where curated updates are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SinkKind {
    /// Rotating segment files under `file.data_dir`.
    File,
    /// NATS JetStream.
    Nats,
    /// JSON Lines on standard output.
    Stdout,
    /// Nowhere: updates are counted and discarded, for measurements.
    Null,
}

impl fmt::Display for SinkKind {
    /// Writes the name as in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Nats => "nats",
            Self::Stdout => "stdout",
            Self::Null => "null",
        })
    }
}

/// What happens when the window and the bridge are full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFull {
    /// The workers stop receiving, and TCP slows the routers.
    Block,
    /// Batches wait on disk until the window has room; when the disk's share is full, the workers stop receiving.
    Spool,
    /// Updates are discarded; the next dumps of the routers repair the stream.
    Drop,
}

/// How the messages of a batch are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatKind {
    /// Cap'n Proto.
    Capnp,
    /// JSON, one object a line.
    Json,
}

/// How the payload of a batch is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompressionKind {
    /// No compression.
    None,
    /// LZ4 frames: least CPU time.
    Lz4,
    /// Zstandard frames, level 1: smallest size.
    Zstd,
}

/// Where snapshots are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// In a directory on this host.
    Local,
    /// In a key-value bucket and an object store of NATS.
    Nats,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Plain text for people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Text that must not reach a log: its `Debug` and `Display` show `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text itself. Only the code that logs in at the server calls this.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Returns the URL with everything between `scheme://` and `@` replaced by `***`, because it may be a password or a token.
#[must_use]
pub fn mask_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}"),
        None => text.to_owned(),
    }
}

/// An IP prefix such as `192.0.2.0/24`; a bare address is a prefix of its full length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpPrefix {
    address: IpAddr,
    length: u8,
}

impl IpPrefix {
    /// Makes a prefix and clears the bits beyond its length. Returns `None` if `length` is too long for the address family. A
    /// prefix of IPv4-mapped IPv6 addresses becomes the IPv4 prefix.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let (address, length) = match (address.to_canonical(), length) {
            (IpAddr::V4(v4), 96..=128) if address.is_ipv6() => (IpAddr::V4(v4), length - 96),
            _ => (address, length),
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !host_bits_v4(length))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !host_bits_v6(length))),
        };
        (length <= bits).then_some(Self { address, length })
    }

    /// The prefix that contains this address only. An IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let length = if address.is_ipv4() { 32 } else { 128 };
        Self { address, length }
    }

    /// Returns the first address of the prefix.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the number of bits that all addresses of the prefix share.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Returns the last address of the prefix.
    #[must_use]
    pub fn last_address(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() | host_bits_v4(self.length)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() | host_bits_v6(self.length)).into(),
        }
    }

    /// Returns whether the address lies in the prefix. An IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let length = if address.is_ipv4() { 32 } else { 128 };
        self.covers(&Self { address, length })
    }

    /// Returns whether the other prefix lies in this one or equals it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.length <= other.length
            && match (self.address, other.address) {
                (IpAddr::V4(own), IpAddr::V4(other)) => {
                    own.to_bits() ^ other.to_bits() <= host_bits_v4(self.length)
                }
                (IpAddr::V6(own), IpAddr::V6(other)) => {
                    own.to_bits() ^ other.to_bits() <= host_bits_v6(self.length)
                }
                _ => false,
            }
    }
}

/// Returns the mask of the host bits that follow a prefix of this length.
fn host_bits_v4(length: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}

/// Returns the mask of the host bits that follow a prefix of this length.
fn host_bits_v6(length: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}

impl FromStr for IpPrefix {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().map_err(|_| ())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        Self::new(address, length.unwrap_or(full)).ok_or(())
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Returns the prefixes that contain every address of both families.
#[must_use]
pub fn any_source() -> Vec<IpPrefix> {
    [IpAddr::from([0, 0, 0, 0]), IpAddr::V6(Ipv6Addr::UNSPECIFIED)]
        .into_iter()
        .filter_map(|address| IpPrefix::new(address, 0))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_prefix_contains_its_addresses_and_no_others() {
        let prefix: IpPrefix = "192.0.2.0/25".parse().unwrap();
        assert!(prefix.contains("192.0.2.127".parse().unwrap()));
        assert!(prefix.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!prefix.contains("192.0.2.128".parse().unwrap()));
        assert!(!prefix.contains("2001:db8::1".parse().unwrap()));
        assert!(
            any_source()
                .iter()
                .any(|any| any.contains("203.0.113.1".parse().unwrap()))
        );
        assert!(
            any_source()
                .iter()
                .any(|any| any.contains("2001:db8::1".parse().unwrap()))
        );
        assert!("192.0.2.0/33".parse::<IpPrefix>().is_err());
    }

    #[test]
    fn a_prefix_of_ipv4_mapped_addresses_is_the_ipv4_prefix() {
        for (mapped, plain) in [
            ("::ffff:192.0.2.0/121", "192.0.2.0/25"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
        ] {
            let mapped: IpPrefix = mapped.parse().unwrap();
            assert_eq!(mapped, plain.parse().unwrap());
            assert_eq!(mapped.to_string(), plain);
        }
        let mapped: IpPrefix = "::ffff:192.0.2.0/121".parse().unwrap();
        assert!(mapped.contains("192.0.2.127".parse().unwrap()));
        assert!(!mapped.contains("192.0.2.128".parse().unwrap()));
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "***");
        assert_eq!(mask_url("nats://joe:p@ss@host:4222"), "nats://***@host:4222");
        assert_eq!(mask_url("nats://host:4222"), "nats://host:4222");
    }
}
