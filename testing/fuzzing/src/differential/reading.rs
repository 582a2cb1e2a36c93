//! What an UPDATE says, in terms that all readers have.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_wire::bgp::attribute::{PathAttributes, SegmentKind};
use arancini_wire::bgp::nlri::{self, Route};
use arancini_wire::iana::AfiSafi;

/// Routes by family: path identifier and prefix.
pub type Routes = BTreeMap<AfiSafi, Vec<(Option<u32>, String)>>;

/// An UPDATE as a reader reads it.
#[derive(Debug, Default, PartialEq)]
pub struct Reading {
    /// Announced routes.
    pub announced: Routes,
    /// Withdrawn routes.
    pub withdrawn: Routes,
    /// ORIGIN.
    pub origin: Option<&'static str>,
    /// The effective path, by segment.
    pub as_path: Vec<(&'static str, Vec<u32>)>,
    /// NEXT_HOP.
    pub next_hop: Option<IpAddr>,
    /// The global next hop of MP_REACH_NLRI, if its family is compared.
    pub mp_next_hop: Option<IpAddr>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_preference: Option<u32>,
    /// COMMUNITIES.
    pub communities: Vec<u32>,
    /// LARGE_COMMUNITY.
    pub large_communities: Vec<[u32; 3]>,
}

/// Families that all readers read as prefixes.
#[must_use]
pub fn is_compared(family: AfiSafi) -> bool {
    matches!((family.afi, family.safi), (1 | 2, 1 | 2 | 4))
}

impl Reading {
    /// Adds the routes of a field, if its family is compared.
    pub fn add(&mut self, family: AfiSafi, field: &[u8], add_path: bool, announced: bool) {
        if field.is_empty() || !is_compared(family) {
            return;
        }
        let routes = if announced {
            &mut self.announced
        } else {
            &mut self.withdrawn
        };
        let routes = routes.entry(family).or_default();
        for nlri in nlri::iter(family, field, add_path).flatten() {
            let Route::Prefix { length, prefix, .. } = nlri.route else {
                continue;
            };
            let address: IpAddr = if prefix.is_v4() {
                Ipv4Addr::from_bits(prefix.to_v4()).into()
            } else {
                Ipv6Addr::from_bits(prefix.to_v6()).into()
            };
            routes.push((nlri.path_id, format!("{address}/{length}")));
        }
    }
}

/// The attributes as we read them. Routes are [added](Reading::add) later.
#[must_use]
pub fn read_attributes(attributes: &PathAttributes<'_>) -> Reading {
    let address = |octets: [u8; 16]| IpAddr::from(octets).to_canonical();
    let reach = attributes.mp_reach.filter(|mp| is_compared(mp.family));
    let path = attributes.effective_as_path();
    let segments = path.map(|path| {
        let segments = path.segments().map(|segment| {
            let kind = match segment.kind {
                SegmentKind::AsSet => "set",
                SegmentKind::AsSequence => "sequence",
                SegmentKind::ConfedSequence => "confederation sequence",
                SegmentKind::ConfedSet => "confederation set",
            };
            (kind, segment.asns().collect())
        });
        segments.collect()
    });
    Reading {
        announced: Routes::new(),
        withdrawn: Routes::new(),
        origin: attributes.origin.map(|origin| origin.name()),
        as_path: segments.unwrap_or_default(),
        next_hop: attributes.next_hop_mapped().map(address),
        mp_next_hop: reach.and_then(|mp| mp.next_hop_mapped()).map(address),
        med: attributes.multi_exit_disc,
        local_preference: attributes.local_preference,
        communities: attributes
            .communities
            .map(|communities| communities.iter().collect())
            .unwrap_or_default(),
        large_communities: attributes
            .large_communities
            .map(|communities| communities.iter().collect())
            .unwrap_or_default(),
    }
}
