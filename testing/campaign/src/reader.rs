//! Reads what was published, on from where it was read last, into the replay.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use arancini_client::StreamSource;
use arancini_client::tail::{AtEnd, Begin, SegmentTail, StreamTail, StreamTailError, StreamTailOptions};
use arancini_core::BatchKind;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::update_capnp::{RouterEventKind, peer_identity, router_event, update};
use arancini_wire::iana::AfiSafi;
use tokio::runtime::Runtime;

use crate::collector::{Collector, Sink};
use crate::replay::{Replay, Route, Said, Scope, SubjectKey, TableKey};
use crate::route::{self, Kind, Name};

/// A place in the stream or in the segments.
pub struct Reader {
    source: Source,
}

enum Source {
    Stream {
        runtime: Runtime,
        urls: Vec<String>,
        next: u64,
    },
    Segments(Box<Segments>),
}

/// The series of a directory have no order among each other: resyncs, which are events, are read ahead of the
/// updates and worked in by their sequences.
struct Segments {
    events: SegmentTail,
    rest: SegmentTail,
    resyncs: HashMap<IpAddr, VecDeque<(u64, RouterEventKind, Scope)>>,
}

impl Reader {
    /// From the beginning of what this collector publishes.
    pub fn new(collector: &Collector) -> io::Result<Self> {
        let source = match collector.sink() {
            Sink::Nats(urls) => Source::Stream {
                runtime: tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?,
                urls: urls.clone(),
                next: 1,
            },
            Sink::File => {
                let folder = collector.data_dir().join("segments");
                let open = |folder: &Path| SegmentTail::open(folder, Begin::Beginning, AtEnd::Stop);
                Source::Segments(Box::new(Segments {
                    events: open(&folder)?,
                    rest: open(&folder)?,
                    resyncs: HashMap::new(),
                }))
            }
        };
        Ok(Self { source })
    }

    /// Replays everything that came since.
    pub fn read(&mut self, replay: &mut Replay) -> io::Result<()> {
        match &mut self.source {
            Source::Stream { runtime, urls, next } => runtime.block_on(read_stream(urls, next, replay)),
            Source::Segments(segments) => segments.read(replay),
        }
    }
}

async fn read_stream(urls: &[String], next: &mut u64, replay: &mut Replay) -> io::Result<()> {
    let options = StreamTailOptions {
        begin: Begin::Sequence(*next),
        ..StreamTailOptions::default()
    };
    let failed =
        |trouble: &dyn std::fmt::Display| io::Error::other(format!("the stream can't be read: {trouble}"));
    let settings = StreamSource::new(urls.to_vec());
    let mut tail = StreamTail::open(settings, options)
        .await
        .map_err(|trouble| failed(&trouble))?;
    loop {
        match tail.next().await {
            Ok(Some(message)) => {
                *next = message.stream_sequence + 1;
                let kind = match message.subject.split('.').nth(1) {
                    Some("updates") => BatchKind::Updates,
                    Some("peers") => BatchKind::Peers,
                    Some("routers") => BatchKind::Routers,
                    Some("stats") => BatchKind::Statistics,
                    _ => BatchKind::Malformed,
                };
                take(replay, kind, &message.payload, None);
            }
            Ok(None) => return Ok(()),
            Err(error @ StreamTailError::Stream(_)) => return Err(failed(&error)),
            Err(StreamTailError::Message {
                sequence,
                subject,
                cause,
            }) => {
                *next = sequence + 1;
                replay.foreign(|| format!("message {sequence} on {subject}: {cause}"));
            }
        }
    }
}

type Resyncs = HashMap<IpAddr, VecDeque<(u64, RouterEventKind, Scope)>>;

impl Segments {
    fn read(&mut self, replay: &mut Replay) -> io::Result<()> {
        while let Some(message) = self.events.next_present()? {
            if message.kind == BatchKind::Routers {
                read_events(replay, &message.bytes, &mut self.resyncs);
            }
        }
        while let Some(message) = self.rest.next_present()? {
            if message.kind != BatchKind::Routers {
                take(replay, message.kind, &message.bytes, Some(&mut self.resyncs));
            }
        }
        for (router, resyncs) in &mut self.resyncs {
            for (_, kind, scope) in resyncs.drain(..) {
                resync(replay, *router, kind, scope);
            }
        }
        Ok(())
    }
}

fn read_events(replay: &mut Replay, payload: &[u8], resyncs: &mut Resyncs) {
    for message in Messages::new(payload) {
        let read = message.map_err(|error| error.to_string()).and_then(|message| {
            let event = message.router_event().map_err(|error| error.to_string())?;
            let (subject, sequence) = of_router_event(event).map_err(|error| error.to_string())?;
            let resync = resync_of(event).map_err(|error| error.to_string())?;
            Ok((subject, sequence, resync))
        });
        match read {
            Ok((subject, sequence, found)) => {
                replay.message(subject, sequence);
                if let Some((kind, scope)) = found {
                    let of_router = resyncs.entry(subject.router).or_default();
                    of_router.push_back((sequence, kind, scope));
                }
            }
            Err(error) => replay.foreign(|| error),
        }
    }
}

