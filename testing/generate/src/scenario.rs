//! A router with peers, tables and churn, whose outcome is known.
//!
//! Every peer announces the same prefixes. Prefixes that share an UPDATE in the dump form a group and stay together, so
//! that a group can be announced again without a change. Each round of churn takes another tenth of the groups. Of four
//! groups two change their path, one is withdrawn, and one is announced again without a change. A group that an earlier
//! round withdrew is announced instead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arancini_wire::iana::AfiSafi;

use super::bmp::{Peer, PeerDown, initiation, peer_down, peer_up, route_monitoring, termination};
use super::open::Open;
use super::prefixes::{prefixes_v4, prefixes_v6};
use super::random::Random;
use super::update::{Attributes, Origin, Prefix, Update, end_of_rib};

/// How a scenario's session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// The stream ends, and the caller decides how the session ends.
    #[default]
    Open,
    /// Every peer goes down.
    PeersDown,
    /// The router sends a Termination.
    Termination,
}

/// What to generate. The same scenario gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The router's sysName.
    pub sys_name: String,
    /// Number of peers.
    pub peers: u16,
    /// Number of prefixes of each peer, at most [`Scenario::MOST_PREFIXES`].
    pub prefixes_per_peer: u32,
    /// Percentage of IPv6 prefixes.
    pub ipv6_percent: u32,
    /// Prefixes of a real table, each with its origin AS, instead of generated ones. If there are any,
    /// `prefixes_per_peer` and `ipv6_percent` have no meaning.
    pub table: Arc<[(Prefix, u32)]>,
    /// Whether the routes are of VPNs (RFC 4364): each with the peer's route distinguisher and a label.
    pub vpn: bool,
    /// Number of prefixes in an UPDATE, from 1 to [`Scenario::MOST_PREFIXES_PER_UPDATE`].
    pub prefixes_per_update: u32,
    /// Number of rounds of churn after the dump; each is a tenth of the table.
    pub churn_rounds: u32,
    /// How the session ends.
    pub ending: Ending,
    /// The seed of the details.
    pub seed: u64,
}

impl Default for Scenario {
    /// A small scenario: 2 peers with 1,000 prefixes each, a fifth of them IPv6, and two rounds of churn.
    fn default() -> Self {
        Self {
            sys_name: "generated".to_owned(),
            peers: 2,
            prefixes_per_peer: 1000,
            ipv6_percent: 20,
            table: Arc::default(),
            vpn: false,
            prefixes_per_update: 1,
            churn_rounds: 2,
            ending: Ending::Open,
            seed: 1,
        }
    }
}

/// A tenth of the groups takes part in a round of churn.
const CHURN_SHARE: usize = 10;
/// A chunk of the stream is closed when it reaches this size.
const CHUNK_BYTES: usize = 64 * 1024;

/// Prefixes that share an UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub prefixes: Vec<Prefix>,
    /// The origin AS, in a real table.
    origin: Option<u32>,
}

/// An event of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Initiation,
    PeerUp {
        peer: u16,
    },
    Announce {
        peer: u16,
        group: usize,
        version: u32,
        new: bool,
    },
    Withdraw {
        peer: u16,
        group: usize,
    },
    EndOfRib {
        peer: u16,
        family: AfiSafi,
    },
    PeerDown {
        peer: u16,
    },
    Termination,
}

impl Scenario {
    /// Largest number of prefixes of a peer; more would not fit into the address space used here.
    pub const MOST_PREFIXES: u32 = 2_000_000;
    /// Largest number of prefixes in an UPDATE; with more it could exceed 4,096 octets.
    pub const MOST_PREFIXES_PER_UPDATE: u32 = 200;
    /// A route at a version above 0 has the AS of this number and the version second in its path.
    pub const VERSION_AS: u32 = 100_000;

    /// 4 peers × 100,000 prefixes, a fifth IPv6, two rounds of churn: 480,000 route elements.
    #[must_use]
    pub fn elements_480k(prefixes_per_update: u32) -> Self {
        Self {
            peers: 4,
            prefixes_per_peer: 100_000,
            prefixes_per_update,
            ..Self::default()
        }
    }

