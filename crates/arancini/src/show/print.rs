//! Answers of the API as text for people.

use arancini_schema::json::visible;
use serde_json::Value;

use super::table::Table;
use crate::tail::Line;
use crate::units::counted;

/// The routers of a list.
pub(super) fn routers(list: &Value) -> String {
    let mut table = Table::new(&["ROUTER", "NAME", "STATE", "SINCE", "PEERS", "ROUTES", "NOTE"]);
    for router in entries(list, "routers") {
        let peers = format!("{}/{}", cell(router, "peersUp"), cell(router, "peers"));
        let note = if router["needsResync"] == true {
            "needs resync"
        } else {
            ""
        };
        table.row(vec![
            cell(router, "routerAddr"),
            cell(
                router,
                if router["name"].is_null() {
                    "sysName"
                } else {
                    "name"
                },
            ),
            cell(router, "state"),
            cell(router, "since"),
            peers,
            cell(router, "routes"),
            note.to_owned(),
        ]);
    }
    table.to_string()
}

/// The peers of a list.
pub(super) fn peers(list: &Value) -> String {
    let columns = [
        "ROUTER", "PEER", "AS", "STATE", "SINCE", "REASON", "CHANGES", "IN-24H", "ROUTES", "KEY",
    ];
    let mut table = Table::new(&columns);
    for peer in entries(list, "peers") {
        let last = entries(peer, "changes").last().unwrap_or(&Value::Null);
        table.row(vec![
            cell(peer, "routerAddr"),
            cell(peer, "peerAddr"),
            cell(peer, "peerAsn"),
            cell(peer, "state"),
            cell(peer, "since"),
            cell(last, "reason"),
            cell(peer, "changeCount"),
            cell(peer, "changesOfLastDay"),
            cell(peer, "routes"),
            cell(peer, "key"),
        ]);
    }
    table.to_string()
}

/// One peer with its tables, changes, BGP session and statistics.
pub(super) fn peer(peer: &Value) -> String {
    let mut out = String::new();
    let mut facts = Table::new(&["PEER", &cell(peer, "key")]);
    for (label, name) in [
        ("router", "routerAddr"),
        ("AS", "peerAsn"),
        ("BGP identifier", "peerBgpId"),
        ("distinguisher", "peerDistinguisher"),
        ("state", "state"),
        ("since", "since"),
        ("changes", "changeCount"),
        ("changes in 24 hours", "changesOfLastDay"),
        ("routes", "routes"),
    ] {
        facts.row(vec![label.to_owned(), cell(peer, name)]);
    }
    for (quirk, seen) in peer["quirks"].as_object().into_iter().flatten() {
        let times = if *seen == 1 { "time" } else { "times" };
        facts.row(vec!["quirk".to_owned(), format!("{quirk} ({seen} {times})")]);
    }
    out.push_str(&facts.to_string());
    let columns = [
        "VIEW",
        "FAMILY",
        "TABLE",
        "ROUTES",
        "ANNOUNCED",
        "WITHDRAWN",
        "NOTE",
    ];
    let mut tables = Table::new(&columns);
    for table in entries(peer, "tables") {
        let note = if table["settling"] == true {
            "dump under way"
        } else {
            ""
        };
        tables.row(vec![
            cell(table, "ribView"),
            cell(table, "family"),
            cell(table, "tableName"),
            cell(table, "routes"),
            cell(table, "receivedAnnounces"),
            cell(table, "receivedWithdraws"),
            note.to_owned(),
        ]);
    }
    out.push_str(&format!("\n{tables}"));
    let mut changes = Table::new(&["TIME", "STATE", "REASON"]);
    for change in entries(peer, "changes") {
        changes.row(
            ["time", "state", "reason"]
                .map(|name| cell(change, name))
                .to_vec(),
        );
    }
    out.push_str(&format!("\n{changes}"));
    let mut capabilities = Table::new(&["OPEN", "CAPABILITY", "VALUE"]);
    for (who, name) in [("sent", "sentOpen"), ("received", "receivedOpen")] {
        for capability in entries(&peer["bgpSession"][name], "capabilities") {
            capabilities.row(vec![
                who.to_owned(),
                cell(capability, "name"),
                cell(capability, "value"),
            ]);
        }
    }
    out.push_str(&format!("\n{capabilities}"));
    let mut statistics = Table::new(&["STATISTIC OF THE ROUTER", "FAMILY", "VALUE"]);
    for statistic in entries(&peer["statistics"], "statistics") {
        statistics.row(
            ["name", "family", "value"]
                .map(|name| cell(statistic, name))
                .to_vec(),
        );
    }
    out.push_str(&format!("\n{statistics}"));
    out
}

