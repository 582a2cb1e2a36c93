//! Reads the published stream back, batch by batch, and checks the promises that every batch has to keep.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use arancini_core::{Batch, BatchKind, TableKey};
use arancini_schema::decode::{Message, Messages};
use arancini_schema::subject::Subject;
use arancini_schema::update_capnp::{
    PeerEventKind, RibView, RouterEventKind, WithdrawReason, peer_identity, update,
};
use arancini_wire::bgp::nlri::{OpaqueBuffer, split_opaque};
use arancini_wire::iana::AfiSafi;

/// The table that an update is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    pub router: IpAddr,
    pub key: TableKey,
}

/// The route that an update is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RouteKey {
    pub prefix: String,
    pub route_distinguisher: Option<u64>,
    pub path_id: Option<u32>,
    /// The key octets of an NLRI that is kept as bytes.
    pub raw: Vec<u8>,
}

/// The attributes that an update announces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    pub fingerprint: u64,
    pub as_path: Vec<u32>,
    pub origin: String,
    pub next_hop: Option<IpAddr>,
    pub med: Option<u32>,
    pub communities: Vec<(u32, u16)>,
    pub labels: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    pub sequence: u64,
    pub table: Table,
    pub route: RouteKey,
    pub table_name: String,
    /// `None` is a withdraw.
    pub announced: Option<Attributes>,
    pub synthetic: bool,
    pub reason: WithdrawReason,
    /// The deprecated pairs of fields: family of MP_REACH_NLRI and of MP_UNREACH_NLRI.
    pub multi_protocol: [(u16, u8); 2],
}

#[derive(Debug, Clone)]
pub struct PeerEvent {
    pub sequence: u64,
    pub router: IpAddr,
    pub peer: IpAddr,
    pub asn: u32,
    pub distinguisher: u64,
    pub kind: PeerEventKind,
    pub provisional: bool,
    pub down_reason: u8,
}

#[derive(Debug, Clone)]
pub struct RouterEvent {
    pub sequence: u64,
    pub router: IpAddr,
    pub kind: RouterEventKind,
    pub reason: String,
    pub all_withdrawn: bool,
}

#[derive(Debug, Clone)]
pub struct Malformed {
    pub sequence: u64,
    pub router: IpAddr,
    pub reason: String,
    pub offset: u32,
    pub raw: Vec<u8>,
}

#[derive(Debug, Clone)]
pub enum Event {
    Update(Box<Update>),
    Peer(PeerEvent),
    Router(RouterEvent),
    Statistics { sequence: u64, router: IpAddr },
    Malformed(Malformed),
}

impl Event {
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Update(update) => update.sequence,
            Self::Peer(event) => event.sequence,
            Self::Router(event) => event.sequence,
            Self::Statistics { sequence, .. } => *sequence,
            Self::Malformed(message) => message.sequence,
        }
    }

    pub fn router(&self) -> IpAddr {
        match self {
            Self::Update(update) => update.table.router,
            Self::Peer(event) => event.router,
            Self::Router(event) => event.router,
            Self::Statistics { router, .. } => *router,
            Self::Malformed(message) => message.router,
        }
    }

    pub fn into_update(self) -> Option<Update> {
        match self {
            Self::Update(update) => Some(*update),
            _ => None,
        }
    }

    pub fn as_malformed(&self) -> Option<&Malformed> {
        match self {
            Self::Malformed(message) => Some(message),
            _ => None,
        }
    }

    pub fn is_resync(&self) -> bool {
        let kind = self.router_kind();
        matches!(
            kind,
            Some(RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd)
        )
    }

    pub fn router_kind(&self) -> Option<RouterEventKind> {
        match self {
            Self::Router(event) => Some(event.kind),
            _ => None,
        }
    }
}

/// Checks what must hold from batch to batch.
#[derive(Default)]
pub struct StreamCheck {
    last_number: u64,
    /// Last sequence of each subject.
    subjects: HashMap<String, u64>,
    /// For each router the highest sequence number, and that of the last barrier.
    routers: HashMap<IpAddr, (u64, u64)>,
}

impl StreamCheck {
    /// Reads a batch and checks the promises of [`Batch`], and that events are barriers (`ARCHITECTURE.md`).
    pub fn batch(&mut self, batch: &Batch) -> Vec<Event> {
        assert_eq!(
            batch.number,
            self.last_number + 1,
            "batches are numbered without a gap"
        );
        self.last_number = batch.number;
        let events: Vec<Event> = Messages::new(&batch.payload)
            .map(|message| read(batch.kind, &message.unwrap()))
            .collect();
        assert_eq!(events.len(), batch.messages as usize);
        assert!(!events.is_empty(), "no batch is empty");
        assert_eq!(events[0].sequence(), batch.first_sequence);
        assert_eq!(events[events.len() - 1].sequence(), batch.last_sequence);

        let subject = Subject::parse("arancini", &batch.subject).unwrap();
        let last = self.subjects.entry(batch.subject.to_string()).or_default();
        for event in &events {
            assert!(event.sequence() > *last, "sequences rise within {subject}");
            *last = event.sequence();
            assert_eq!(event.router(), batch.router);
            assert_belongs(event, subject);
        }
        let (highest, barrier) = self.routers.entry(batch.router).or_default();
        assert!(batch.first_sequence > *barrier, "{subject} after a later event");
        if matches!(batch.kind, BatchKind::Peers | BatchKind::Routers) {
            assert!(
                batch.first_sequence > *highest,
                "{subject} before what came before it"
            );
            *barrier = batch.last_sequence;
        }
        *highest = batch.last_sequence.max(*highest);
        events
    }
}

