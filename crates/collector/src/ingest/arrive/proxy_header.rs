//! The PROXY protocol header, version 1 and 2: how long it is, and which router it names.
//!
//! A load balancer sends the header before everything else of a connection that it relays
//! (<https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>). `proxy-header` reads it. This module finds its end without
//! a byte behind it, bounds it, and decides what a header means for a router. Fields behind the addresses (TLVs, and with them
//! the checksum) are passed over.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use proxy_header::{ParseConfig, Protocol, ProxyHeader};

/// Longest header that is read. The addresses take 52 bytes; the rest is for fields that load balancers add, as names of
/// certificates.
pub const MOST_BYTES: usize = 4096;

/// Longest header of version 1, with its line end (§2.1).
const MOST_BYTES_V1: usize = 107;
/// Shortest header: `PROXY UNKNOWN\r\n` (§2.1). One of version 2 has a byte more.
const LEAST_BYTES: usize = 15;
const PREFIX_V1: &[u8] = b"PROXY ";
/// The signature of version 2 (§2.2).
const SIGNATURE_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, and the length of the rest (§2.2).
const FIXED_BYTES_V2: usize = 16;
/// Version 2 and the command LOCAL: "the receiver must […] discard the protocol block including the family which is ignored"
/// (§2.2).
const LOCAL_V2: u8 = 0x20;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The load balancer relays a connection that comes from this address.
    Relayed(SocketAddr),
    /// The load balancer names no address: it speaks for itself (LOCAL), or it doesn't know (UNKNOWN, UNSPEC, a Unix socket).
    Unnamed,
}

/// How far a header has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// At least so many more bytes belong to the header.
    Missing(usize),
    /// The header ends with the next line end, which comes within this many bytes.
    MissingLine(usize),
    /// The header is whole.
    Whole(Header),
}

/// Why there is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The connection begins with something else.
    Absent,
    /// The header can't be parsed.
    Malformed,
    /// The header would be longer than [`MOST_BYTES`].
    TooLong(usize),
    /// The header is one of a datagram.
    NotTcp,
    /// No router can have this address.
    NoRouter(IpAddr),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(
                "it began without a PROXY protocol header, although its address is on listen.proxy_from; make the load balancer \
                 send the header (HAProxy: send-proxy-v2, nginx: proxy_protocol on), or take the address off the list",
            ),
            Self::Malformed => f.write_str("its PROXY protocol header can't be parsed"),
            Self::TooLong(bytes) => write!(
                f,
                "its PROXY protocol header has {bytes} bytes, and at most {MOST_BYTES} are read; make the load balancer add fewer fields"
            ),
            Self::NotTcp => f.write_str("its PROXY protocol header is one of datagrams, and BMP uses TCP"),
            Self::NoRouter(address) => {
                write!(f, "its PROXY protocol header names {address}, which no router can have")
            }
        }
    }
}

/// Returns whether the bytes begin like a header of either version.
pub fn may_be_header(bytes: &[u8]) -> bool {
    [PREFIX_V1, SIGNATURE_V2]
        .iter()
        .any(|prefix| agrees(bytes, prefix))
}

/// Whether the bytes and the prefix are the same as far as both go.
fn agrees(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.iter().zip(prefix).all(|(byte, expected)| byte == expected)
}

/// Looks at the bytes of a header that have come. They must not go beyond the header, so each call says how many to read.
///
/// # Errors
/// This is no header, or none that names a router.
pub fn progress(bytes: &[u8]) -> Result<Progress, Unreadable> {
    if !may_be_header(bytes) {
        return Err(Unreadable::Absent);
    }
    if bytes.len() < LEAST_BYTES {
        return Ok(Progress::Missing(LEAST_BYTES - bytes.len()));
    }
    if agrees(bytes, PREFIX_V1) {
        return progress_v1(bytes);
    }
    match bytes.get(FIXED_BYTES_V2 - 2..FIXED_BYTES_V2) {
        Some(&[high, low]) => {
            let length = FIXED_BYTES_V2 + usize::from(u16::from_be_bytes([high, low]));
            if length > MOST_BYTES {
                Err(Unreadable::TooLong(length))
            } else if bytes.len() < length {
                Ok(Progress::Missing(length - bytes.len()))
            } else {
                parse(bytes).map(Progress::Whole)
            }
        }
        _ => Ok(Progress::Missing(FIXED_BYTES_V2 - bytes.len())),
    }
}

