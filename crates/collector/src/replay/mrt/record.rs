//! Records of a file, and a reader of their fields that never reads beyond the end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const HEADER: usize = 12;
/// A record of more octets is no record: the longest is a prefix with 65,535 peers.
const LONGEST_RECORD: usize = 64 << 20;

pub(super) const TABLE_DUMP: u16 = 12;
pub(super) const TABLE_DUMP_V2: u16 = 13;
pub(super) const BGP4MP: u16 = 16;
pub(super) const BGP4MP_ET: u16 = 17;

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// Its time in Unix seconds, and the microseconds behind them.
    pub(super) time: (u32, u32),
    pub(super) kind: u16,
    pub(super) subtype: u16,
    pub(super) body: &'a [u8],
}

/// Whether a file begins with a record of BGP. A BMP message never does: its sixth octet is a message type below 7.
pub(crate) fn is_mrt(bytes: &[u8]) -> bool {
    let mut fields = Fields::new(bytes);
    let head = (|| Some((fields.u32()?, fields.u16()?, fields.u16()?, fields.u32()?)))();
    let Some((_, kind, subtype, length)) = head else {
        return false;
    };
    let most = match kind {
        TABLE_DUMP => 2,
        TABLE_DUMP_V2 => 12,
        BGP4MP | BGP4MP_ET => 11,
        _ => return false,
    };
    subtype <= most && length as usize <= LONGEST_RECORD
}

/// Iterates over the records of a file.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes of the whole records so far.
    pub(super) const fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let mut fields = Fields::new(self.bytes.get(self.at..)?);
        let (seconds, kind, subtype, length) = (fields.u32()?, fields.u16()?, fields.u16()?, fields.u32()?);
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= LONGEST_RECORD)?;
        let mut body = fields.take(length)?;
        let microseconds = if kind == BGP4MP_ET {
            // A record without its microseconds has no content either.
            let split = body.split_first_chunk::<4>();
            let (microseconds, rest) = split.unwrap_or((&[0; 4], &[]));
            body = rest;
            u32::from_be_bytes(*microseconds)
        } else {
            0
        };
        self.at += HEADER + length;
        Some(Record {
            time: (seconds, microseconds),
            kind,
            subtype,
            body,
        })
    }
}

/// Reads the fields of a record one after the other; `None` behind its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads an address of this family.
    pub(super) fn address(&mut self, afi: u16) -> Option<IpAddr> {
        match afi {
            1 => self.array::<4>().map(|octets| Ipv4Addr::from(octets).into()),
            2 => self.array::<16>().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        }
    }

    /// Reads an AS number of two or four octets.
    pub(super) fn asn(&mut self, has_four_octets: bool) -> Option<u32> {
        if has_four_octets {
            self.u32()
        } else {
            self.u16().map(u32::from)
        }
    }
}
