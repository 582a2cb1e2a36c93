//! Formats a message as one line of text for people.

use std::fmt;

use arancini_schema::json::UnixTime;
use serde_json::Value;

/// The line of text for a message given in its JSON form.
pub(crate) struct Line<'a>(pub(crate) &'a Value);

/// Members that every line shows at its start, so that they are not repeated at its end.
const SHOWN: [&str; 8] = [
    "type",
    "announced",
    "synthetic",
    "timeReceivedNs",
    "routerAddr",
    "peerAddr",
    "peerAsn",
    "ribView",
];

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str).unwrap_or("-");
        let number = |name: &str| self.0.get(name).and_then(Value::as_u64).unwrap_or_default();
        let flag = |name: &str| self.0.get(name).and_then(Value::as_bool).unwrap_or_default();
        write!(
            f,
            "{} {} ",
            UnixTime(text("timeReceivedNs").parse().unwrap_or_default()),
            text("routerAddr")
        )?;
        if text("type") != "update" {
            write!(f, "{}", text("type"))?;
            return self.rest(f, &SHOWN);
        }
        let sign = if flag("announced") { '+' } else { '-' };
        let route = self
            .0
            .get("prefix")
            .or_else(|| self.0.get("rawNlri"))
            .and_then(Value::as_str)
            .unwrap_or("-");
        write!(
            f,
            "{} AS{} {} {sign} {route}",
            text("peerAddr"),
            number("peerAsn"),
            text("ribView")
        )?;
        if let Some(path_id) = self.0.get("pathId") {
            write!(f, " path-id {path_id}")?;
        }
        if let Some(distinguisher) = self.0.get("routeDistinguisher").and_then(Value::as_str) {
            write!(f, " rd {distinguisher}")?;
        }
        if !flag("announced") {
            write!(f, " {}", text("withdrawReason"))?;
            return if flag("synthetic") {
                f.write_str(" synthetic")
            } else {
                Ok(())
            };
        }
        write!(f, " next-hop {} path", text("nextHop"))?;
        for asn in self
            .0
            .get("asPath")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            write!(f, " {asn}")?;
        }
        write!(f, " {}", text("origin"))?;
        for (name, shown) in [("multiExitDisc", "med"), ("localPreference", "local-pref")] {
            if let Some(value) = self.0.get(name) {
                write!(f, " {shown} {value}")?;
            }
        }
        for (name, shown) in [
            ("communities", "communities"),
            ("extendedCommunities", "ext-communities"),
            ("largeCommunities", "large-communities"),
        ] {
            let list = self.0.get(name).and_then(Value::as_array);
            if let Some(list) = list.filter(|list| !list.is_empty()) {
                let members: Vec<_> = list.iter().filter_map(Value::as_str).collect();
                write!(f, " {shown} {}", members.join(","))?;
            }
        }
        Ok(())
    }
}

impl Line<'_> {
    /// Writes all members except these, as `name=value`.
    fn rest(&self, f: &mut fmt::Formatter<'_>, without: &[&str]) -> fmt::Result {
        for (name, value) in self.0.as_object().into_iter().flatten() {
            if !without.contains(&name.as_str()) {
                write!(f, " {name}={}", Shown(value))?;
            }
        }
        Ok(())
    }
}

/// A value for people: lists and objects without the marks of JSON.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Array(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    let separator = if index > 0 { ", " } else { "" };
                    write!(f, "{separator}{}", Shown(value))?;
                }
                f.write_str("]")
            }
            Value::Object(members) => {
                f.write_str("(")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    let separator = if index > 0 { " " } else { "" };
                    write!(f, "{separator}{name}={}", Shown(value))?;
                }
                f.write_str(")")
            }
            value => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_objects_of_an_event_are_not_json() {
        let event = json!({
            "type": "statistics", "timeReceivedNs": "0", "routerAddr": "10.0.0.1", "peer": {"address": "10.0.0.2"},
            "statistics": [{"type": 0, "value": "5"}, {"type": 7, "value": "8"}],
        });
        assert_eq!(
            Line(&event).to_string(),
            "1970-01-01T00:00:00.000Z 10.0.0.1 statistics peer=(address=\"10.0.0.2\") \
             statistics=[(type=0 value=\"5\"), (type=7 value=\"8\")]"
        );
    }

    #[test]
    fn an_update_is_one_line() {
        let update = json!({
            "type": "update", "announced": true, "timeReceivedNs": "1500000000", "routerAddr": "10.0.0.1",
            "peerAddr": "10.0.0.2", "peerAsn": 64512, "ribView": "adj-rib-in-pre", "prefix": "192.0.2.0/24",
            "nextHop": "10.0.0.2", "asPath": [64512, 64513], "origin": "IGP", "multiExitDisc": 5,
            "communities": ["64512:1", "64512:2"],
        });
        assert_eq!(
            Line(&update).to_string(),
            "1970-01-01T00:00:01.500Z 10.0.0.1 10.0.0.2 AS64512 adj-rib-in-pre + 192.0.2.0/24 \
             next-hop 10.0.0.2 path 64512 64513 IGP med 5 communities 64512:1,64512:2"
        );
    }
}
