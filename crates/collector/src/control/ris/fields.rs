//! The fields of a subscription. A field that is `null` or an empty text is no condition, as in RIPE's service.

use std::net::IpAddr;

use arancini_wire::bmp::RibView;
use serde_json::{Map, Value};

use super::wrong::Wrong;
use crate::config::IpPrefix;
use crate::live::{Filter, Hop, MessageType, NamedViews, PathPattern, Views};
use crate::message_filter::Action;

/// Most prefixes in one subscription.
const MOST_PREFIXES: usize = 1000;
/// Most octets of a client's text that an error repeats.
const MOST_REPEATED: usize = 64;

const FIELDS: &str =
    "host, type, require, peer, path, prefix, moreSpecific, lessSpecific, view or socketOptions";

/// Reads a filter from the fields of a subscription. `views` are those that the client gets if no field names a view.
pub fn read_filter(fields: &Map<String, Value>, views: Views) -> Result<Filter, Wrong> {
    let mut filter = Filter {
        more_specific: true,
        views,
        ..Filter::default()
    };
    for (name, value) in fields {
        if value.is_null() || value.as_str() == Some("") {
            continue;
        }
        match name.as_str() {
            "host" => filter.host = Some(read_address("host", "router", value)?),
            "peer" => filter.peer = Some(read_address("peer", "peer", value)?),
            "type" => filter.message_type = Some(read_type(value)?),
            "require" => filter.require = Some(read_require(value)?),
            "path" => filter.path = Some(read_path(value)?),
            "prefix" => filter.prefixes = read_prefixes(value)?,
            "moreSpecific" => filter.more_specific = read_bool("moreSpecific", value)?,
            "lessSpecific" => filter.less_specific = read_bool("lessSpecific", value)?,
            "view" => filter.views = read_views(value)?,
            "socketOptions" => {}
            _ => {
                let wrong = Wrong::new("there is no such field", format!("write {FIELDS}"));
                return Err(wrong.in_field(repeated(name)));
            }
        }
    }
    Ok(filter)
}

/// Reads a field that is true or false.
pub fn read_bool(field: &'static str, value: &Value) -> Result<bool, Wrong> {
    value
        .as_bool()
        .ok_or_else(|| no(field, value, "truth value", "write true or false, without quotes"))
}

/// Reads the views of a subscription or of the address of the websocket: one name, or several names.
pub fn read_views(value: &Value) -> Result<Views, Wrong> {
    let names = one_or_several(value);
    let mut views = NamedViews::default();
    for name in names {
        let view = name.as_str().and_then(RibView::from_name).ok_or_else(|| {
            let remedy = format!(
                "write one or several of {}",
                RibView::ALL.map(RibView::name).join(", ")
            );
            Wrong::new(format!("{} is no RIB view", repeated(&name.to_string())), remedy).in_field("view")
        })?;
        views = views.with(view);
    }
    Ok(Views::Named(views))
}

fn read_address(field: &'static str, of: &str, value: &Value) -> Result<IpAddr, Wrong> {
    let address = value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
    address.map(|address| address.to_canonical()).ok_or_else(|| {
        let remedy = format!("write the address of a {of}, like \"192.0.2.1\"");
        let detail = format!("{} is no IP address", repeated(&value.to_string()));
        Wrong::new(detail, remedy).in_field(field)
    })
}

fn read_type(value: &Value) -> Result<MessageType, Wrong> {
    match value.as_str() {
        Some("UPDATE") => Ok(MessageType::Update),
        // RIPE documents the first name and sends the second one.
        Some("RIS_PEER_STATE" | "STATE") => Ok(MessageType::PeerState),
        Some("OPEN" | "NOTIFICATION" | "KEEPALIVE") => Ok(MessageType::NeverSent),
        _ => Err(no(
            "type",
            value,
            "type of messages",
            "write UPDATE or RIS_PEER_STATE",
        )),
    }
}

fn read_require(value: &Value) -> Result<Action, Wrong> {
    match value.as_str() {
        Some("announcements") => Ok(Action::Announce),
        Some("withdrawals") => Ok(Action::Withdraw),
        _ => Err(no(
            "require",
            value,
            "key that can be required",
            "write announcements or withdrawals",
        )),
    }
}

fn read_path(value: &Value) -> Result<PathPattern, Wrong> {
    let wrong = |detail: String| {
        let remedy =
            "write an AS number, or a pattern like \"64500,64501\", \"^64500\", \"64501$\" or \"!64502$\"";
        Wrong::new(
            format!(
                "{} is no pattern of AS paths: {detail}",
                repeated(&value.to_string())
            ),
            remedy,
        )
        .in_field("path")
    };
    let number = |value: &Value| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| wrong("it has something else than AS numbers".to_owned()))
    };
    let hops = match value {
        Value::String(text) => return PathPattern::parse(text).map_err(|error| wrong(error.to_string())),
        Value::Array(hops) => hops
            .iter()
            .map(|hop| match hop {
                Value::Array(members) => {
                    let members: Result<Vec<_>, _> = members.iter().map(number).collect();
                    Ok(Hop::set_of(members?))
                }
                _ => number(hop).map(Hop::As),
            })
            .collect::<Result<Vec<_>, _>>()?,
        _ => vec![Hop::As(number(value)?)],
    };
    PathPattern::new(hops).map_err(|error| wrong(error.to_string()))
}