    /// The stream, in chunks of whole BMP messages of about 64 KiB.
    #[must_use]
    pub fn stream(&self) -> ScenarioStream {
        let groups = self.groups();
        ScenarioStream {
            scenario: self.clone(),
            steps: self.steps(&groups),
            groups,
            sent: 0,
        }
    }

    /// The whole stream at once.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.stream().flatten().collect()
    }

    /// The whole stream at once, and the length of its dump in bytes, which ends with the last End-of-RIB.
    #[must_use]
    pub fn to_bytes_with_dump(&self) -> (Vec<u8>, usize) {
        let mut stream = self.stream();
        let peers = u64::from(self.peers);
        let dump_messages = 1 + peers + peers * (stream.groups.len() as u64 + 2);
        let mut bytes = Vec::new();
        let mut dump_bytes = 0;
        while stream.write_next(&mut bytes) {
            if stream.sent == dump_messages {
                dump_bytes = bytes.len();
            }
        }
        (bytes, dump_bytes)
    }

    /// Churn of a router that never rests: every peer announces every prefix again in this version. Every route changes
    /// its path from one version to another.
    #[must_use]
    pub fn round(&self, version: u32) -> Vec<u8> {
        let groups = self.groups();
        let mut bytes = Vec::new();
        for peer in 0..self.peers {
            for group in 0..groups.len() {
                let announce = Step::Announce {
                    peer,
                    group,
                    version,
                    new: true,
                };
                self.write(announce, &groups, 0, &mut bytes);
            }
        }
        bytes
    }

    /// The per-peer header of a peer.
    #[must_use]
    pub fn peer(&self, index: u16) -> Peer {
        let number = u32::from(index) + 1;
        let bgp_id = Ipv4Addr::from_bits(0x0a00_0000 | number);
        // Every fourth peer is IPv6, every second has an AS number that needs four octets.
        let address = if index % 4 == 3 {
            IpAddr::V6(Ipv6Addr::from_bits(PEER_NETWORK_V6 | u128::from(number)))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(PEER_NETWORK_V4 | number))
        };
        let asn = if index % 2 == 1 {
            4_200_000_000 + u32::from(index)
        } else {
            64_512 + u32::from(index % 512)
        };
        Peer::new(address, asn, bgp_id)
    }

    /// The attributes of a group at a version.
    pub(super) fn attributes(&self, peer: u16, groups: &[Group], group: usize, version: u32) -> Attributes {
        let mut random = Random::of(&[self.seed, u64::from(peer), group as u64]);
        let own = self.peer(peer);
        let number = u32::from(peer) + 1;
        let mut path = vec![own.asn];
        for _ in 0..1 + random.below(5) {
            path.push(if random.percent(20) {
                4_200_010_000 + random.below(5000)
            } else {
                1000 + random.below(60_000)
            });
        }
        path.extend(groups.get(group).and_then(|group| group.origin));
        let mut attributes = Attributes::new(
            &path,
            Ipv4Addr::from_bits(PEER_NETWORK_V4 | number),
            Ipv6Addr::from_bits(PEER_NETWORK_V6 | u128::from(number)),
        );
        attributes.origin = match random.below(20) {
            0 => Origin::Incomplete,
            1 => Origin::Egp,
            _ => Origin::Igp,
        };
        attributes.multi_exit_disc = random.percent(30).then(|| random.below(200));
        attributes.atomic_aggregate = random.percent(3);
        attributes.aggregator = random.percent(5).then_some((own.asn, own.bgp_id));
        for _ in 0..random.below(6) {
            attributes
                .communities
                .push((1000 + random.below(60_000) as u16, random.below(65_536) as u16));
        }
        if random.percent(15) {
            attributes
                .large_communities
                .push((own.asn, random.below(1000), random.below(1000)));
        }
        // Each version goes through another AS, so each is a change.
        if version > 0 {
            attributes.as_path.insert(1, Self::VERSION_AS + version);
        }
        attributes
    }

    /// The groups of prefixes that share an UPDATE, the same for every peer.
    pub(super) fn groups(&self) -> Arc<[Group]> {
        // A VPN route takes three times the octets.
        let most = Self::MOST_PREFIXES_PER_UPDATE / if self.vpn { 3 } else { 1 };
        let share = self.prefixes_per_update.clamp(1, most) as usize;
        if !self.table.is_empty() {
            return groups_of_table(&self.table, share);
        }
        let count = self.prefixes_per_peer.min(Self::MOST_PREFIXES);
        let v6_count = (u64::from(count) * u64::from(self.ipv6_percent.min(100)) / 100) as u32;
        let mut random = Random::of(&[self.seed, u64::MAX]);
        let v4 = prefixes_v4(count - v6_count, &mut random);
        let v6 = prefixes_v6(v6_count, &mut random);
        let group = |prefixes: &[Prefix]| Group {
            prefixes: prefixes.to_vec(),
            origin: None,
        };
        v4.chunks(share).chain(v6.chunks(share)).map(group).collect()
    }

    /// The families that the peers speak.
    const fn families(&self) -> [AfiSafi; 2] {
        if self.vpn {
            [AfiSafi::new(1, 128), AfiSafi::new(2, 128)]
        } else {
            [AfiSafi::IPV4_UNICAST, AfiSafi::IPV6_UNICAST]
        }
    }

    /// The route distinguisher of a peer's VPN: type 0, a private AS and the peer's number (RFC 4364 §4.2).
    fn distinguisher(&self, peer: u16) -> Option<[u8; 8]> {
        let [high, low] = peer.to_be_bytes();
        self.vpn.then_some([0, 0, 0xfd, 0xe8, 0, 0, high, low])
    }

    /// All events, in order.
    pub(super) fn steps(&self, groups: &[Group]) -> Box<dyn Iterator<Item = Step> + Send> {
        let (peers, count, rounds) = (self.peers, groups.len(), self.churn_rounds);
        let (ending, families) = (self.ending, self.families());
        let opening = std::iter::once(Step::Initiation).chain((0..peers).map(|peer| Step::PeerUp { peer }));
        let dump = (0..peers).flat_map(move |peer| {
            (0..count)
                .map(move |group| Step::Announce {
                    peer,
                    group,
                    version: 0,
                    new: true,
                })
                .chain(families.map(|family| Step::EndOfRib { peer, family }))
        });
        let churn = (0..peers).flat_map(move |peer| {
            let mut states = vec![
                GroupState {
                    version: 0,
                    present: true
                };
                count
            ];
            (0..rounds as usize * (count / CHURN_SHARE)).filter_map(move |index| {
                let group = index % count;
                states.get_mut(group).map(|state| state.churn(peer, group, index))
            })
        });
        let farewell: Box<dyn Iterator<Item = Step> + Send> = match ending {
            Ending::Open => Box::new(std::iter::empty()),
            Ending::PeersDown => Box::new((0..peers).map(|peer| Step::PeerDown { peer })),
            Ending::Termination => Box::new(std::iter::once(Step::Termination)),
        };
        Box::new(opening.chain(dump).chain(churn).chain(farewell))
    }

    fn write(&self, step: Step, groups: &[Group], sent: u64, out: &mut Vec<u8>) {
        let peer_now = |index| {
            let peer = self.peer(index);
            // One message every 10 µs, so that a paced replay has 100,000 messages a second.
            let elapsed = sent * 10;
            peer.at(
                peer.seconds + (elapsed / 1_000_000) as u32,
                (elapsed % 1_000_000) as u32,
            )
        };
        let prefixes = |group: usize| {
            groups
                .get(group)
                .into_iter()
                .flat_map(|group| group.prefixes.iter().copied())
        };
        let update_now = |peer, update: Update| {
            let distinguisher = self.distinguisher(peer);
            route_monitoring(
                &peer_now(peer),
                &Update {
                    distinguisher,
                    ..update
                }
                .to_bytes(),
            )
        };
        out.extend(match step {
            Step::Initiation => initiation(&self.sys_name, "Arancini synthetic router"),
            Step::PeerUp { peer } => {
                let header = peer_now(peer);
                let local = if header.address.is_ipv6() {
                    IpAddr::V6(Ipv6Addr::from_bits(PEER_NETWORK_V6))
                } else {
                    IpAddr::V4(Ipv4Addr::from_bits(PEER_NETWORK_V4 | 0xffff))
                };
                let families = self.families().to_vec();
                let open = |asn, bgp_id| Open {
                    families: families.clone(),
                    ..Open::new(asn, bgp_id)
                };
                let sent = open(65_551, Ipv4Addr::from_bits(0x0aff_ffff));
                peer_up(&header, local, &sent, &open(header.asn, header.bgp_id))
            }
            Step::Announce {
                peer, group, version, ..
            } => {
                let attributes = self.attributes(peer, groups, group, version);
                update_now(peer, Update::announce(prefixes(group), attributes))
            }
            Step::Withdraw { peer, group } => update_now(peer, Update::withdraw(prefixes(group))),
            Step::EndOfRib { peer, family } => route_monitoring(&peer_now(peer), &end_of_rib(family)),
            Step::PeerDown { peer } => peer_down(&peer_now(peer), &PeerDown::RemoteSilent),
            Step::Termination => termination(0),
        });
    }
}

