//! The stream that the broker stored, read as the independent judge reads it.

use std::collections::BTreeMap;

use arancini_core::BatchKind;
use arancini_judge::message::Messages;
use arancini_judge::message::Synthetic;
use arancini_judge::order::Place;
use arancini_judge::{Judge, Kind, MapBook, Route, Rules, Said, What};

use crate::broker::Stored;
use crate::message::Message;
use crate::router::Router;
use crate::routes::Value;
use crate::violation::Violation;

/// What consumers hold after the whole stream, and how many updates they needed for it.
pub type Consumers = Judge<MapBook<Value>>;

/// Judges the stream. The places of messages are judged as they are stored. What the messages say is judged in the order of
/// their routers' sequences, because updates of one router under several subjects overtake each other by the linger.
///
/// # Errors
/// The first promise that the stream breaks.
pub fn judge(stream: &[Stored], rules: Rules, routers: &[Router]) -> Result<Consumers, Violation> {
    let mut withdrawn = BTreeMap::<Route, u32>::new();
    let mut judge = Judge::new(MapBook::default(), rules);
    let mut said = Vec::new();
    for Stored { message } in stream {
        let place = read(message, &mut said)?;
        judge.batch(&place);
        if judge.findings.counts.sum() > 0 {
            break;
        }
    }
    said.sort_by_key(|one| (one.subject.router, one.sequence));
    for one in &said {
        if judge.findings.counts.sum() > 0 {
            break;
        }
        if judge.is_new(one)
            && let What::Withdraw {
                route,
                synthetic: Synthetic::No,
            } = &one.what
        {
            *withdrawn.entry(route.clone()).or_default() += 1;
        }
        judge.take(one);
    }
    let invented = |(route, count): &(Route, u32)| {
        let said = routers.iter().map(|router| router.withdrawals(route));
        said.sum::<u32>() < *count
    };
    if let Some((route, _)) = withdrawn.into_iter().find(invented) {
        return Err(Violation::Invented(Box::new(route)));
    }
    match std::mem::take(&mut judge.findings).into_first() {
        Some(finding) => Err(Violation::Stream(finding)),
        None => Ok(judge),
    }
}

/// Prints the stream, message by message, for people who trace a run.
pub fn print(stream: &[Stored]) {
    for (at, Stored { message }) in stream.iter().enumerate() {
        let (life, batch, part) = message.id;
        eprintln!(
            "stream {}: life {life}, batch {batch}.{part}, {}",
            at + 1,
            message.subject
        );
        for each in arancini_schema::decode::Messages::new(&message.payload) {
            let said = match (each, message.kind) {
                (Err(error), _) => error.to_string(),
                (Ok(one), BatchKind::Updates) => {
                    one.update().map_or_else(|error| error.to_string(), describe)
                }
                (Ok(one), BatchKind::Peers) => one.peer_event().map_or_else(
                    |error| error.to_string(),
                    |event| format!("{} {:?}", event.get_sequence(), event.get_kind()),
                ),
                (Ok(one), BatchKind::Routers) => one.router_event().map_or_else(
                    |error| error.to_string(),
                    |event| format!("{} {:?}", event.get_sequence(), event.get_kind()),
                ),
                (Ok(_), BatchKind::Statistics | BatchKind::Malformed) => continue,
            };
            eprintln!("    {said}");
        }
    }
}

fn describe(update: arancini_schema::update_capnp::update::Reader<'_>) -> String {
    format!(
        "{} announced {}, reason {:?}, peer {:?} id {:x} view {:?}, {:?}/{} path {} nlri {:02x?}",
        update.get_sequence(),
        update.get_announced(),
        update.get_withdraw_reason(),
        update.get_peer_addr(),
        update.get_peer_bgp_id(),
        update.get_rib_view(),
        update.get_prefix_addr(),
        update.get_prefix_len(),
        update.get_path_id(),
        update.get_raw_nlri(),
    )
}

/// Reads a message of the broker and compares it with what its batch says. Returns its place in the order.
fn read(message: &Message, said: &mut Vec<Said<Value>>) -> Result<Place, Violation> {
    let unreadable = |what: String| Violation::Unreadable {
        subject: message.subject.to_string(),
        what,
    };
    let before = said.len();
    for each in Messages::new(kind(message.kind), &message.payload) {
        let mut each = each.map_err(|error| unreadable(error.to_string()))?;
        if message.kind == BatchKind::Statistics {
            // Statistics of peers that are not known have one subject, whatever AS numbers they name.
            each.subject.asn = asn_of(message);
        }
        said.push(each);
    }
    let said = said.get(before..).unwrap_or_default();
    let (Some(first), Some(last)) = (said.first(), said.last()) else {
        return Err(unreadable("the payload is empty".to_owned()));
    };
    let place = Place {
        subject: first.subject,
        first: first.sequence,
        last: last.sequence,
    };
    let whole = (place.first, place.last) == (message.first_sequence, message.last_sequence);
    let within = place.first >= message.first_sequence && place.last <= message.last_sequence;
    let is_part = message.id.2 > 0;
    let rises = said
        .iter()
        .zip(said.iter().skip(1))
        .all(|(one, two)| one.sequence < two.sequence);
    let of_subject = said.iter().all(|one| one.subject == place.subject);
    let of_router = place.subject.router == message.router;
    let counted = said.len() == message.messages as usize;
    if !counted || !(whole || is_part && within) || !rises || !of_subject || !of_router {
        return Err(unreadable(format!(
            "{} messages from {} to {} of {} are not what the batch says",
            said.len(),
            place.first,
            place.last,
            message.router
        )));
    }
    Ok(place)
}

/// The AS number in the subject of a message.
fn asn_of(message: &Message) -> Option<u32> {
    message.subject.rsplit('.').next()?.parse().ok()
}

const fn kind(kind: BatchKind) -> Kind {
    match kind {
        BatchKind::Updates => Kind::Updates,
        BatchKind::Peers => Kind::Peers,
        BatchKind::Routers => Kind::Routers,
        BatchKind::Statistics => Kind::Statistics,
        BatchKind::Malformed => Kind::Malformed,
    }
}
