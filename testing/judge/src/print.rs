//! The lines that the program prints, as JSON objects.

use arancini_judge::attributes::Attributes;
use arancini_judge::book::Held;
use arancini_judge::route::{VIEWS, address};
use arancini_judge::{Finding, FindingKind, Judge, MapBook, Route};
use serde_json::{Map, Value, json};

/// A route that consumers hold. Only what the route has is there.
pub(crate) fn route(route: &Route, held: &Held<Attributes>) -> Value {
    let Route { table, name } = route;
    let prefix = if name.raw.is_empty() {
        format!("{}/{}", address(name.address), name.length)
    } else {
        name.raw.iter().map(|octet| format!("{octet:02x}")).collect()
    };
    let mut said = json!({
        "router": table.router.to_string(),
        "peer": table.peer.to_string(),
        "view": VIEWS.get(usize::from(table.view)),
        "family": table.family.to_string(),
        "distinguisher": table.distinguisher,
        "prefix": prefix,
        "attributes": attributes(&held.value),
    });
    if let Some(object) = said.as_object_mut() {
        insert(object, "path_id", name.path_id);
        insert(object, "route_distinguisher", name.distinguisher);
    }
    json!({ "route": said })
}

fn attributes(held: &Attributes) -> Value {
    let path = held.as_path.iter().map(|part| json!([part.kind, part.asns]));
    let mut said = json!({
        "origin": held.origin,
        "as_path": path.collect::<Vec<_>>(),
        "communities": held.communities,
        "large_communities": held.large_communities,
        "atomic_aggregate": held.atomic_aggregate,
    });
    if let Some(object) = said.as_object_mut() {
        insert(
            object,
            "next_hop",
            held.next_hop.map(|next_hop| next_hop.to_string()),
        );
        insert(object, "med", held.med);
        let aggregator = held.aggregator.map(|by| {
            let bgp_id = std::net::Ipv4Addr::from_bits(by.bgp_id);
            json!([by.asn, bgp_id.to_string()])
        });
        insert(object, "aggregator", aggregator);
    }
    said
}

fn insert<V: Into<Value>>(object: &mut Map<String, Value>, name: &str, value: Option<V>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}

/// A broken promise.
pub(crate) fn finding(finding: &Finding) -> Value {
    json!({ "finding": { "kind": finding.kind().name(), "text": finding.to_string() } })
}

/// All counts.
pub(crate) fn summary(judge: &Judge<MapBook<Attributes>>) -> Value {
    let counts = &judge.findings.counts;
    let findings: Map<String, Value> = FindingKind::ALL
        .into_iter()
        .map(|kind| (kind.name().to_owned(), counts.of(kind).into()))
        .collect();
    json!({ "summary": {
        "routes": judge.book.routes.len(),
        "announces": judge.announces,
        "withdraws": judge.withdraws,
        "synthetic_withdraws": judge.synthetic_withdraws,
        "resyncs": judge.resyncs,
        "open_resyncs": judge.open_resyncs(),
        "sequences_left_out": judge.sequences_left_out(),
        "findings": findings,
    }})
}