/// Checks that a message belongs to the subject of its batch.
fn assert_belongs(event: &Event, subject: Subject) {
    let router = event.router();
    match event {
        Event::Update(update) => {
            let expected = Subject::Updates {
                router,
                peer_asn: update.table.key.peer_asn,
                family: update.table.key.family,
            };
            assert_eq!(subject, expected);
        }
        Event::Peer(event) => assert_eq!(
            subject,
            Subject::Peers {
                router,
                peer_asn: event.asn
            }
        ),
        Event::Router(_) => assert_eq!(subject, Subject::Routers { router }),
        Event::Statistics { .. } => {
            assert!(matches!(subject, Subject::Statistics { router: r, .. } if r == router))
        }
        Event::Malformed(_) => assert_eq!(subject, Subject::Malformed { router }),
    }
}

pub fn read(kind: BatchKind, message: &Message<'_>) -> Event {
    match kind {
        BatchKind::Updates => Event::Update(Box::new(read_update(message.update().unwrap()))),
        BatchKind::Peers => {
            let event = message.peer_event().unwrap();
            let peer: peer_identity::Reader<'_> = event.get_peer().unwrap();
            Event::Peer(PeerEvent {
                sequence: event.get_sequence(),
                router: address(event.get_router_addr().unwrap()).unwrap(),
                peer: address(peer.get_address().unwrap()).unwrap(),
                asn: peer.get_asn(),
                distinguisher: peer.get_distinguisher(),
                kind: event.get_kind().unwrap(),
                provisional: event.get_provisional(),
                down_reason: event.get_down_reason(),
            })
        }
        BatchKind::Routers => {
            let event = message.router_event().unwrap();
            Event::Router(RouterEvent {
                sequence: event.get_sequence(),
                router: address(event.get_router_addr().unwrap()).unwrap(),
                kind: event.get_kind().unwrap(),
                reason: event.get_reason().unwrap().to_string().unwrap(),
                all_withdrawn: event.get_all_withdrawn(),
            })
        }
        BatchKind::Statistics => {
            let event = message.statistics_event().unwrap();
            Event::Statistics {
                sequence: event.get_sequence(),
                router: address(event.get_router_addr().unwrap()).unwrap(),
            }
        }
        BatchKind::Malformed => {
            let event = message.malformed_message().unwrap();
            Event::Malformed(Malformed {
                sequence: event.get_sequence(),
                router: address(event.get_router_addr().unwrap()).unwrap(),
                reason: event.get_reason().unwrap().to_string().unwrap(),
                offset: event.get_offset(),
                raw: event.get_raw().unwrap().to_vec(),
            })
        }
    }
}

/// The octets of an NLRI that are its key: NLRI with equal keys are one route (`docs/interop.md`).
fn opaque_key(update: &update::Reader<'_>, nlri: &[u8]) -> Vec<u8> {
    let family = AfiSafi::new(update.get_afi(), update.get_safi());
    split_opaque(family, nlri, &mut OpaqueBuffer::new()).key.to_vec()
}

fn read_update(update: update::Reader<'_>) -> Update {
    let raw = update.get_raw_nlri().unwrap().to_vec();
    let prefix = if raw.is_empty() {
        let address = address(update.get_prefix_addr().unwrap()).unwrap();
        format!("{address}/{}", update.get_prefix_len())
    } else {
        String::new()
    };
    let view = update.get_rib_view().unwrap();
    assert_eq!(
        (update.get_is_post_policy(), update.get_is_adj_rib_out()),
        (
            matches!(view, RibView::AdjRibInPost | RibView::AdjRibOutPost),
            matches!(view, RibView::AdjRibOutPre | RibView::AdjRibOutPost)
        ),
    );
    let announced = update.get_announced();
    let reason = update.get_withdraw_reason().unwrap();
    assert_eq!(announced, reason == WithdrawReason::None);
    Update {
        sequence: update.get_sequence(),
        table: Table {
            router: address(update.get_router_addr().unwrap()).unwrap(),
            key: TableKey::of_update(&update).unwrap(),
        },
        route: RouteKey {
            prefix,
            route_distinguisher: update
                .get_has_route_distinguisher()
                .then(|| update.get_route_distinguisher()),
            path_id: update.get_has_path_id().then(|| update.get_path_id()),
            raw: opaque_key(&update, &raw),
        },
        table_name: update.get_table_name().unwrap().to_string().unwrap(),
        announced: announced.then(|| read_attributes(update)),
        synthetic: update.get_synthetic(),
        reason,
        multi_protocol: [
            (update.get_mp_reach_afi(), update.get_mp_reach_safi()),
            (update.get_mp_unreach_afi(), update.get_mp_unreach_safi()),
        ],
    }
}

fn read_attributes(update: update::Reader<'_>) -> Attributes {
    let communities = update.get_communities().unwrap();
    Attributes {
        fingerprint: update.get_attribute_fingerprint(),
        as_path: update.get_as_path().unwrap().iter().collect(),
        origin: update.get_origin().unwrap().to_string().unwrap(),
        next_hop: update
            .get_has_next_hop()
            .then(|| address(update.get_next_hop().unwrap()))
            .flatten(),
        med: update
            .get_has_multi_exit_disc()
            .then(|| update.get_multi_exit_disc()),
        communities: communities
            .iter()
            .map(|community| (community.get_asn(), community.get_value()))
            .collect(),
        labels: update.get_labels().unwrap().iter().collect(),
    }
}

/// An address of 16 bytes; an IPv4-mapped address is IPv4.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.try_into().ok()?;
    Some(IpAddr::from(Ipv6Addr::from(octets)).to_canonical())
}