fn take(replay: &mut Replay, kind: BatchKind, payload: &[u8], mut resyncs: Option<&mut Resyncs>) {
    for message in Messages::new(payload) {
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                replay.foreign(|| format!("{kind:?}: {error}"));
                return;
            }
        };
        let taken = take_one(replay, kind, &message, resyncs.as_deref_mut());
        if let Err(error) = taken {
            replay.foreign(|| format!("{kind:?}: {error}"));
        }
    }
}

fn take_one(
    replay: &mut Replay,
    kind: BatchKind,
    message: &Message<'_>,
    resyncs: Option<&mut Resyncs>,
) -> Result<(), Box<dyn std::error::Error>> {
    match kind {
        BatchKind::Updates => {
            let update = message.update()?;
            let router = address(update.get_router_addr()?);
            let sequence = update.get_sequence();
            let subject = SubjectKey {
                router,
                kind: 0,
                asn: update.get_peer_asn(),
                family: (update.get_afi(), update.get_safi()),
            };
            replay.message(subject, sequence);
            if let Some(of_router) = resyncs.and_then(|resyncs| resyncs.get_mut(&router)) {
                while of_router.front().is_some_and(|(at, _, _)| *at < sequence) {
                    if let Some((_, kind, scope)) = of_router.pop_front() {
                        resync(replay, router, kind, scope);
                    }
                }
            }
            replay.update(router, sequence, &said(update)?);
        }
        BatchKind::Routers => {
            let event = message.router_event()?;
            let (subject, sequence) = of_router_event(event)?;
            replay.message(subject, sequence);
            if let Some((kind, scope)) = resync_of(event)? {
                resync(replay, subject.router, kind, scope);
            }
        }
        BatchKind::Peers => {
            let event = message.peer_event()?;
            let subject = SubjectKey {
                router: address(event.get_router_addr()?),
                kind: 1,
                asn: event.get_peer()?.get_asn(),
                family: (0, 0),
            };
            replay.message(subject, event.get_sequence());
        }
        BatchKind::Statistics | BatchKind::Malformed => {
            replay.foreign(|| "statistics or a malformed message, which nobody sent".to_owned());
        }
    }
    Ok(())
}

fn of_router_event(event: router_event::Reader<'_>) -> capnp::Result<(SubjectKey, u64)> {
    let subject = SubjectKey {
        router: address(event.get_router_addr()?),
        kind: 2,
        asn: 0,
        family: (0, 0),
    };
    Ok((subject, event.get_sequence()))
}

fn resync_of(event: router_event::Reader<'_>) -> capnp::Result<Option<(RouterEventKind, Scope)>> {
    let kind = event.get_kind()?;
    if !matches!(kind, RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd) {
        return Ok(None);
    }
    let of_peer = |peer: peer_identity::Reader<'_>| -> capnp::Result<_> {
        Ok((
            address(peer.get_address()?),
            peer.get_distinguisher(),
            peer.get_rib_view()? as u16,
        ))
    };
    let peer = if event.has_peer() {
        Some(of_peer(event.get_peer()?)?)
    } else {
        None
    };
    let family = if event.get_has_family() {
        let family = event.get_family()?;
        Some(AfiSafi::new(family.get_afi(), family.get_safi()))
    } else {
        None
    };
    Ok(Some((kind, Scope { peer, family })))
}

fn resync(replay: &mut Replay, router: IpAddr, kind: RouterEventKind, scope: Scope) {
    match kind {
        RouterEventKind::ResyncBegin => replay.resync_begins(router, scope),
        _ => replay.resync_ends(router, scope),
    }
}

fn said(update: update::Reader<'_>) -> capnp::Result<Said> {
    let family = AfiSafi::new(update.get_afi(), update.get_safi());
    let table = TableKey {
        peer: address(update.get_peer_addr()?),
        distinguisher: update.get_peer_distinguisher(),
        view: update.get_rib_view()? as u16,
        family,
    };
    let name = Name {
        address: bits(update.get_prefix_addr()?),
        length: update.get_prefix_len(),
        path_id: update.get_has_path_id().then(|| update.get_path_id()),
        distinguisher: update
            .get_has_route_distinguisher()
            .then(|| update.get_route_distinguisher()),
    };
    if !update.get_announced() {
        return Ok(Said {
            table,
            name,
            route: None,
        });
    }
    let kind = match family {
        AfiSafi::IPV4_VPN => Kind::Vpn4,
        AfiSafi::IPV6_UNICAST => Kind::V6,
        _ => Kind::V4,
    };
    let origin_as = update.get_as_path()?.iter().last().unwrap_or_default();
    let community = update.get_communities()?.iter().last();
    let community = community.map_or(0, |community| community.get_value());
    let label = update.get_labels()?.iter().next();
    let version = route::version(kind, origin_as, update.get_multi_exit_disc(), community, label);
    let route = Some(Route {
        fingerprint: update.get_attribute_fingerprint(),
        version: version.unwrap_or(Route::DAMAGED),
    });
    Ok(Said { table, name, route })
}

fn bits(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(bytes.first_chunk().copied().unwrap_or_default())
}

/// Sixteen bytes; IPv4 mapped is IPv4.
fn address(bytes: &[u8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(bits(bytes))).to_canonical()
}
