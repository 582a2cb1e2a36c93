//! Messages of the stream, read one by one with the `capnp` crate.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

use capnp::message::{Reader, ReaderOptions};
use capnp::serialize::{NoAllocSliceSegments, read_message_from_flat_slice_no_alloc};

use crate::route::{Family, Name, Route, Scope, ScopePeer, Table, address};
use crate::update_capnp::{
    RouterEventKind, malformed_message, peer_event, peer_identity, router_event, statistics_event, update,
};

/// What the messages of a subject are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Announces and withdraws.
    Updates,
    /// Peer Up and Peer Down.
    Peers,
    /// Sessions of routers, and resyncs.
    Routers,
    /// Statistics Reports.
    Statistics,
    /// Messages that could not be read.
    Malformed,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Updates,
        Self::Peers,
        Self::Routers,
        Self::Statistics,
        Self::Malformed,
    ];

    /// The word for the kind in subjects and in the names of segment files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Updates => "updates",
            Self::Peers => "peers",
            Self::Routers => "routers",
            Self::Statistics => "stats",
            Self::Malformed => "malformed",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether messages of this kind are barriers: all that the router said before stands before them in the stream, all
    /// that it says later stands behind them.
    #[must_use]
    pub const fn is_barrier(self) -> bool {
        matches!(self, Self::Peers | Self::Routers)
    }
}

/// The subject that a message belongs to, as its content says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What its messages are.
    pub kind: Kind,
    /// The router.
    pub router: IpAddr,
    /// The peer's AS number, where the subject has one.
    pub asn: Option<u32>,
    /// The family, where the subject has one.
    pub family: Option<Family>,
}

/// The subject as it stands in the stream, behind its base.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.word())?;
        match self.router {
            IpAddr::V4(address) => {
                f.write_str(".v4")?;
                address
                    .octets()
                    .iter()
                    .try_for_each(|octet| write!(f, "_{octet}"))?;
            }
            IpAddr::V6(address) => {
                f.write_str(".v6")?;
                address
                    .segments()
                    .iter()
                    .try_for_each(|group| write!(f, "_{group:x}"))?;
            }
        }
        if let Some(asn) = self.asn {
            write!(f, ".{asn}")?;
        }
        self.family
            .map_or(Ok(()), |family| write!(f, ".{}_{}", family.afi, family.safi))
    }
}

/// What a book keeps of an announce.
pub trait Value: Clone {
    /// Reads it from the announce.
    ///
    /// # Errors
    /// The announce is damaged.
    fn read(update: update::Reader<'_>) -> capnp::Result<Self>;
}

/// One message: who said it, when, and what.
#[derive(Debug, Clone)]
pub struct Said<V> {
    /// The subject that the message belongs to.
    pub subject: Subject,
    /// Its sequence among all messages of its router.
    pub sequence: u64,
    /// What it says.
    pub what: What<V>,
}

/// What a message says.
#[derive(Debug, Clone)]
pub enum What<V> {
    /// A route is there, or changed.
    Announce {
        /// The route.
        route: Route,
        /// The fingerprint of its attributes.
        fingerprint: u64,
        /// What the book keeps.
        value: V,
    },
    /// A route is gone.
    Withdraw {
        /// The route.
        route: Route,
        /// Whether the collector withdraws it by itself, and not the router.
        synthetic: Synthetic,
    },
    /// The tables of a scope are announced again from here on.
    ResyncBegins(Scope),
    /// The tables of a scope are announced; what was not among it is gone.
    ResyncEnds(Scope, Withdrawn),
    /// Nothing that changes tables.
    Event,
}

/// Which of the routes that are gone after a resync are withdrawn before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// All that consumers may hold.
    All,
    /// Those that the collector knows. Consumers have to sweep.
    Known,
}

/// Who withdraws a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synthetic {
    /// The router itself.
    No,
    /// The collector, because the peer or the router is gone.
    Yes,
}

/// Why a payload can't be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Bytes from the start of the payload to the message concerned.
    pub offset: usize,
    /// What is wrong with the message.
    pub cause: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the message at byte {} can't be read: {}",
            self.offset, self.cause
        )
    }
}

impl std::error::Error for Unreadable {}

/// The messages of a payload, in order. Ends after the first error.
#[derive(Debug)]
pub struct Messages<'a, V> {
    kind: Kind,
    rest: &'a [u8],
    offset: usize,
    value: PhantomData<V>,
}

impl<'a, V: Value> Messages<'a, V> {
    /// Reads a payload of this kind.
    #[must_use]
    pub const fn new(kind: Kind, payload: &'a [u8]) -> Self {
        Self {
            kind,
            rest: payload,
            offset: 0,
            value: PhantomData,
        }
    }
}

impl<V: Value> Iterator for Messages<'_, V> {
    type Item = Result<Said<V>, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (offset, before) = (self.offset, self.rest.len());
        let message = read_message_from_flat_slice_no_alloc(&mut self.rest, ReaderOptions::new());
        self.offset += before - self.rest.len();
        let said = message.and_then(|message| read(self.kind, &message));
        Some(said.map_err(|error| {
            self.rest = &[];
            Unreadable {
                offset,
                cause: error.to_string(),
            }
        }))
    }
}

