//! The types that settings have beyond numbers, text and addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use clap::ValueEnum;

/// How bytes get from the socket to the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackendKind {
    /// The best one that the host allows.
    Auto,
    /// A ring of buffers registered with the kernel.
    Registered,
    /// Wait until readable, then receive into one hot slot.
    Readiness,
}

/// The kernel interface that the workers wait on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DriverKind {
    /// io_uring, or epoll where the host refuses that.
    Auto,
    /// io_uring or fail.
    #[value(name = "io_uring")]
    IoUring,
    /// epoll.
    Epoll,
}

/// What counts as a change of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CurationKind {
    /// A route's presence and all of its attributes.
    Attributes,
    /// Only whether the route is there.
    Presence,
    /// Everything: no table is kept.
    Off,
}

/// Where curated updates go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SinkKind {
    /// Rotating segment files under `file.data_dir`.
    File,
    /// NATS JetStream.
    Nats,
    /// JSON Lines on standard output.
    Stdout,
    /// Nowhere; for measurements.
    Null,
}

/// What happens when the sink can't take more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFull {
    /// The workers wait, and TCP slows the routers.
    Block,
    /// What the window has no room for waits on disk; once that is full too, the workers wait.
    Spool,
    /// Updates are thrown away; the routers' next dumps repair the stream.
    Drop,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompressionKind {
    /// Not at all.
    None,
    /// LZ4 frames: cheapest.
    Lz4,
    /// Zstandard frames, level 1: smallest.
    Zstd,
}

/// Where snapshots are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// In a directory of this host.
    Local,
    /// In a key-value bucket and an object store of NATS.
    Nats,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
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

    /// The text itself; for the one place that hands it to the server.
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

/// The text with whatever stands between `scheme://` and `@` replaced, since it may be a password or a token.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpPrefix {
    address: IpAddr,
    length: u8,
}

impl IpPrefix {
    /// The prefix with the bits beyond its length cleared, or nothing where `length` does not fit the family.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !host_bits_v4(length))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !host_bits_v6(length))),
        };
        (length <= bits).then_some(Self { address, length })
    }

    /// Whether the address lies in the prefix. IPv4-mapped IPv6 addresses are IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let length = if address.is_ipv4() { 32 } else { 128 };
        self.covers(&Self { address, length })
    }

    /// Whether the other prefix lies in this one, or is it.
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

/// The bits behind a prefix of this length.
fn host_bits_v4(length: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}

/// The bits behind a prefix of this length.
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

/// Every address of both families.
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
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "***");
        assert_eq!(mask_url("nats://joe:p@ss@host:4222"), "nats://***@host:4222");
        assert_eq!(mask_url("nats://host:4222"), "nats://host:4222");
    }
}
