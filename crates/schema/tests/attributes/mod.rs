//! A naive model of path attributes: random attributes, their bytes on the wire, and what a consumer must read.

use arancini_schema::encode::Carrier;
use arancini_schema::update_capnp::{SegmentKind, update};
use arancini_wire::bgp::AsWidth;
use proptest::option;
use proptest::prelude::*;

/// The attributes of an UPDATE.
#[derive(Debug, Clone)]
pub struct AttributeSet {
    pub width: AsWidth,
    pub reversed: bool,
    pub origin: Option<u8>,
    pub segments: Option<Vec<(u8, Vec<u32>)>>,
    pub next_hop: Option<[u8; 4]>,
    pub multi_exit_disc: Option<u32>,
    pub local_preference: Option<u32>,
    pub atomic_aggregate: bool,
    pub aggregator: Option<(u32, u32)>,
    pub communities: Vec<(u16, u16)>,
    pub originator_id: Option<u32>,
    pub cluster_list: Vec<u32>,
    pub mp_next_hop: Option<Vec<u8>>,
    pub extended: Vec<[u8; 8]>,
    pub ipv6_extended: Vec<[u8; 20]>,
    pub large: Vec<[u32; 3]>,
    pub only_to_customer: Option<u32>,
    pub unknown: Option<(u8, Vec<u8>)>,
}

impl Default for AttributeSet {
    fn default() -> Self {
        Self {
            width: AsWidth::Four,
            reversed: false,
            origin: None,
            segments: None,
            next_hop: None,
            multi_exit_disc: None,
            local_preference: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: Vec::new(),
            originator_id: None,
            cluster_list: Vec::new(),
            mp_next_hop: None,
            extended: Vec::new(),
            ipv6_extended: Vec::new(),
            large: Vec::new(),
            only_to_customer: None,
            unknown: None,
        }
    }
}

/// Random well-formed attributes.
pub fn attribute_set() -> impl Strategy<Value = AttributeSet> {
    let asn = 1_u32..65_536;
    let segment = (1_u8..=4, prop::collection::vec(asn.clone(), 1..5));
    let segments = prop_oneof![
        2 => prop::collection::vec(asn.clone(), 1..8).prop_map(|asns| vec![(2, asns)]),
        1 => prop::collection::vec(segment, 0..4),
    ];
    let lengths = [0_usize, 4, 12, 16, 24, 32, 48];
    let mp_next_hop = prop::sample::select(lengths.to_vec())
        .prop_flat_map(|length| prop::collection::vec(any::<u8>(), length))
        .prop_filter("a prefix family has a next hop", |hop| !hop.is_empty());
    let first = (
        any::<bool>(),
        any::<bool>(),
        option::of(0_u8..3),
        option::of(segments),
        any::<Option<[u8; 4]>>(),
        any::<Option<u32>>(),
        any::<Option<u32>>(),
        any::<bool>(),
        option::of((asn, any::<u32>())),
    );
    let second = (
        prop::collection::vec(any::<(u16, u16)>(), 0..5),
        any::<Option<u32>>(),
        prop::collection::vec(any::<u32>(), 0..4),
        option::of(mp_next_hop),
        prop::collection::vec(any::<[u8; 8]>(), 0..4),
        prop::collection::vec(any::<[u8; 20]>(), 0..3),
        prop::collection::vec(any::<[u32; 3]>(), 0..4),
        any::<Option<u32>>(),
        option::of((200_u8..=255, prop::collection::vec(any::<u8>(), 0..300))),
    );
    (first, second).prop_map(|(first, second)| AttributeSet {
        width: if first.0 { AsWidth::Two } else { AsWidth::Four },
        reversed: first.1,
        origin: first.2,
        segments: first.3,
        next_hop: first.4,
        multi_exit_disc: first.5,
        local_preference: first.6,
        atomic_aggregate: first.7,
        aggregator: first.8,
        communities: second.0,
        originator_id: second.1,
        cluster_list: second.2,
        mp_next_hop: second.3,
        extended: second.4,
        ipv6_extended: second.5,
        large: second.6,
        only_to_customer: second.7,
        unknown: second.8,
    })
}