fn read<V: Value>(kind: Kind, message: &Reader<NoAllocSliceSegments<'_>>) -> capnp::Result<Said<V>> {
    let subject = |router: &[u8]| Subject {
        kind,
        router: octets(router),
        asn: None,
        family: None,
    };
    Ok(match kind {
        Kind::Updates => return read_update(message.get_root()?),
        Kind::Peers => {
            let event: peer_event::Reader<'_> = message.get_root()?;
            let asn = Some(event.get_peer()?.get_asn());
            Said {
                subject: Subject {
                    asn,
                    ..subject(event.get_router_addr()?)
                },
                sequence: event.get_sequence(),
                what: What::Event,
            }
        }
        Kind::Routers => {
            let event: router_event::Reader<'_> = message.get_root()?;
            Said {
                subject: subject(event.get_router_addr()?),
                sequence: event.get_sequence(),
                what: read_router_event(event)?,
            }
        }
        Kind::Statistics => {
            let event: statistics_event::Reader<'_> = message.get_root()?;
            let asn = Some(event.get_peer()?.get_asn());
            Said {
                subject: Subject {
                    asn,
                    ..subject(event.get_router_addr()?)
                },
                sequence: event.get_sequence(),
                what: What::Event,
            }
        }
        Kind::Malformed => {
            let event: malformed_message::Reader<'_> = message.get_root()?;
            Said {
                subject: subject(event.get_router_addr()?),
                sequence: event.get_sequence(),
                what: What::Event,
            }
        }
    })
}

fn read_router_event<V>(event: router_event::Reader<'_>) -> capnp::Result<What<V>> {
    let kind = event.get_kind()?;
    if !matches!(kind, RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd) {
        return Ok(What::Event);
    }
    let peer = if event.has_peer() {
        let peer: peer_identity::Reader<'_> = event.get_peer()?;
        Some(ScopePeer {
            address: octets(peer.get_address()?),
            distinguisher: peer.get_distinguisher(),
            view: peer.get_rib_view()? as u16,
        })
    } else {
        None
    };
    let family = if event.get_has_family() {
        let family = event.get_family()?;
        Some(Family::new(family.get_afi(), family.get_safi()))
    } else {
        None
    };
    let scope = Scope { peer, family };
    Ok(match kind {
        RouterEventKind::ResyncBegin => What::ResyncBegins(scope),
        _ if event.get_all_withdrawn() => What::ResyncEnds(scope, Withdrawn::All),
        _ => What::ResyncEnds(scope, Withdrawn::Known),
    })
}

/// The octets of an NLRI that are its key. An EVPN route to a MAC address is known without its Ethernet segment and without its
/// labels (RFC 7432 §7.2). No other family that the judge is used for has attributes in its NLRI.
fn key_octets(family: Family, nlri: &[u8]) -> Vec<u8> {
    let (distinguisher, rest) = match nlri {
        [2, _length, rest @ ..] if family == Family::new(25, 70) => rest.split_at(8.min(rest.len())),
        _ => return nlri.to_vec(),
    };
    let behind_segment = rest.get(10..).unwrap_or_default();
    // Ethernet tag (4), MAC length (1), MAC (6), IP length in bits (1), IP.
    let ip_octets = behind_segment.get(11).map_or(0, |bits| usize::from(*bits) / 8);
    let key = behind_segment.get(..12 + ip_octets).unwrap_or(behind_segment);
    [&[2], distinguisher, key].concat()
}

fn read_update<V: Value>(update: update::Reader<'_>) -> capnp::Result<Said<V>> {
    let router = octets(update.get_router_addr()?);
    let family = Family::new(update.get_afi(), update.get_safi());
    let raw = key_octets(family, update.get_raw_nlri()?);
    let is_prefix = raw.is_empty();
    let route = Route {
        table: Table {
            router,
            peer: octets(update.get_peer_addr()?),
            distinguisher: update.get_peer_distinguisher(),
            asn: update.get_peer_asn(),
            bgp_id: update.get_peer_bgp_id(),
            view: update.get_rib_view()? as u16,
            family,
        },
        name: Name {
            address: if is_prefix {
                bits(update.get_prefix_addr()?)
            } else {
                0
            },
            length: if is_prefix { update.get_prefix_len() } else { 0 },
            distinguisher: update
                .get_has_route_distinguisher()
                .then(|| update.get_route_distinguisher()),
            path_id: update.get_has_path_id().then(|| update.get_path_id()),
            raw,
        },
    };
    let what = if update.get_announced() {
        What::Announce {
            route,
            fingerprint: update.get_attribute_fingerprint(),
            value: V::read(update)?,
        }
    } else {
        let synthetic = if update.get_synthetic() {
            Synthetic::Yes
        } else {
            Synthetic::No
        };
        What::Withdraw { route, synthetic }
    };
    Ok(Said {
        subject: Subject {
            kind: Kind::Updates,
            router,
            asn: Some(update.get_peer_asn()),
            family: Some(family),
        },
        sequence: update.get_sequence(),
        what,
    })
}

fn bits(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(bytes.first_chunk().copied().unwrap_or_default())
}

fn octets(bytes: &[u8]) -> IpAddr {
    address(bits(bytes))
}
