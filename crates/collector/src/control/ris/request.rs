//! The requests of a client.

use serde_json::{Map, Value};

use super::fields::{read_bool, read_filter};
use super::wrong::Wrong;
use crate::live::{Filter, Views};

/// What a client asks for.
#[derive(Debug)]
pub enum Request {
    /// To get the messages that pass a filter.
    Subscribe(Box<Subscription>),
    /// To end the subscription with this filter; `None` ends all of them.
    Unsubscribe(Option<Box<Filter>>),
    /// To get the list of hosts.
    HostList,
    /// To get a `pong`.
    Ping,
}

/// A subscription that a client asks for.
#[derive(Debug)]
pub struct Subscription {
    /// What it selects.
    pub filter: Filter,
    /// The fields as the client wrote them, to be repeated in the acknowledgement.
    pub fields: Map<String, Value>,
    /// Whether this and the next subscriptions are acknowledged; `None` leaves this as it is.
    pub acknowledge: Option<bool>,
}

/// Reads a request. `views` are those that a client gets if it names no view.
pub fn read_request(text: &str, views: Views) -> Result<Request, Wrong> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Wrong::new(
            format!("the message is no JSON: {error}"),
            "write an object like {\"type\": \"ris_subscribe\", \"data\": {\"prefix\": \"192.0.2.0/24\"}}",
        )
    })?;
    let data = || read_data(value.get("data"));
    match value.get("type").and_then(Value::as_str) {
        Some("ris_subscribe") => read_subscription(data()?, views).map(Request::Subscribe),
        Some("ris_unsubscribe") => {
            let fields = data()?;
            if fields.is_empty() {
                return Ok(Request::Unsubscribe(None));
            }
            let filter = Box::new(read_filter(&fields, views)?);
            Ok(Request::Unsubscribe(Some(filter)))
        }
        Some("request_rrc_list") => Ok(Request::HostList),
        Some("ping") => Ok(Request::Ping),
        _ => {
            let wrong = Wrong::new(
                "there is no such message",
                "write ris_subscribe, ris_unsubscribe, request_rrc_list or ping",
            );
            Err(wrong.in_field("type"))
        }
    }
}

fn read_data(data: Option<&Value>) -> Result<Map<String, Value>, Wrong> {
    match data {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields.clone()),
        Some(_) => {
            let wrong = Wrong::new(
                "the data of this message is no object",
                "write an object like {\"prefix\": \"192.0.2.0/24\"}",
            );
            Err(wrong.in_field("data"))
        }
    }
}

fn read_subscription(mut fields: Map<String, Value>, views: Views) -> Result<Box<Subscription>, Wrong> {
    let filter = read_filter(&fields, views)?;
    let acknowledge = match fields.remove("socketOptions") {
        None | Some(Value::Null) => None,
        Some(Value::Object(options)) => read_options(&options)?,
        Some(_) => {
            let wrong = Wrong::new(
                "the options are no object",
                "write an object like {\"acknowledge\": true}",
            );
            return Err(wrong.in_field("socketOptions"));
        }
    };
    Ok(Box::new(Subscription {
        filter,
        fields,
        acknowledge,
    }))
}

fn read_options(options: &Map<String, Value>) -> Result<Option<bool>, Wrong> {
    let mut acknowledge = None;
    for (name, value) in options {
        match name.as_str() {
            _ if value.is_null() => {}
            "acknowledge" => acknowledge = Some(read_bool("socketOptions.acknowledge", value)?),
            // The acknowledgement says that messages come without `raw`.
            "includeRaw" => {
                read_bool("socketOptions.includeRaw", value)?;
            }
            _ => {
                let wrong = Wrong::new(
                    "there is an option of another name",
                    "write acknowledge or includeRaw",
                );
                return Err(wrong.in_field("socketOptions"));
            }
        }
    }
    Ok(acknowledge)
}