/// Published messages of a list, one line each, as `arancini tail` prints them.
pub(super) fn messages(list: &Value, name: &str) -> String {
    let lines = entries(list, name).map(|message| format!("{}\n", visible(&Line(message).to_string())));
    lines.collect()
}

/// Numbers of routes.
pub(super) fn counts(counts: &Value) -> String {
    let mut table = Table::new(&["VIEW", "FAMILY", "TABLES", "ROUTES"]);
    for count in entries(counts, "counts") {
        table.row(
            ["ribView", "family", "tables", "routes"]
                .map(|name| cell(count, name))
                .to_vec(),
        );
    }
    table.to_string()
}

/// The workers.
pub(super) fn workers(workers: &Value) -> String {
    let columns = [
        "WORKER",
        "ROUTERS",
        "SESSIONS",
        "ROUTES",
        "BYTES/S",
        "RECEIVED",
        "EMITTED",
        "SUPPRESSED",
        "MALFORMED",
        "DROPPED",
    ];
    let mut table = Table::new(&columns);
    for worker in entries(workers, "workers") {
        let names = [
            "worker",
            "routers",
            "sessions",
            "routes",
            "bytesPerSecond",
            "received",
            "emitted",
            "suppressed",
            "malformed",
            "dropped",
        ];
        table.row(names.map(|name| cell(worker, name)).to_vec());
    }
    table.to_string()
}

/// The sink.
pub(super) fn sink(sink: &Value) -> String {
    let mut table = Table::new(&["SINK", &cell(sink, "sink")]);
    for (label, name) in [
        ("ready", "ready"),
        ("messages taken", "messagesTaken"),
        ("messages acknowledged", "messagesAcknowledged"),
        ("messages set aside", "messagesSetAside"),
        ("batches behind", "batchesBehind"),
        ("messages in the window", "windowMessages"),
        ("bytes in the spool", "spoolBytes"),
    ] {
        table.row(vec![label.to_owned(), cell(sink, name)]);
    }
    let troubles = [&sink["trouble"]]
        .into_iter()
        .filter(|trouble| trouble.is_object());
    for trouble in troubles.chain(entries(sink, "warnings")) {
        let text = format!("{}; {}", cell(trouble, "cause"), cell(trouble, "remedy"));
        table.row(vec![cell(trouble, "reason"), text]);
    }
    table.to_string()
}

/// What a list left out and why, and where the history begins, for standard error.
pub(super) fn left_out(list: &Value) -> Vec<String> {
    let of_list = match (list["incomplete"].as_str(), list["next"].as_str()) {
        (Some(incomplete), _) => Some(incomplete.to_owned()),
        (None, Some(_)) => Some("there may be more: raise --limit".to_owned()),
        (None, None) => None,
    };
    let of_routes = ["leftOut", "attributesAbsent"]
        .into_iter()
        .filter_map(|name| list[name].as_str().map(str::to_owned));
    let since = list["historySince"].as_str();
    let of_history = since.map(|since| format!("the history begins at {}", visible(since)));
    let of_gaps = entries(list, "gaps").map(|gap| {
        let at = |name| visible(gap[name].as_str().unwrap_or("-")).to_string();
        format!(
            "{} between {} and {} are missing, because they came faster than the history takes them; the stream has them",
            counted(gap["updates"].as_u64().unwrap_or_default(), "update"),
            at("from"),
            at("to")
        )
    });
    let of_list = of_list.into_iter().chain(of_routes).chain(of_history);
    of_list.chain(of_gaps).collect()
}

pub(super) fn entries<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

/// A member as text; `-` if it is not there. A router chooses some of the texts, so characters that a terminal obeys are
/// written as escapes.
pub(super) fn cell(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => {
            let text: String = text
                .chars()
                .flat_map(|c| {
                    let escaped = c.is_ascii_control().then(|| c.escape_default());
                    let plain = escaped.is_none().then_some(c);
                    escaped.into_iter().flatten().chain(plain)
                })
                .collect();
            visible(&text).into_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_name_of_a_router_changes_nothing_but_its_cell() {
        let router = json!({"sysName": "a\u{1b}[2Jb\nc\u{202e}", "peers": 3});
        assert_eq!(cell(&router, "sysName"), "a\\u{1b}[2Jb\\nc\\u202e");
        assert_eq!(
            (cell(&router, "peers"), cell(&router, "routes")),
            ("3".to_owned(), "-".to_owned())
        );
    }
}