impl AttributeSet {
    /// The Path Attributes field.
    pub fn wire(&self) -> Vec<u8> {
        let be = |value: u32| value.to_be_bytes().to_vec();
        let mut attributes: Vec<(u8, u8, Vec<u8>)> = Vec::new();
        let mut put = |flags, code, value: Option<Vec<u8>>| {
            if let Some(value) = value {
                attributes.push((flags, code, value));
            }
        };
        let list = |value: Vec<u8>| (!value.is_empty()).then_some(value);
        put(0x40, 1, self.origin.map(|origin| vec![origin]));
        put(0x40, 2, self.segments.as_ref().map(|path| self.wire_path(path)));
        put(0x40, 3, self.next_hop.map(|hop| hop.to_vec()));
        put(0x80, 4, self.multi_exit_disc.map(be));
        put(0x40, 5, self.local_preference.map(be));
        put(0x40, 6, self.atomic_aggregate.then(Vec::new));
        let aggregator = self
            .aggregator
            .map(|(asn, id)| [self.wire_asn(asn), be(id)].concat());
        put(0xc0, 7, aggregator);
        let communities = self
            .communities
            .iter()
            .flat_map(|&(asn, value)| be(u32::from(asn) << 16 | u32::from(value)));
        put(0xc0, 8, list(communities.collect()));
        put(0x80, 9, self.originator_id.map(be));
        put(
            0x80,
            10,
            list(self.cluster_list.iter().copied().flat_map(be).collect()),
        );
        let reach = self
            .mp_next_hop
            .as_ref()
            .map(|hop| [&[0, 2, 1, hop.len() as u8], &hop[..], &[0, 48, 1, 2, 3, 4, 5, 6]].concat());
        put(0x80, 14, reach);
        put(0xc0, 16, list(self.extended.concat()));
        put(0xc0, 25, list(self.ipv6_extended.concat()));
        let large = self.large.iter().flatten().copied().flat_map(be);
        put(0xc0, 32, list(large.collect()));
        put(0xc0, 35, self.only_to_customer.map(be));
        if let Some((code, value)) = &self.unknown {
            put(0xe0, *code, Some(value.clone()));
        }
        if self.reversed {
            attributes.reverse();
        }
        let mut field = Vec::new();
        for (flags, code, value) in attributes {
            if let Ok(length) = u8::try_from(value.len()) {
                field.extend_from_slice(&[flags, code, length]);
            } else {
                field.extend_from_slice(&[flags | 0x10, code]);
                field.extend_from_slice(&(value.len() as u16).to_be_bytes());
            }
            field.extend_from_slice(&value);
        }
        field
    }

    fn wire_asn(&self, asn: u32) -> Vec<u8> {
        match self.width {
            AsWidth::Two => (asn as u16).to_be_bytes().to_vec(),
            AsWidth::Four => asn.to_be_bytes().to_vec(),
        }
    }

    fn wire_path(&self, path: &[(u8, Vec<u32>)]) -> Vec<u8> {
        let mut value = Vec::new();
        for (kind, asns) in path {
            value.extend_from_slice(&[*kind, asns.len() as u8]);
            value.extend(asns.iter().flat_map(|&asn| self.wire_asn(asn)));
        }
        value
    }

    /// The next hop of the carrier and its link-local companion.
    fn next_hops(&self, carrier: Carrier) -> (Option<[u8; 16]>, Vec<u8>) {
        let mapped = |v4: &[u8]| {
            let mut address = [0; 16];
            address[10..12].fill(0xff);
            address[12..].copy_from_slice(v4);
            address
        };
        match (carrier, &self.mp_next_hop) {
            (Carrier::UpdateField, _) => (self.next_hop.map(|hop| mapped(&hop)), Vec::new()),
            (Carrier::MultiProtocol, None) => (None, Vec::new()),
            (Carrier::MultiProtocol, Some(hop)) => match hop.len() {
                4 => (Some(mapped(hop)), Vec::new()),
                12 => (Some(mapped(&hop[8..])), Vec::new()),
                16 => (Some(hop[..].try_into().unwrap()), Vec::new()),
                24 => (Some(hop[8..].try_into().unwrap()), Vec::new()),
                32 => (Some(hop[..16].try_into().unwrap()), hop[16..].to_vec()),
                _ => (Some(hop[8..24].try_into().unwrap()), hop[32..].to_vec()),
            },
        }
    }

