//! The names of the loads.

/// The name of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadName {
    /// Full tables with packed UPDATEs.
    FullPacked,
    /// Full tables prefix by prefix, before and after policy.
    FullSingle,
    /// The tables of a router that reconnects.
    Reconnect,
    /// Incremental updates of many peers.
    Churn,
    /// Full IPv6 tables.
    Ipv6,
    /// VPN routes of both families.
    Vpn,
    /// Loc-RIBs with names.
    NamedTables,
    /// Tables with several paths of each prefix.
    AddPath,
}

impl LoadName {
    /// All loads.
    pub const ALL: [Self; 8] = [
        Self::FullPacked,
        Self::FullSingle,
        Self::Reconnect,
        Self::Churn,
        Self::Ipv6,
        Self::Vpn,
        Self::NamedTables,
        Self::AddPath,
    ];

    /// Returns the word that selects the load.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullPacked => "full-packed",
            Self::FullSingle => "full-single",
            Self::Reconnect => "reconnect",
            Self::Churn => "churn",
            Self::Ipv6 => "ipv6",
            Self::Vpn => "vpn",
            Self::NamedTables => "named-tables",
            Self::AddPath => "add-path",
        }
    }

    /// Describes the load in one line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::FullPacked => {
                "IPv4 tables of 10 peers, with prefixes per UPDATE and attributes as in a real full table"
            }
            Self::FullSingle => {
                "IPv4 tables of 10 peers, one prefix per UPDATE, each UPDATE before and after policy"
            }
            Self::Reconnect => {
                "the tables of full-packed again, on a new connection: everything is suppressed"
            }
            Self::Churn => {
                "100 peers in turns with held tables, 2.3 prefixes per UPDATE: half changed, 5 % withdrawn, 5 % back, 40 % unchanged"
            }
            Self::Ipv6 => "IPv6 tables of 10 peers, packed as full-packed",
            Self::Vpn => "VPN-IPv4 (4/5) and VPN-IPv6 (1/5) of 50 VPNs from 10 peers, packed as full-packed",
            Self::NamedTables => "Loc-RIBs of 10 VRFs with names, one prefix per UPDATE",
            Self::AddPath => "IPv4 tables of 10 peers, three paths of each prefix, packed as full-packed",
        }
    }
}
