//! The default of `listen.address`, which depends on the kernel.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// The port for routers.
const PORT: u16 = 4000;

/// Whether the kernel has IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ipv6 {
    /// IPv6 sockets can be made.
    Available,
    /// The kernel was built or started without IPv6.
    Missing,
}

/// Asks the kernel whether it has IPv6.
#[must_use]
pub fn has_ipv6() -> Ipv6 {
    /// `EAFNOSUPPORT` of Linux.
    const ADDRESS_FAMILY_NOT_SUPPORTED: i32 = 97;
    match Socket::new(Domain::IPV6, Type::STREAM, None) {
        Err(error) if error.raw_os_error() == Some(ADDRESS_FAMILY_NOT_SUPPORTED) => Ipv6::Missing,
        _ => Ipv6::Available,
    }
}

/// Returns the address to listen on if none is set: every address of the host.
#[must_use]
pub const fn default_address(ipv6: Ipv6) -> SocketAddr {
    match ipv6 {
        Ipv6::Available => SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT),
        Ipv6::Missing => SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT),
    }
}

/// Returns whether this is the default address of a kernel without IPv6, on such a kernel.
#[must_use]
pub fn is_ipv4_fallback(addresses: &[SocketAddr]) -> bool {
    addresses == [default_address(Ipv6::Missing)] && has_ipv6() == Ipv6::Missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_ipv6_listens_on_ipv4_by_default() {
        assert_eq!(default_address(Ipv6::Available).to_string(), "[::]:4000");
        assert_eq!(default_address(Ipv6::Missing).to_string(), "0.0.0.0:4000");
    }
}
