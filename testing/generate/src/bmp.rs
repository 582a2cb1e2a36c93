//! BMP messages (RFC 7854 §4, RFC 8671, RFC 9069).

use std::net::{IpAddr, Ipv4Addr};

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use super::open::Open;

/// Who a message is about: the fields of the per-peer header (RFC 7854 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Peer type: 0 global, 1 RD, 2 local; Loc-RIB makes it 3 whatever stands here.
    pub peer_type: u8,
    /// The table that is mirrored.
    pub view: RibView,
    /// Peer distinguisher.
    pub distinguisher: u64,
    /// The peer's address; zero for Loc-RIB.
    pub address: IpAddr,
    /// The peer's AS.
    pub asn: u32,
    /// The peer's BGP identifier.
    pub bgp_id: Ipv4Addr,
    /// Whether AS_PATHs have two-octet AS numbers (the A flag).
    pub two_octet_as: bool,
    /// Time of the event in seconds since the Unix epoch.
    pub seconds: u32,
    /// Microseconds of that time.
    pub microseconds: u32,
}

impl Peer {
    /// A global peer in the view before policy, at a fixed time.
    #[must_use]
    pub const fn new(address: IpAddr, asn: u32, bgp_id: Ipv4Addr) -> Self {
        Self {
            peer_type: 0,
            view: RibView::AdjRibInPre,
            distinguisher: 0,
            address,
            asn,
            bgp_id,
            two_octet_as: false,
            // 2026-01-01T00:00:00Z
            seconds: 1_767_225_600,
            microseconds: 0,
        }
    }

    /// The same peer in another view.
    #[must_use]
    pub const fn in_view(mut self, view: RibView) -> Self {
        self.view = view;
        self
    }

    /// The same peer at another time.
    #[must_use]
    pub const fn at(mut self, seconds: u32, microseconds: u32) -> Self {
        self.seconds = seconds;
        self.microseconds = microseconds;
        self
    }

    /// The part of the per-peer header that names the peer: distinguisher, address, AS and BGP identifier.
    pub(super) fn identity(&self) -> [u8; 32] {
        let mut identity = [0; 32];
        let (distinguisher, rest) = identity.split_at_mut(8);
        let (address, rest) = rest.split_at_mut(16);
        let (asn, bgp_id) = rest.split_at_mut(4);
        distinguisher.copy_from_slice(&self.distinguisher.to_be_bytes());
        address.copy_from_slice(&self.address_octets());
        asn.copy_from_slice(&self.asn.to_be_bytes());
        bgp_id.copy_from_slice(&self.bgp_id.octets());
        identity
    }

    /// The address as the header has it: zeros for a Loc-RIB (RFC 9069 §4.1).
    fn address_octets(&self) -> [u8; 16] {
        if self.view == RibView::LocRib {
            [0; 16]
        } else {
            address_octets(self.address)
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let loc_rib = self.view == RibView::LocRib;
        out.push(if loc_rib { 3 } else { self.peer_type });
        // Flags V, L, A, O (RFC 7854 §4.2, RFC 8671 §4). A Loc-RIB has only F (RFC 9069 §4.2).
        let mut flags = 0;
        if !loc_rib {
            flags |= if self.address.is_ipv6() { 0x80 } else { 0 };
            flags |= match self.view {
                RibView::AdjRibInPost | RibView::AdjRibOutPost => 0x40,
                _ => 0,
            };
            flags |= if self.two_octet_as { 0x20 } else { 0 };
            flags |= match self.view {
                RibView::AdjRibOutPre | RibView::AdjRibOutPost => 0x10,
                _ => 0,
            };
        }
        out.push(flags);
        out.extend(self.identity());
        out.extend(self.seconds.to_be_bytes());
        out.extend(self.microseconds.to_be_bytes());
    }
}

/// An address in 16 octets, IPv4 in the last four (RFC 7854 §4.2).
fn address_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()).to_be_bytes(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// Why a peer went down (RFC 7854 §4.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerDown {
    /// 1: the local system closed the session and sent this NOTIFICATION (header included).
    LocalNotification(Vec<u8>),
    /// 2: the local system closed the session by this event of the state machine.
    LocalEvent(u16),
    /// 3: the remote system closed the session and sent this NOTIFICATION (header included).
    RemoteNotification(Vec<u8>),
    /// 4: the remote system closed the session without a NOTIFICATION.
    RemoteSilent,
    /// 5: the peer is no longer monitored.
    NoLongerMonitored,
}

