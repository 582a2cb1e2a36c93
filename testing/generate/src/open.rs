//! BGP OPEN messages (RFC 4271 §4.2) with the capabilities that change how UPDATEs are read.

use std::net::Ipv4Addr;

use arancini_wire::iana::AfiSafi;

/// What one side of a session can do with path identifiers of a family (RFC 7911 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum AddPathMode {
    /// It takes several paths.
    Receive = 1,
    /// It sends several paths.
    Send = 2,
    /// Both.
    Both = 3,
}

/// AS_TRANS, which stands in the two-octet field for a number that does not fit (RFC 6793 §9).
const AS_TRANS: u16 = 23456;

/// The content of an OPEN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The speaker's AS.
    pub asn: u32,
    /// Its BGP identifier.
    pub bgp_id: Ipv4Addr,
    /// Whether the OPEN advertises 4-octet AS numbers (RFC 6793).
    pub four_octet_as: bool,
    /// Families that the OPEN advertises (RFC 4760).
    pub families: Vec<AfiSafi>,
    /// Families with path identifiers (RFC 7911).
    pub add_path: Vec<(AfiSafi, AddPathMode)>,
    /// Whether the OPEN advertises messages of up to 65,535 bytes (RFC 8654).
    pub extended_messages: bool,
}

impl Open {
    /// A speaker of today: 4-octet AS numbers, IPv4 and IPv6 unicast.
    #[must_use]
    pub fn new(asn: u32, bgp_id: Ipv4Addr) -> Self {
        Self {
            asn,
            bgp_id,
            four_octet_as: true,
            families: vec![AfiSafi::IPV4_UNICAST, AfiSafi::IPV6_UNICAST],
            add_path: Vec::new(),
            extended_messages: false,
        }
    }

    /// The same with path identifiers for a family.
    #[must_use]
    pub fn with_add_path(mut self, family: AfiSafi, mode: AddPathMode) -> Self {
        self.add_path.push((family, mode));
        self
    }

    /// The same as an OLD speaker: no 4-octet AS numbers.
    #[must_use]
    pub fn with_two_octet_as(mut self) -> Self {
        self.four_octet_as = false;
        self
    }

    /// The message, header included.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let capabilities = self.capabilities();
        let mut body = vec![4];
        body.extend(u16::try_from(self.asn).unwrap_or(AS_TRANS).to_be_bytes());
        body.extend(180_u16.to_be_bytes());
        body.extend(self.bgp_id.octets());
        if capabilities.is_empty() {
            body.push(0);
        } else {
            // One optional parameter of type 2 (RFC 5492) carries all capabilities, which stay below 254 octets here.
            body.push((capabilities.len() + 2) as u8);
            body.extend([2, capabilities.len() as u8]);
            body.extend(capabilities);
        }
        super::update::bgp_message(1, &body)
    }

    fn capabilities(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for family in &self.families {
            let [high, low] = family.afi.to_be_bytes();
            all.extend([1, 4, high, low, 0, family.safi]);
        }
        all.extend([2, 0]);
        if self.extended_messages {
            all.extend([6, 0]);
        }
        if self.four_octet_as {
            all.extend([65, 4]);
            all.extend(self.asn.to_be_bytes());
        }
        if !self.add_path.is_empty() {
            all.extend([69, (self.add_path.len() * 4) as u8]);
            for (family, mode) in &self.add_path {
                let [high, low] = family.afi.to_be_bytes();
                all.extend([high, low, family.safi, *mode as u8]);
            }
        }
        all
    }
}