fn progress_v1(bytes: &[u8]) -> Result<Progress, Unreadable> {
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) if end + 1 == bytes.len() => parse(bytes).map(Progress::Whole),
        None if bytes.len() < MOST_BYTES_V1 => Ok(Progress::MissingLine(MOST_BYTES_V1 - bytes.len())),
        _ => Err(Unreadable::Malformed),
    }
}

/// Reads a whole header.
fn parse(bytes: &[u8]) -> Result<Header, Unreadable> {
    let is_v2 = agrees(bytes, SIGNATURE_V2);
    if is_v2 && bytes.get(SIGNATURE_V2.len()) == Some(&LOCAL_V2) {
        return Ok(Header::Unnamed);
    }
    let config = ParseConfig {
        include_tlvs: false,
        ..ParseConfig::default()
    };
    // The crate asks for more bytes if a header of version 2 is too short for its family. There are none: it is whole.
    let (header, length) = ProxyHeader::parse(bytes, config).map_err(|_| Unreadable::Malformed)?;
    if length != bytes.len() {
        return Err(Unreadable::Malformed);
    }
    let Some(proxied) = header.proxied_address() else {
        return Ok(Header::Unnamed);
    };
    if proxied.protocol != Protocol::Stream {
        return Err(Unreadable::NotTcp);
    }
    let address = proxied.source.ip().to_canonical();
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || is_broadcast {
        return Err(Unreadable::NoRouter(address));
    }
    Ok(Header::Relayed(SocketAddr::new(address, proxied.source.port())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A header of version 2 with this command, family and block.
    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = (block.len() as u16).to_be_bytes();
        [SIGNATURE_V2, &[command, family], &length, block].concat()
    }

    /// Reads a header with something behind it, as its connection does, and returns how many bytes were read.
    fn read(header: &[u8]) -> (Result<Header, Unreadable>, usize) {
        let all = [header, b"\n\x03\0\0\0\x06\x04"].concat();
        let mut taken = 0;
        loop {
            let missing = match progress(&all[..taken]) {
                Ok(Progress::Whole(header)) => return (Ok(header), taken),
                Ok(Progress::Missing(bytes)) => bytes,
                Ok(Progress::MissingLine(within)) => {
                    let rest = &all[taken..all.len().min(taken + within)];
                    let line = rest.iter().position(|&byte| byte == b'\n');
                    line.map_or(rest.len(), |end| end + 1)
                }
                Err(error) => return (Err(error), taken),
            };
            assert!(missing > 0);
            assert!(taken < all.len(), "more is asked for than there is: {all:?}");
            taken = all.len().min(taken + missing);
        }
    }

    #[test]
    fn headers_of_both_versions_name_the_router_and_nothing_behind_them_is_read() {
        let v4 = [10, 0, 0, 1, 192, 0, 2, 9, 0xc3, 0x50, 0x0f, 0xa0];
        let v6 = |address: &str| {
            let address: std::net::Ipv6Addr = address.parse().unwrap();
            [&address.octets(), [0; 16].as_slice(), &[0x1f, 0x90, 0, 7]].concat()
        };
        let tlvs = [v4.as_slice(), &[5, 0, 3, 1, 2, 3]].concat();
        for (header, router) in [
            (
                b"PROXY TCP4 10.0.0.1 192.0.2.9 50000 4000\r\n".to_vec(),
                "10.0.0.1:50000",
            ),
            (
                b"PROXY TCP6 2001:db8::7 2001:db8::9 8080 4000\r\n".to_vec(),
                "[2001:db8::7]:8080",
            ),
            (
                b"PROXY TCP6 ::ffff:10.0.0.1 ::ffff:192.0.2.9 1 4000\r\n".to_vec(),
                "10.0.0.1:1",
            ),
            (v2(0x21, 0x11, &v4), "10.0.0.1:50000"),
            (v2(0x21, 0x11, &tlvs), "10.0.0.1:50000"),
            (v2(0x21, 0x21, &v6("2001:db8::7")), "[2001:db8::7]:8080"),
            (v2(0x21, 0x21, &v6("::ffff:10.0.0.1")), "10.0.0.1:8080"),
        ] {
            let router = Header::Relayed(router.parse().unwrap());
            assert_eq!(read(&header), (Ok(router), header.len()), "{header:?}");
            for cut in 0..header.len() {
                assert!(!matches!(
                    progress(&header[..cut]),
                    Ok(Progress::Whole(_)) | Err(_)
                ));
            }
        }
    }

    /// AWS fills the addresses of a LOCAL header, and others may leave them out.
    #[test]
    fn headers_without_an_address_are_whole() {
        let most = format!("PROXY UNKNOWN {} {0} 65535 65535\r\n", ["ffff"; 8].join(":"));
        assert_eq!(most.len(), MOST_BYTES_V1);
        for header in [
            b"PROXY UNKNOWN\r\n".to_vec(),
            most.into_bytes(),
            v2(0x20, 0x00, &[]),
            v2(0x20, 0x11, &[10, 0, 0, 1, 192, 0, 2, 9, 0, 1, 0, 2]),
            v2(0x20, 0x11, &[]),
            v2(0x20, 0xff, &[1, 2, 3]),
            v2(0x21, 0x00, &[4, 0, 1, 0]),
            v2(0x21, 0x31, &[7; 216]),
        ] {
            assert_eq!(read(&header), (Ok(Header::Unnamed), header.len()), "{header:?}");
        }
    }

    #[test]
    fn what_is_no_header_says_why() {
        let v4 = [10, 0, 0, 1, 192, 0, 2, 9, 0xc3, 0x50, 0x0f, 0xa0];
        let mut other_version = v2(0x21, 0x11, &v4);
        other_version[12] = 0x31;
        for (bytes, why) in [
            (b"\x03\0\0\0\x06\x04".to_vec(), Unreadable::Absent),
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Unreadable::Absent),
            (
                b"PROXYTCP4 10.0.0.1 192.0.2.9 1 2\r\n".to_vec(),
                Unreadable::Absent,
            ),
            (b"\r\n\r\n\0\r\nQUIX\n".to_vec(), Unreadable::Absent),
            (
                b"PROXY TCP5 10.0.0.1 192.0.2.9 1 2\r\n".to_vec(),
                Unreadable::Malformed,
            ),
            (
                b"PROXY TCP4 10.0.0.1 192.0.2.9 1\r\n".to_vec(),
                Unreadable::Malformed,
            ),
            (
                b"PROXY TCP4 10.0.0.1 192.0.2.9 1 70000\r\n".to_vec(),
                Unreadable::Malformed,
            ),
            (
                b"PROXY TCP4 2001:db8::7 192.0.2.9 1 2\r\n".to_vec(),
                Unreadable::Malformed,
            ),
            (
                b"PROXY TCP4 10.0.0.1 192.0.2.9 1 2\n".to_vec(),
                Unreadable::Malformed,
            ),
            (b"PROXY \n123456789012".to_vec(), Unreadable::Malformed),
            (
                [b"PROXY ".as_slice(), &[b'x'; 200]].concat(),
                Unreadable::Malformed,
            ),
            (other_version, Unreadable::Malformed),
            (v2(0x22, 0x11, &v4), Unreadable::Malformed),
            (v2(0x21, 0x41, &v4), Unreadable::Malformed),
            (v2(0x21, 0x11, &v4[..11]), Unreadable::Malformed),
            (v2(0x21, 0x21, &v4), Unreadable::Malformed),
            (v2(0x21, 0x12, &v4), Unreadable::NotTcp),
            (
                v2(0x21, 0x11, &[0; 12]),
                Unreadable::NoRouter([0, 0, 0, 0].into()),
            ),
            (v2(0x21, 0x11, &[255; 12]), Unreadable::NoRouter([255; 4].into())),
            (v2(0x21, 0x11, &vec![1; 5000]), Unreadable::TooLong(5016)),
        ] {
            assert_eq!(read(&bytes).0, Err(why), "{bytes:?}");
        }
    }

    /// Bytes from outside cause no panic, and a header is never longer than its bound.
    #[test]
    fn changed_headers_end_in_a_header_or_an_error() {
        let v4 = [10, 0, 0, 1, 192, 0, 2, 9, 0xc3, 0x50, 0x0f, 0xa0];
        let headers = [
            b"PROXY TCP4 10.0.0.1 192.0.2.9 50000 4000\r\n".to_vec(),
            b"PROXY TCP6 2001:db8::7 2001:db8::9 8080 4000\r\n".to_vec(),
            v2(0x21, 0x11, &v4),
            v2(0x21, 0x31, &[7; 216]),
        ];
        for header in headers {
            for at in 0..header.len() {
                for value in 0..=u8::MAX {
                    let mut changed = header.clone();
                    changed[at] = value;
                    // What is missing may never come.
                    changed.resize(MOST_BYTES, b' ');
                    let (_, read) = read(&changed);
                    assert!(read <= MOST_BYTES);
                }
            }
        }
    }
}
