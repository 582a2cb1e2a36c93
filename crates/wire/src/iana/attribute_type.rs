//! IANA "BGP Path Attributes": the type codes that this crate knows by name.

/// RFC 4271.
pub const ORIGIN: u8 = 1;
/// RFC 4271.
pub const AS_PATH: u8 = 2;
/// RFC 4271.
pub const NEXT_HOP: u8 = 3;
/// RFC 4271.
pub const MULTI_EXIT_DISC: u8 = 4;
/// RFC 4271.
pub const LOCAL_PREF: u8 = 5;
/// RFC 4271.
pub const ATOMIC_AGGREGATE: u8 = 6;
/// RFC 4271.
pub const AGGREGATOR: u8 = 7;
/// RFC 1997.
pub const COMMUNITIES: u8 = 8;
/// RFC 4456.
pub const ORIGINATOR_ID: u8 = 9;
/// RFC 4456.
pub const CLUSTER_LIST: u8 = 10;
/// RFC 4760.
pub const MP_REACH_NLRI: u8 = 14;
/// RFC 4760.
pub const MP_UNREACH_NLRI: u8 = 15;
/// RFC 4360.
pub const EXTENDED_COMMUNITIES: u8 = 16;
/// RFC 6793.
pub const AS4_PATH: u8 = 17;
/// RFC 6793.
pub const AS4_AGGREGATOR: u8 = 18;
/// RFC 6514.
pub const PMSI_TUNNEL: u8 = 22;
/// RFC 9012.
pub const TUNNEL_ENCAPSULATION: u8 = 23;
/// RFC 5543.
pub const TRAFFIC_ENGINEERING: u8 = 24;
/// RFC 5701.
pub const IPV6_EXTENDED_COMMUNITIES: u8 = 25;
/// RFC 7311.
pub const AIGP: u8 = 26;
/// RFC 9552.
pub const BGP_LS: u8 = 29;
/// RFC 8092.
pub const LARGE_COMMUNITIES: u8 = 32;
/// RFC 8205.
pub const BGPSEC_PATH: u8 = 33;
/// RFC 9234.
pub const ONLY_TO_CUSTOMER: u8 = 35;
/// RFC 8669.
pub const PREFIX_SID: u8 = 40;
/// RFC 6368.
pub const ATTR_SET: u8 = 128;

/// Name of the attribute in the registry; `None` if this crate does not know the attribute.
#[must_use]
pub const fn name(code: u8) -> Option<&'static str> {
    Some(match code {
        ORIGIN => "ORIGIN",
        AS_PATH => "AS_PATH",
        NEXT_HOP => "NEXT_HOP",
        MULTI_EXIT_DISC => "MULTI_EXIT_DISC",
        LOCAL_PREF => "LOCAL_PREF",
        ATOMIC_AGGREGATE => "ATOMIC_AGGREGATE",
        AGGREGATOR => "AGGREGATOR",
        COMMUNITIES => "COMMUNITIES",
        ORIGINATOR_ID => "ORIGINATOR_ID",
        CLUSTER_LIST => "CLUSTER_LIST",
        MP_REACH_NLRI => "MP_REACH_NLRI",
        MP_UNREACH_NLRI => "MP_UNREACH_NLRI",
        EXTENDED_COMMUNITIES => "EXTENDED_COMMUNITIES",
        AS4_PATH => "AS4_PATH",
        AS4_AGGREGATOR => "AS4_AGGREGATOR",
        PMSI_TUNNEL => "PMSI_TUNNEL",
        TUNNEL_ENCAPSULATION => "TUNNEL_ENCAPSULATION",
        TRAFFIC_ENGINEERING => "TRAFFIC_ENGINEERING",
        IPV6_EXTENDED_COMMUNITIES => "IPV6_EXTENDED_COMMUNITIES",
        AIGP => "AIGP",
        BGP_LS => "BGP-LS",
        LARGE_COMMUNITIES => "LARGE_COMMUNITIES",
        BGPSEC_PATH => "BGPsec_PATH",
        ONLY_TO_CUSTOMER => "ONLY_TO_CUSTOMER",
        PREFIX_SID => "PREFIX_SID",
        ATTR_SET => "ATTR_SET",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ONLY_TO_CUSTOMER, name};

    #[test]
    fn every_named_attribute_has_a_name_of_its_own() {
        let named: Vec<_> = (0..=u8::MAX).filter_map(name).collect();
        let distinct: BTreeSet<_> = named.iter().collect();
        assert_eq!(named.len(), distinct.len());
        assert_eq!(name(ONLY_TO_CUSTOMER), Some("ONLY_TO_CUSTOMER"));
        assert_eq!(name(0), None);
    }
}
