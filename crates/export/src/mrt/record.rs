//! The header of a record (RFC 6396 §2, §3), and addresses in records.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr};

use super::registry::{AFI_IPV4, AFI_IPV6};

const NS_OF_SECOND: u64 = 1_000_000_000;
const NS_OF_MICROSECOND: u64 = 1000;

/// Whether a record has microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    Seconds,
    Microseconds,
}

/// Type and time of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordHeader {
    pub(super) unix_ns: u64,
    pub(super) kind: u16,
    pub(super) subtype: u16,
    pub(super) precision: Precision,
}

impl RecordHeader {
    /// Writes a record.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, body: &[u8], out: &mut impl Write) -> io::Result<()> {
        let with_microseconds = self.precision == Precision::Microseconds;
        let extra = if with_microseconds { 4 } else { 0 };
        let length = u32::try_from(body.len() + extra)
            .map_err(|_| io::Error::other("a record of MRT can't have more than 4 GiB"))?;
        // Unix seconds have 32 bits in MRT, until 2106.
        let seconds = (self.unix_ns / NS_OF_SECOND) as u32;
        out.write_all(&seconds.to_be_bytes())?;
        out.write_all(&self.kind.to_be_bytes())?;
        out.write_all(&self.subtype.to_be_bytes())?;
        out.write_all(&length.to_be_bytes())?;
        if with_microseconds {
            let microseconds = (self.unix_ns % NS_OF_SECOND / NS_OF_MICROSECOND) as u32;
            out.write_all(&microseconds.to_be_bytes())?;
        }
        out.write_all(body)
    }
}

/// An address of the schema: 16 octets, mapped for IPv4.
pub(super) fn address(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}

/// The AFI of an address.
pub(super) const fn afi_of(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => AFI_IPV4,
        IpAddr::V6(_) => AFI_IPV6,
    }
}

/// Appends an address.
pub(super) fn push_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => out.extend(address.octets()),
        IpAddr::V6(address) => out.extend(address.octets()),
    }
}
