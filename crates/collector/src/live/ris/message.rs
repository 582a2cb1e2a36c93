//! Messages to clients as JSON text.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use arancini_schema::table_key::address_of;
use arancini_schema::update_capnp::update;
use bytes::Bytes;
use serde_json::json;

use super::path_pattern::Hop;
use super::route::{PeerChange, Route};
use crate::message_filter::Action;

/// The `ris_message` of a route. `None` if the update can't be read.
pub(super) fn message_of_route(route: &Route<'_>) -> Option<Bytes> {
    let update = &route.update;
    let mut text = String::with_capacity(512);
    write_head(
        &mut text,
        &Head {
            time_ns: update.get_time_received_ns(),
            router: route.router,
            peer: route.peer,
            asn: update.get_peer_asn(),
            sequence: update.get_sequence(),
        },
    )
    .ok()?;
    write!(text, "\"type\":\"UPDATE\",\"view\":\"{}\"", route.view.name()).ok()?;
    match route.action() {
        Action::Announce => write_announce(&mut text, route)?,
        Action::Withdraw => write!(text, ",\"withdrawals\":[\"{}\"]", route.prefix).ok()?,
    }
    text.push_str("}}");
    Some(finished(text))
}

/// The `ris_message` of a peer that came up or went down.
pub(super) fn message_of_peer(change: &PeerChange) -> Option<Bytes> {
    let mut text = String::with_capacity(256);
    write_head(
        &mut text,
        &Head {
            time_ns: change.time_ns,
            router: change.router,
            peer: change.peer,
            asn: change.asn,
            sequence: change.sequence,
        },
    )
    .ok()?;
    let state = if change.is_up { "connected" } else { "down" };
    let view = change.view.name();
    write!(
        text,
        "\"type\":\"RIS_PEER_STATE\",\"view\":\"{view}\",\"state\":\"{state}\"}}}}"
    )
    .ok()?;
    Some(finished(text))
}

/// A text as it waits in the queues of clients, which count its length: it has no spare memory.
fn finished(mut text: String) -> Bytes {
    text.shrink_to_fit();
    Bytes::from(text)
}

/// A `ris_error`: what is wrong, and what to do about it.
#[must_use]
pub fn error_message(field: Option<&str>, detail: &str, remedy: &str) -> Bytes {
    let message = match field {
        Some(field) => format!("{field}: {detail}; {remedy}"),
        None => format!("{detail}; {remedy}"),
    };
    let data = json!({"message": message, "field": field, "remedy": remedy});
    Bytes::from(json!({"type": "ris_error", "data": data}).to_string())
}

/// The last message of a client that reads too slowly.
pub(super) fn slow_message() -> Bytes {
    error_message(
        None,
        "this client reads more slowly than messages come, so the connection ends here",
        "choose fewer messages, and connect again",
    )
}

/// The message that says that batches were left out.
pub(super) fn gap_message(batches: u64) -> Bytes {
    error_message(
        None,
        &format!("messages came faster than the collector can match them, so {batches} batches are left out"),
        "read the stream itself, which has everything",
    )
}

/// What all messages begin with.
struct Head {
    time_ns: u64,
    router: IpAddr,
    peer: IpAddr,
    asn: u32,
    sequence: u64,
}

fn write_head(text: &mut String, head: &Head) -> fmt::Result {
    let Head {
        time_ns,
        router,
        peer,
        asn,
        sequence,
    } = head;
    let (seconds, micros) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000 / 1000);
    write!(
        text,
        "{{\"type\":\"ris_message\",\"data\":{{\"timestamp\":{seconds}.{micros:06},\"peer\":\"{peer}\",\"peer_asn\":\"{asn}\",\
         \"id\":\"{router}-{sequence}\",\"host\":\"{router}\","
    )
}

fn write_announce(text: &mut String, route: &Route<'_>) -> Option<()> {
    let update = &route.update;
    text.push_str(",\"path\":[");
    for (number, hop) in route.path().iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        match hop {
            Hop::As(asn) => write!(text, "{asn}").ok()?,
            // The debug form of a list of numbers is its JSON form, but for the spaces.
            Hop::Set(members) => {
                let members: Vec<_> = members.iter().map(ToString::to_string).collect();
                write!(text, "[{}]", members.join(",")).ok()?;
            }
        }
    }
    text.push(']');
    write_communities(text, update)?;
    if update.get_has_origin()
        && let Some(origin) = update.get_origin().ok().and_then(|origin| origin.to_str().ok())
        && origin.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        write!(text, ",\"origin\":\"{origin}\"").ok()?;
    }
    if update.get_has_multi_exit_disc() {
        write!(text, ",\"med\":{}", update.get_multi_exit_disc()).ok()?;
    }
    if update.get_has_aggregator() {
        let address = Ipv4Addr::from(update.get_aggregator_bgp_id());
        write!(
            text,
            ",\"aggregator\":\"{}:{address}\"",
            update.get_aggregator_asn()
        )
        .ok()?;
    }
    text.push_str(",\"announcements\":[{\"next_hop\":\"");
    if update.get_has_next_hop() {
        let next_hop = IpAddr::from(address_of(update.get_next_hop()).ok()?).to_canonical();
        write!(text, "{next_hop}").ok()?;
    }
    write!(text, "\",\"prefixes\":[\"{}\"]}}]", route.prefix).ok()
}

fn write_communities(text: &mut String, update: &update::Reader<'_>) -> Option<()> {
    let communities = update.get_communities().ok()?;
    if communities.is_empty() {
        return Some(());
    }
    text.push_str(",\"community\":[");
    for (number, community) in communities.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        write!(text, "{comma}[{},{}]", community.get_asn(), community.get_value()).ok()?;
    }
    text.push(']');
    Some(())
}