/// A statistic (RFC 7854 §4.8): its type and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// A 32-bit counter.
    Counter(u16, u32),
    /// A 64-bit gauge.
    Gauge(u16, u64),
    /// A 64-bit gauge of a family.
    FamilyGauge(u16, AfiSafi, u64),
}

/// Initiation with a sysName and a sysDescr.
#[must_use]
pub fn initiation(sys_name: &str, sys_description: &str) -> Vec<u8> {
    initiation_with(&[(1, sys_description.as_bytes()), (2, sys_name.as_bytes())])
}

/// Initiation with these information TLVs.
#[must_use]
pub fn initiation_with(tlvs: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in tlvs {
        tlv(*kind, value, &mut body);
    }
    message(4, None, &body)
}

/// Termination with a reason: 0 administratively closed, 1 unspecified, 2 out of resources, 3 redundant connection,
/// 4 permanently closed.
#[must_use]
pub fn termination(reason: u16) -> Vec<u8> {
    let mut body = Vec::new();
    tlv(1, &reason.to_be_bytes(), &mut body);
    message(5, None, &body)
}

/// Peer Up, with the OPEN that the router sent and the one it received.
#[must_use]
pub fn peer_up(peer: &Peer, local: IpAddr, sent: &Open, received: &Open) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(address_octets(local));
    body.extend(179_u16.to_be_bytes());
    body.extend(41_000_u16.to_be_bytes());
    body.extend(sent.to_bytes());
    body.extend(received.to_bytes());
    message(3, Some(peer), &body)
}

/// Peer Down.
#[must_use]
pub fn peer_down(peer: &Peer, reason: &PeerDown) -> Vec<u8> {
    let body = match reason {
        PeerDown::LocalNotification(notification) => [&[1], notification.as_slice()].concat(),
        PeerDown::LocalEvent(event) => [&[2], event.to_be_bytes().as_slice()].concat(),
        PeerDown::RemoteNotification(notification) => [&[3], notification.as_slice()].concat(),
        PeerDown::RemoteSilent => vec![4],
        PeerDown::NoLongerMonitored => vec![5],
    };
    message(2, Some(peer), &body)
}

/// Route Monitoring with a BGP UPDATE, header included.
#[must_use]
pub fn route_monitoring(peer: &Peer, update: &[u8]) -> Vec<u8> {
    message(0, Some(peer), update)
}

/// Statistics Report.
#[must_use]
pub fn statistics_report(peer: &Peer, statistics: &[Statistic]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend((statistics.len() as u32).to_be_bytes());
    for statistic in statistics {
        match statistic {
            Statistic::Counter(kind, value) => tlv(*kind, &value.to_be_bytes(), &mut body),
            Statistic::Gauge(kind, value) => tlv(*kind, &value.to_be_bytes(), &mut body),
            Statistic::FamilyGauge(kind, family, value) => {
                let [high, low] = family.afi.to_be_bytes();
                let value = [&[high, low, family.safi], &value.to_be_bytes()[..]].concat();
                tlv(*kind, &value, &mut body);
            }
        }
    }
    message(1, Some(peer), &body)
}

fn message(kind: u8, peer: Option<&Peer>, body: &[u8]) -> Vec<u8> {
    let length = 6 + peer.map_or(0, |_| 42) + body.len();
    let mut message = Vec::with_capacity(length);
    message.push(3);
    message.extend((length as u32).to_be_bytes());
    message.push(kind);
    if let Some(peer) = peer {
        peer.write(&mut message);
    }
    message.extend(body);
    message
}

fn tlv(kind: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend(kind.to_be_bytes());
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}
