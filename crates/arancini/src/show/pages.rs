//! Lists of the API, gathered from their pages.

use serde_json::{Value, json};

use crate::control_port::{AskError, Client};

/// Most entries of one page.
const PAGE: usize = 1000;

/// Up to `limit` entries of a list, as the API has it: with `next` if there are more, and with the begin of the history.
pub(super) async fn list(
    client: &mut Client,
    path: &str,
    name: &str,
    parameters: &[(&str, String)],
    limit: usize,
) -> Result<Value, AskError> {
    let mut entries = Vec::new();
    let mut cursor: Option<Value> = None;
    let mut incomplete = Value::Null;
    let mut attributes_absent = Value::Null;
    let mut left_out = Value::Null;
    let mut history_since = Value::Null;
    let mut gaps = Value::Null;
    while entries.len() < limit {
        let mut parameters = parameters.to_vec();
        parameters.push(("limit", PAGE.min(limit - entries.len()).to_string()));
        if let Some(cursor) = cursor.as_ref().and_then(Value::as_str) {
            parameters.push(("cursor", cursor.to_owned()));
        }
        let mut page = client.get(path, &parameters).await?;
        if let Some(found) = page[name].as_array_mut() {
            entries.append(found);
        }
        incomplete = page["incomplete"].take();
        if page["leftOut"].is_string() {
            left_out = page["leftOut"].take();
        }
        attributes_absent = page["attributesAbsent"].take();
        history_since = page["historySince"].take();
        gaps = page["gaps"].take();
        cursor = Some(page["next"].take()).filter(Value::is_string);
        if cursor.is_none() {
            break;
        }
    }
    let mut list = json!({ name: entries });
    if let Some(cursor) = cursor {
        list["next"] = cursor;
    }
    for (name, value) in [
        ("incomplete", incomplete),
        ("leftOut", left_out),
        ("attributesAbsent", attributes_absent),
        ("historySince", history_since),
        ("gaps", gaps),
    ] {
        if !value.is_null() {
            list[name] = value;
        }
    }
    Ok(list)
}
