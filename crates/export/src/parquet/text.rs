//! Numbers and addresses as text, without the machinery of `fmt`, because they are written for each row.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Appends a number in decimal digits.
#[inline]
pub(super) fn push_number(number: u32, out: &mut Vec<u8>) {
    let mut digits = [0; 10];
    let mut rest = number;
    let mut begin = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        begin -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(begin..).unwrap_or_default());
}

/// Appends an IPv4 address.
pub(super) fn push_ipv4(address: Ipv4Addr, out: &mut Vec<u8>) {
    let [a, b, c, d] = address.octets();
    push_number(u32::from(a), out);
    for octet in [b, c, d] {
        out.push(b'.');
        push_number(u32::from(octet), out);
    }
}

/// Appends an IPv6 address.
fn push_ipv6(address: Ipv6Addr, out: &mut Vec<u8>) {
    push(address, out);
}

/// Appends an address of 16 octets, a mapped address as IPv4.
pub(super) fn push_address(octets: [u8; 16], out: &mut Vec<u8>) {
    let address = Ipv6Addr::from(octets);
    match address.to_ipv4_mapped() {
        Some(address) => push_ipv4(address, out),
        None => push_ipv6(address, out),
    }
}

/// Appends a prefix. The family decides, since an IPv6 prefix may be in the mapped range.
pub(super) fn push_prefix(octets: [u8; 16], length: u8, afi: u16, out: &mut Vec<u8>) {
    match (afi, octets) {
        (1, [.., a, b, c, d]) => push_ipv4(Ipv4Addr::new(a, b, c, d), out),
        _ => push_ipv6(Ipv6Addr::from(octets), out),
    }
    out.push(b'/');
    push_number(u32::from(length), out);
}

/// Appends anything that can be displayed.
pub(super) fn push(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    // A vector takes everything.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_standard_library() {
        for number in [0, 1, 9, 10, 99, 100, 65_535, 4_200_000_000, u32::MAX] {
            let mut out = Vec::new();
            push_number(number, &mut out);
            assert_eq!(out, number.to_string().into_bytes());
        }
        let mut out = Vec::new();
        push_address(Ipv4Addr::new(10, 0, 255, 1).to_ipv6_mapped().octets(), &mut out);
        out.push(b' ');
        push_prefix(
            Ipv4Addr::new(192, 0, 2, 0).to_ipv6_mapped().octets(),
            24,
            1,
            &mut out,
        );
        out.push(b' ');
        push_prefix(
            Ipv4Addr::new(192, 0, 2, 0).to_ipv6_mapped().octets(),
            120,
            2,
            &mut out,
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            "10.0.255.1 192.0.2.0/24 ::ffff:192.0.2.0/120"
        );
    }
}
