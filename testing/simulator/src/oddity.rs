//! What a router does differently from others, as real routers do, or as no RFC allows.

use arancini_generate::Random;

/// The oddities of a router. They stay for the whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities {
    /// It sends no Peer Up for the peer in the VRF.
    pub no_vrf_up: bool,
    /// Every third message has the BGP identifier 0 in its per-peer header.
    pub zero_ids: bool,
    /// The Route Monitoring messages of one peer have another AS number in their headers than its Peer Up.
    pub other_as: bool,
    /// A peer that comes back after a Peer Down may have another BGP identifier.
    pub new_ids: bool,
    /// It sends Peer Ups for its Loc-RIB. With each one, IPv4 may gain or lose path identifiers.
    pub loc_rib_up: bool,
    /// Some of its announces withdraw the same prefixes in the same UPDATE.
    pub also_withdraws: bool,
    /// It withdraws with a label of 0, and EVPN routes with an Ethernet segment of 0.
    pub zero_labels: bool,
}

impl Oddities {
    /// Draws the oddities of a router. Half of the routers have none.
    pub fn draw(random: &mut Random) -> Self {
        if random.percent(50) {
            return Self::default();
        }
        Self {
            no_vrf_up: random.percent(50),
            zero_ids: random.percent(40),
            other_as: random.percent(40),
            new_ids: random.percent(40),
            loc_rib_up: random.percent(40),
            also_withdraws: random.percent(40),
            zero_labels: random.percent(50),
        }
    }
}
