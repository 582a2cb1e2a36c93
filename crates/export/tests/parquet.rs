//! The Parquet file, read back with the reader of the `parquet` crate: every field of every update is that of the JSON export.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::File;
use std::net::IpAddr;

use arancini_export::{JsonLines, Parquet};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value, json};

/// The members of an update as JSON, in the form of the columns.
fn expected(line: &str) -> Map<String, Value> {
    let mut update: Map<String, Value> = serde_json::from_str(line).unwrap();
    assert_eq!(update.remove("type"), Some("update".into()));
    for name in [
        "routerAddr",
        "peerAddr",
        "prefixAddr",
        "nextHop",
        "linkLocalNextHop",
    ] {
        let Some(address) = update.get(name).and_then(Value::as_str) else {
            continue;
        };
        let octets = match address.parse().unwrap() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        update.insert(format!("{name}Bytes"), json!(octets.to_vec()));
    }
    update.remove("prefixAddr");
    for name in ["timeReceivedNs", "timeBmpHeaderNs", "sequence"] {
        let Some(text) = update.get(name).and_then(Value::as_str) else {
            continue;
        };
        match text.parse::<u64>().unwrap() {
            0 => update.remove(name),
            number => update.insert(name.to_owned(), number.into()),
        };
    }
    if let Some(fingerprint) = update.get("attributeFingerprint").and_then(Value::as_str) {
        let number = u64::from_str_radix(fingerprint, 16).unwrap();
        update.insert("attributeFingerprint".to_owned(), number.into());
    }
    if let Some(nlri) = update.get("rawNlri").and_then(Value::as_str) {
        let (digits, _) = nlri.as_bytes().as_chunks::<2>();
        let octet = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let octets: Vec<u8> = digits.iter().map(octet).collect();
        update.insert("rawNlri".to_owned(), json!(octets));
    }
    if update.get("announced") == Some(&true.into()) {
        update.entry("atomicAggregate").or_insert(false.into());
    }
    update
}

/// A value of the file.
fn value(field: &Field) -> Option<Value> {
    Some(match field {
        Field::Null => return None,
        Field::Bool(value) => json!(value),
        Field::UByte(value) => json!(value),
        Field::UShort(value) => json!(value),
        Field::UInt(value) => json!(value),
        Field::ULong(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::Str(value) => json!(value),
        Field::Bytes(value) => json!(value.data()),
        Field::ListInternal(list) => list.elements().iter().map(|item| value(item).unwrap()).collect(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn every_field_of_every_update_is_that_of_the_json_export() {
    let directory = tempfile::tempdir().unwrap();
    support::write_segments(directory.path(), &support::recordings());
    let mut lines = Vec::new();
    let of_json = support::export(directory.path(), &mut JsonLines::of_updates(&mut lines));
    let path = directory.path().join("updates.parquet");
    let of_parquet = support::export(
        directory.path(),
        &mut Parquet::new(File::create(&path).unwrap()).unwrap(),
    );
    assert_eq!((of_json.told, of_parquet.told), (Vec::new(), Vec::new()));
    assert!(of_json.messages > 10_000, "{}", of_json.messages);
    assert_eq!(of_json.messages, of_parquet.messages);

    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut rows = reader.get_row_iter(None).unwrap();
    for line in String::from_utf8(lines).unwrap().lines() {
        let row = rows.next().unwrap().unwrap();
        let mut found = Map::new();
        for (name, field) in row.get_column_iter() {
            let Some(mut value) = value(field) else { continue };
            if name == "asPathSegments" || name == "unknownAttributes" {
                value = serde_json::from_str(value.as_str().unwrap()).unwrap();
            }
            seen.insert(name.clone());
            found.insert(name.clone(), value);
        }
        assert_eq!(found, expected(line));
    }
    assert!(rows.next().is_none());
    // A column that no update fills would be tested by nothing.
    let schema = reader.metadata().file_metadata().schema();
    let names = schema.get_fields().iter().map(|field| field.name());
    let unseen: Vec<&str> = names.filter(|name| !seen.contains(*name)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

/// The manual has a row for each column, with its type, in the order of the file.
#[test]
fn the_manual_lists_the_columns() {
    let mut file = Vec::new();
    let empty = tempfile::tempdir().unwrap();
    support::export(empty.path(), &mut Parquet::new(&mut file).unwrap());
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let schema = reader.metadata().file_metadata().schema();
    let columns: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    let manual = std::fs::read_to_string(support::testdata().join("../docs/export.md")).unwrap();
    let table = manual.split("## Parquet").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(listed, columns);
}
