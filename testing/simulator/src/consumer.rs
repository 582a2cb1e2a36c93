//! A consumer that believes every word, and the judge of what it was told.
//!
//! It replays the stream as the broker stored it. Order first: within a subject sequences rise, and events are barriers
//! of their router (SPEC §7). Then truth: nothing is withdrawn that was not there, nothing announced as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use arancini_core::BatchKind;
use arancini_schema::decode::{DecodeError, DecodeErrorKind, Message as Record, Messages};
use arancini_schema::update_capnp::{RouterEventKind, update};
use arancini_wire::iana::AfiSafi;

use crate::broker::Stored;
use crate::publisher::Message;
use crate::routes::{RouteKey, Value};
use crate::violation::Violation;

/// Of which table an update speaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableKey {
    /// The router.
    pub router: IpAddr,
    /// Its peer.
    pub peer: IpAddr,
    /// The peer's distinguisher.
    pub distinguisher: u64,
    /// Which RIB.
    pub view: u16,
    /// Which family.
    pub family: AfiSafi,
}

/// What is held of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its fingerprint, by which the collector tells attributes apart.
    pub fingerprint: u64,
    /// What it says.
    pub value: Value,
}

#[derive(Debug)]
struct Said {
    router: IpAddr,
    sequence: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Update(Change),
    ResyncBegin,
    ResyncEnd,
    Other,
}

/// What a consumer holds after the whole stream.
#[derive(Debug, Default)]
pub struct Consumer {
    /// What is not said again until the end of a resync is gone then.
    unconfirmed: BTreeSet<(TableKey, RouteKey)>,
    /// Broken order was told of, and then the collector died with what came too late: doubles prove nothing.
    lenient: bool,
    /// Sequence of each router's last resync-begin.
    pub resynced: BTreeMap<IpAddr, u64>,
    /// All routes.
    pub routes: BTreeMap<(TableKey, RouteKey), Held>,
    /// Updates replayed.
    pub updates: u64,
}

impl Consumer {
    /// Replays the stream. Where the broker refused a message and took a later one, the order of the stream
    /// can't be kept by anybody: then the routers' sequences are the order (`ordered` is false). Where
    /// moreover the collector died before it could send the refused one again, the stream has a hole
    /// (`lenient`): what it says twice is not judged, but what comes of it in the end is.
    ///
    /// # Errors
    /// What the stream said that can't be.
    pub fn replay(stream: &[Stored], ordered: bool, lenient: bool) -> Result<Self, Violation> {
        let mut said = Vec::new();
        let mut order = Order::default();
        for Stored { message } in stream {
            let before = said.len();
            read(message, &mut said)?;
            let of_message = said.get(before..).unwrap_or_default();
            if ordered && let (Some(first), Some(last)) = (of_message.first(), of_message.last()) {
                order.check(message, first.sequence, last.sequence)?;
            }
        }
        // Updates of one router under several subjects overtake each other by the linger; the sequence is their order.
        said.sort_by_key(|one| (one.router, one.sequence));
        for pair in said.windows(2) {
            if let [one, two] = pair
                && (one.router, one.sequence) == (two.router, two.sequence)
            {
                return Err(Violation::Doubled {
                    router: one.router,
                    sequence: one.sequence,
                });
            }
        }
        let mut consumer = Self {
            lenient,
            ..Self::default()
        };
        for one in said {
            match one.what {
                What::Update((table, route, held)) => consumer.take(table, route, held, one.sequence)?,
                What::ResyncBegin => {
                    consumer.resynced.insert(one.router, one.sequence);
                    let of_router = consumer
                        .routes
                        .keys()
                        .filter(|(table, _)| table.router == one.router);
                    consumer.unconfirmed.extend(of_router.cloned());
                }
                What::ResyncEnd => {
                    let of_router = |key: &(TableKey, RouteKey)| key.0.router == one.router;
                    for key in consumer.unconfirmed.iter().filter(|key| of_router(key)) {
                        consumer.routes.remove(key);
                    }
                    consumer.unconfirmed.retain(|key| !of_router(key));
                }
                What::Other => {}
            }
        }
        Ok(consumer)
    }

    fn take(
        &mut self,
        table: TableKey,
        route: RouteKey,
        held: Option<Held>,
        sequence: u64,
    ) -> Result<(), Violation> {
        self.updates += 1;
        let key = (table, route);
        match held {
            Some(new) => {
                let before = self.routes.insert(key.clone(), new);
                let confirms = self.unconfirmed.remove(&key) || self.lenient;
                if !confirms && before.is_some_and(|before| before.fingerprint == new.fingerprint) {
                    return Err(Violation::AnnouncedAsItWas {
                        route: Box::new(key),
                        sequence,
                    });
                }
            }
            None => {
                self.unconfirmed.remove(&key);
                if self.routes.remove(&key).is_none() && !self.lenient {
                    return Err(Violation::WithdrawnTwice {
                        route: Box::new(key),
                        sequence,
                    });
                }
            }
        }
        Ok(())
    }
}

/// The order of the stream so far.
#[derive(Debug, Default)]
struct Order<'a> {
    /// The last sequence of each subject.
    subjects: BTreeMap<&'a str, u64>,
    /// Of each router the highest sequence of all, and that of the last event.
    routers: BTreeMap<IpAddr, (u64, u64)>,
}