/// Peers' IPv4 addresses: 100.64.0.0/16 (RFC 6598).
const PEER_NETWORK_V4: u32 = 0x6440_0000;
/// Peers' IPv6 addresses: 2001:db8::/32 (RFC 3849).
const PEER_NETWORK_V6: u128 = 0x2001_0db8 << 96;

/// The state of a group.
#[derive(Debug, Clone, Copy)]
struct GroupState {
    version: u32,
    present: bool,
}

impl GroupState {
    fn churn(&mut self, peer: u16, group: usize, index: usize) -> Step {
        let was_present = std::mem::replace(&mut self.present, true);
        match index % 4 {
            0 | 1 => {
                self.version += 1;
                Step::Announce {
                    peer,
                    group,
                    version: self.version,
                    new: true,
                }
            }
            2 if was_present => {
                self.present = false;
                Step::Withdraw { peer, group }
            }
            _ => Step::Announce {
                peer,
                group,
                version: self.version,
                new: !was_present,
            },
        }
    }
}

/// Groups of a real table: prefixes of one AS and one family share UPDATEs, because they share their attributes.
fn groups_of_table(table: &[(Prefix, u32)], share: usize) -> Arc<[Group]> {
    let mut table = table.to_vec();
    table.sort_by_key(|&(prefix, origin)| (prefix.address.is_ipv6(), origin, prefix));
    table.dedup();
    table
        .chunk_by(|(a, origin_a), (b, origin_b)| origin_a == origin_b && a.family() == b.family())
        .flat_map(|of_one_as| of_one_as.chunks(share))
        .map(|part| Group {
            prefixes: part.iter().map(|(prefix, _)| *prefix).collect(),
            origin: part.first().map(|(_, origin)| *origin),
        })
        .collect()
}

/// The bytes of a scenario, made on demand.
pub struct ScenarioStream {
    scenario: Scenario,
    groups: Arc<[Group]>,
    steps: Box<dyn Iterator<Item = Step> + Send>,
    sent: u64,
}

impl std::fmt::Debug for ScenarioStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScenarioStream")
            .field("scenario", &self.scenario)
            .field("sent", &self.sent)
            .finish()
    }
}

impl ScenarioStream {
    /// Appends the next message, if there is one.
    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(step) = self.steps.next() else {
            return false;
        };
        self.scenario.write(step, &self.groups, self.sent, out);
        self.sent += 1;
        true
    }
}

impl Iterator for ScenarioStream {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 4096);
        while chunk.len() < CHUNK_BYTES && self.write_next(&mut chunk) {}
        (!chunk.is_empty()).then_some(chunk)
    }
}