    /// Compares all attribute fields of an update.
    pub fn check(&self, carrier: Carrier, read: update::Reader<'_>) {
        let origin = self
            .origin
            .map_or("", |code| ["IGP", "EGP", "INCOMPLETE"][usize::from(code)]);
        assert_eq!(read.get_origin().unwrap(), origin);
        assert_eq!(read.get_has_origin(), self.origin.is_some());
        let (next_hop, link_local) = self.next_hops(carrier);
        assert_eq!(read.get_next_hop().unwrap(), next_hop.unwrap_or_default());
        assert_eq!(read.get_has_next_hop(), next_hop.is_some());
        assert_eq!(read.get_link_local_next_hop().unwrap(), link_local);
        assert_eq!(read.get_multi_exit_disc(), self.multi_exit_disc.unwrap_or(0));
        assert_eq!(read.get_has_multi_exit_disc(), self.multi_exit_disc.is_some());
        assert_eq!(read.get_local_preference(), self.local_preference.unwrap_or(0));
        assert_eq!(read.get_has_local_preference(), self.local_preference.is_some());
        assert_eq!(read.get_only_to_customer(), self.only_to_customer.unwrap_or(0));
        assert_eq!(read.get_has_only_to_customer(), self.only_to_customer.is_some());
        assert_eq!(read.get_atomic_aggregate(), self.atomic_aggregate);
        let (asn, bgp_id) = self.aggregator.unwrap_or_default();
        assert_eq!(read.get_aggregator_asn(), asn);
        assert_eq!(read.get_aggregator_bgp_id(), bgp_id);
        assert_eq!(read.get_has_aggregator(), self.aggregator.is_some());
        assert_eq!(read.get_originator_id(), self.originator_id.unwrap_or(0));
        assert_eq!(read.get_has_originator_id(), self.originator_id.is_some());
        let clusters: Vec<u32> = read.get_cluster_list().unwrap().iter().collect();
        assert_eq!(clusters, self.cluster_list);
        self.check_path(read);
        self.check_communities(read);
        self.check_unknown(read);
    }

    fn check_path(&self, read: update::Reader<'_>) {
        let path = self.segments.clone().unwrap_or_default();
        let flat: Vec<u32> = path.iter().flat_map(|(_, asns)| asns.clone()).collect();
        assert_eq!(read.get_as_path().unwrap().iter().collect::<Vec<_>>(), flat);
        let segments: Vec<(SegmentKind, Vec<u32>)> = read
            .get_as_path_segments()
            .unwrap()
            .iter()
            .map(|segment| {
                let asns = segment.get_asns().unwrap().iter().collect();
                (segment.get_kind().unwrap(), asns)
            })
            .collect();
        if path.iter().all(|(kind, _)| *kind == 2) {
            assert_eq!(segments, []);
            return;
        }
        let kinds = [
            SegmentKind::AsSet,
            SegmentKind::AsSequence,
            SegmentKind::ConfedSequence,
            SegmentKind::ConfedSet,
        ];
        let expected: Vec<_> = path
            .into_iter()
            .map(|(kind, asns)| (kinds[usize::from(kind) - 1], asns))
            .collect();
        assert_eq!(segments, expected);
    }

    fn check_communities(&self, read: update::Reader<'_>) {
        let communities: Vec<(u32, u16)> = read
            .get_communities()
            .unwrap()
            .iter()
            .map(|community| (community.get_asn(), community.get_value()))
            .collect();
        let expected: Vec<(u32, u16)> = self
            .communities
            .iter()
            .map(|&(asn, value)| (u32::from(asn), value))
            .collect();
        assert_eq!(communities, expected);
        let extended: Vec<Vec<u8>> = read
            .get_extended_communities()
            .unwrap()
            .iter()
            .map(|member| {
                let types = [member.get_type_high(), member.get_type_low()];
                [&types, member.get_value().unwrap()].concat()
            })
            .collect();
        assert_eq!(extended, self.extended);
        let large: Vec<[u32; 3]> = read
            .get_large_communities()
            .unwrap()
            .iter()
            .map(|member| {
                [
                    member.get_global_admin(),
                    member.get_local_data_part1(),
                    member.get_local_data_part2(),
                ]
            })
            .collect();
        assert_eq!(large, self.large);
    }

    fn check_unknown(&self, read: update::Reader<'_>) {
        let unknown: Vec<(u8, u8, Vec<u8>)> = read
            .get_unknown_attributes()
            .unwrap()
            .iter()
            .map(|attribute| {
                // The size of the length field is not part of the attribute.
                let flags = attribute.get_flags() & 0xe0;
                (
                    flags,
                    attribute.get_type_code(),
                    attribute.get_value().unwrap().to_vec(),
                )
            })
            .collect();
        let mut expected = Vec::new();
        if let Some((code, value)) = &self.unknown {
            expected.push((0xe0, *code, value.clone()));
        }
        if !self.ipv6_extended.is_empty() {
            expected.push((0xc0, 25, self.ipv6_extended.concat()));
        }
        assert_eq!(unknown, expected);
    }
}