impl<'a> Order<'a> {
    /// Sequences rise within a subject; what a router says before an event is stored before it, what it says later
    /// behind it.
    fn check(&mut self, message: &'a Message, first: u64, last: u64) -> Result<(), Violation> {
        let before = self.subjects.entry(&message.subject).or_default();
        if first <= *before {
            return Err(Violation::OutOfOrder {
                subject: message.subject.to_string(),
                sequence: first,
                after: *before,
            });
        }
        *before = last;
        let (highest, event) = self.routers.entry(message.router).or_default();
        let is_event = matches!(message.kind, BatchKind::Peers | BatchKind::Routers);
        let bound = if is_event { *highest } else { *event };
        if first <= bound {
            return Err(Violation::BarrierBroken {
                subject: message.subject.to_string(),
                sequence: first,
                after: bound,
            });
        }
        if is_event {
            *event = last;
        }
        *highest = last.max(*highest);
        Ok(())
    }
}

fn read(message: &Message, said: &mut Vec<Said>) -> Result<(), Violation> {
    let unreadable = |what: String| Violation::Unreadable {
        subject: message.subject.to_string(),
        what,
    };
    let before = said.len();
    for each in Messages::new(&message.payload) {
        let each = each.map_err(|error| unreadable(error.to_string()))?;
        said.push(read_one(message.kind, &each).map_err(|error| unreadable(error.to_string()))?);
    }
    let said = said.get(before..).unwrap_or_default();
    let bounds = (
        said.first().map_or(0, |first| first.sequence),
        said.last().map_or(0, |last| last.sequence),
    );
    let named = (message.first_sequence, message.last_sequence);
    let within = bounds == named || message.id.2 > 0 && bounds.0 >= named.0 && bounds.1 <= named.1;
    let rises = said
        .iter()
        .zip(said.iter().skip(1))
        .all(|(one, two)| one.sequence < two.sequence);
    let of_router = said.iter().all(|one| one.router == message.router);
    if said.len() != message.messages as usize || !within || !rises || !of_router {
        return Err(unreadable(format!(
            "{} messages from {} to {} of {} are not what the batch says",
            said.len(),
            bounds.0,
            bounds.1,
            message.router
        )));
    }
    Ok(())
}

fn read_one(kind: BatchKind, message: &Record<'_>) -> Result<Said, DecodeError> {
    let content = |error| DecodeError {
        offset: message.offset(),
        kind: DecodeErrorKind::Content(error),
    };
    let (router, sequence, what) = match kind {
        BatchKind::Updates => {
            let update = message.update()?;
            let router = update.get_router_addr().map_err(content)?;
            (
                router,
                update.get_sequence(),
                What::Update(read_update(update).map_err(content)?),
            )
        }
        BatchKind::Peers => {
            let event = message.peer_event()?;
            (
                event.get_router_addr().map_err(content)?,
                event.get_sequence(),
                What::Other,
            )
        }
        BatchKind::Routers => {
            let event = message.router_event()?;
            let what = match event.get_kind() {
                Ok(RouterEventKind::ResyncBegin) => What::ResyncBegin,
                Ok(RouterEventKind::ResyncEnd) => What::ResyncEnd,
                _ => What::Other,
            };
            (
                event.get_router_addr().map_err(content)?,
                event.get_sequence(),
                what,
            )
        }
        BatchKind::Statistics => {
            let event = message.statistics_event()?;
            (
                event.get_router_addr().map_err(content)?,
                event.get_sequence(),
                What::Other,
            )
        }
        BatchKind::Malformed => {
            let event = message.malformed_message()?;
            (
                event.get_router_addr().map_err(content)?,
                event.get_sequence(),
                What::Other,
            )
        }
    };
    Ok(Said {
        router: address(router),
        sequence,
        what,
    })
}

type Change = (TableKey, RouteKey, Option<Held>);

fn read_update(update: update::Reader<'_>) -> capnp::Result<Change> {
    let raw = update.get_raw_nlri()?.to_vec();
    let mut prefix = [0; 16];
    if raw.is_empty() {
        prefix = octets(update.get_prefix_addr()?);
    }
    let table = TableKey {
        router: address(update.get_router_addr()?),
        peer: address(update.get_peer_addr()?),
        distinguisher: update.get_peer_distinguisher(),
        view: update.get_rib_view()? as u16,
        family: AfiSafi::new(update.get_afi(), update.get_safi()),
    };
    let route = RouteKey {
        address: prefix,
        length: if raw.is_empty() {
            update.get_prefix_len()
        } else {
            0
        },
        route_distinguisher: update
            .get_has_route_distinguisher()
            .then(|| update.get_route_distinguisher()),
        path_id: update.get_has_path_id().then(|| update.get_path_id()),
        raw,
    };
    if !update.get_announced() {
        return Ok((table, route, None));
    }
    let path = update.get_as_path()?;
    let labels = update.get_labels()?;
    let value = Value {
        origin_as: path.iter().last().unwrap_or_default(),
        label: labels.iter().next().unwrap_or_default(),
    };
    let held = Held {
        fingerprint: update.get_attribute_fingerprint(),
        value,
    };
    Ok((table, route, Some(held)))
}

fn octets(bytes: &[u8]) -> [u8; 16] {
    bytes.first_chunk().copied().unwrap_or_default()
}

/// Sixteen bytes; IPv4 mapped is IPv4.
fn address(bytes: &[u8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(octets(bytes))).to_canonical()
}
