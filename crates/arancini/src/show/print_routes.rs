//! Routes as text for people.

use serde_json::Value;

use super::print::{cell, entries};
use super::table::Table;

/// The columns that every list of routes has, with the names of their members.
const COLUMNS: [(&str, &str); 8] = [
    ("ROUTER", "routerAddr"),
    ("PEER", "peerAddr"),
    ("AS", "peerAsn"),
    ("VIEW", "ribView"),
    ("FAMILY", "family"),
    ("RD", "routeDistinguisher"),
    ("PATH-ID", "pathId"),
    ("STATE", "state"),
];

/// The routes of a list: with since when, next hop, AS path and communities, if the collector retains attributes, else with fingerprints.
pub(super) fn routes(list: &Value) -> String {
    let retained = list["attributesAbsent"].is_null();
    let of_attributes: &[&str] = if retained {
        &["SINCE", "NEXT-HOP", "AS-PATH", "COMMUNITIES"]
    } else {
        &["ATTRIBUTES"]
    };
    let mut columns = vec!["PREFIX"];
    columns.extend(COLUMNS.map(|(column, _)| column));
    columns.extend(of_attributes);
    let mut table = Table::new(&columns);
    for route in entries(list, "routes") {
        let prefix = if route["prefix"].is_string() {
            "prefix"
        } else {
            "rawNlri"
        };
        let mut row = vec![cell(route, prefix)];
        row.extend(COLUMNS.map(|(_, member)| cell(route, member)));
        if retained {
            let of_set = [cell(route, "nextHop"), as_path(route), communities(route)];
            row.push(cell(route, "since"));
            row.extend(of_set);
        } else {
            row.push(cell(route, "attributeFingerprint"));
        }
        table.row(row);
    }
    table.to_string()
}

/// The communities of all kinds.
fn communities(route: &Value) -> String {
    let kinds = ["communities", "largeCommunities", "extendedCommunities"];
    let all = kinds.into_iter().flat_map(|kind| entries(route, kind));
    let texts: Vec<&str> = all.filter_map(Value::as_str).collect();
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join(" ")
    }
}

/// The AS path as routers print it: sets in braces, confederations in parentheses.
fn as_path(route: &Value) -> String {
    let numbers = |of: &Value, name: &str, between: &str| {
        let numbers: Vec<String> = entries(of, name).map(ToString::to_string).collect();
        numbers.join(between)
    };
    if !route["asPathSegments"].is_array() {
        let path = numbers(route, "asPath", " ");
        return if path.is_empty() { "-".to_owned() } else { path };
    }
    let segments = entries(route, "asPathSegments").map(|segment| match segment["kind"].as_str() {
        Some("as-set") => format!("{{{}}}", numbers(segment, "asns", ",")),
        Some("confed-sequence") => format!("({})", numbers(segment, "asns", " ")),
        Some("confed-set") => format!("({{{}}})", numbers(segment, "asns", ",")),
        _ => numbers(segment, "asns", " "),
    });
    segments.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn communities_of_all_kinds_are_in_one_column() {
        let route = json!({"communities": ["64500:1", "64500:2"], "extendedCommunities": ["rt:64500:1"]});
        assert_eq!(communities(&route), "64500:1 64500:2 rt:64500:1");
        assert_eq!(communities(&json!({})), "-");
    }

    #[test]
    fn paths_are_written_as_routers_write_them() {
        let segments = json!([
            {"kind": "confed-sequence", "asns": [64_512, 64_513]},
            {"kind": "as-sequence", "asns": [1, 2]},
            {"kind": "as-set", "asns": [3, 4]},
        ]);
        for (route, path) in [
            (json!({"asPath": [64_500, 1]}), "64500 1"),
            (json!({"origin": "IGP"}), "-"),
            (
                json!({"asPath": [64_512, 64_513, 1, 2, 3, 4], "asPathSegments": segments}),
                "(64512 64513) 1 2 {3,4}",
            ),
        ] {
            assert_eq!(as_path(&route), path);
        }
    }
}