fn read_prefixes(value: &Value) -> Result<Vec<IpPrefix>, Wrong> {
    let texts = one_or_several(value);
    if texts.is_empty() || texts.len() > MOST_PREFIXES {
        let wrong = Wrong::new(
            format!("a list of {} prefixes", texts.len()),
            format!("write from 1 to {MOST_PREFIXES} prefixes; send the rest in further subscriptions"),
        );
        return Err(wrong.in_field("prefix"));
    }
    let mut prefixes = texts
        .iter()
        .map(|text| {
            let prefix = text.as_str().and_then(|text| text.parse::<IpPrefix>().ok());
            prefix.ok_or_else(|| {
                let remedy = "write prefixes like \"192.0.2.0/24\" or \"2001:db8::/32\"";
                no("prefix", text, "IP prefix", remedy)
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    prefixes.sort_unstable();
    prefixes.dedup();
    // A subscription keeps its prefixes, and counts a prefix that the client repeats once.
    prefixes.shrink_to_fit();
    Ok(prefixes)
}

fn one_or_several(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => std::slice::from_ref(value),
    }
}

fn no(field: &'static str, value: &Value, what: &str, remedy: &'static str) -> Wrong {
    Wrong::new(format!("{} is no {what}", repeated(&value.to_string())), remedy).in_field(field)
}

/// The beginning of a client's text, to repeat it in an error.
fn repeated(text: &str) -> String {
    let end = text
        .char_indices()
        .map(|(place, _)| place)
        .find(|place| *place >= MOST_REPEATED);
    end.map_or_else(|| text.to_owned(), |end| format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Filter, Wrong> {
        read_filter(value.as_object().unwrap(), Views::default())
    }

    #[test]
    fn fields_without_a_value_are_no_conditions() {
        let all = read(json!({})).unwrap();
        assert!(all.more_specific && !all.less_specific);
        let empty = json!({"host": "", "type": "", "require": "", "peer": "", "path": "", "prefix": ""});
        assert_eq!(read(empty).unwrap(), all);
        let nulls =
            json!({"host": null, "prefix": null, "moreSpecific": null, "path": null, "socketOptions": null});
        assert_eq!(read(nulls).unwrap(), all);
    }

    #[test]
    fn a_path_may_be_a_number_a_text_or_a_list() {
        let of = |path: Value| read(json!({"path": path})).unwrap().path.unwrap();
        assert_eq!(of(json!(64500)), of(json!("64500")));
        assert_eq!(of(json!([1, 2, [4, 3]])), of(json!("1,2,[3,4]")));
    }

    #[test]
    fn a_path_with_an_empty_as_set_is_refused_however_many_there_are() {
        let mut hops = vec![json!([]); 20_000];
        hops.push(json!(1));
        let wrong = read(json!({"path": hops})).unwrap_err();
        assert!(wrong.into_parts().0.contains("AS_SET without AS numbers"));
        let wrong = read(json!({"path": [64500, []]})).unwrap_err();
        assert!(wrong.into_parts().0.contains("AS_SET without AS numbers"));
    }

    #[test]
    fn a_subscription_has_no_memory_for_what_its_client_repeats() {
        let repeated =
            read(json!({"path": [vec![1; 10_000]], "prefix": vec!["192.0.2.0/24"; 1000]})).unwrap();
        assert_eq!(repeated.prefixes.capacity(), 1);
        assert_eq!(repeated.path, PathPattern::parse("[1]").ok());
        let Hop::Set(members) = Hop::set_of(vec![1; 10_000]) else {
            panic!("it is a set");
        };
        assert_eq!(members.capacity(), 1);
    }

    #[test]
    fn a_wrong_field_is_named_with_a_remedy() {
        for (fields, field) in [
            (json!({"host": "rrc21"}), "host"),
            (json!({"host": 21}), "host"),
            (json!({"peer": "192.0.2"}), "peer"),
            (json!({"type": "update"}), "type"),
            (json!({"require": "path"}), "require"),
            (json!({"path": ".*64500"}), "path"),
            (json!({"path": 4_294_967_296_u64}), "path"),
            (json!({"path": []}), "path"),
            (json!({"path": [[]]}), "path"),
            (json!({"path": true}), "path"),
            (json!({"prefix": "192.0.2.0/33"}), "prefix"),
            (json!({"prefix": ["192.0.2.0/24", 1]}), "prefix"),
            (json!({"prefix": []}), "prefix"),
            (
                json!({"prefix": vec!["192.0.2.0/24"; MOST_PREFIXES + 1]}),
                "prefix",
            ),
            (json!({"moreSpecific": "true"}), "moreSpecific"),
            (json!({"lessSpecific": 1}), "lessSpecific"),
            (json!({"view": "post"}), "view"),
            (json!({"prefixes": "192.0.2.0/24"}), "prefixes"),
        ] {
            let message = read(fields).unwrap_err().message();
            let message: Value = serde_json::from_slice(&message).unwrap();
            assert_eq!(message["data"]["field"], field, "{message}");
            assert_ne!(message["data"]["remedy"], "", "{message}");
        }
    }

    #[test]
    fn an_error_repeats_only_the_beginning_of_a_long_text() {
        let wrong = read(json!({"peer": "ä".repeat(10_000)})).unwrap_err();
        assert!(wrong.message().len() < 500);
    }
}
