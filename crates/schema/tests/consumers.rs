//! Reads payloads with readers that are not part of Arancini: pycapnp and the `capnp` tool, with the schema of the 31 first
//! fields and with the whole schema.
//!
//! pycapnp is taken from the Python that `$ARANCINI_PYTHON` names, else from `python3`.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder, WithdrawReason};
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;
use serde_json::{Value, json};

const FIELD: &[u8] = &[
    0x40, 1, 1, 0, // ORIGIN
    0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe8, 0, 1, 0, 0, // AS_PATH
    0x40, 3, 4, 192, 0, 2, 9, // NEXT_HOP
    0x80, 4, 4, 0, 0, 0, 0, // MULTI_EXIT_DISC
    0xc0, 8, 4, 0xfd, 0xe8, 0, 7, // COMMUNITIES
    0xc0, 16, 8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 5, // EXTENDED_COMMUNITIES
    0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, // LARGE_COMMUNITY
    0xc0, 99, 2, 0xab, 0xcd, // unknown
];

fn mapped(v4: [u8; 4]) -> [u8; 16] {
    std::net::Ipv4Addr::from(v4).to_ipv6_mapped().octets()
}

/// Announcements of a plain route and of a labelled route, and a withdraw of the plain route.
fn payload() -> Vec<u8> {
    let source = RouteSource {
        time_received_ns: 1_700_000_000_000_000_001,
        time_bmp_header_ns: 1_700_000_000_000_000_000,
        router_address: mapped([192, 0, 2, 1]),
        router_port: 40_000,
        peer_address: mapped([192, 0, 2, 2]),
        peer_bgp_id: 0xc000_0202,
        peer_asn: 65_000,
        peer_type: 0,
        peer_distinguisher: [0; 8],
        view: RibView::AdjRibInPost,
        table_name: "",
        family: AfiSafi::IPV4_UNICAST,
    };
    let plain = RouteFields {
        prefix_address: mapped([198, 51, 100, 0]),
        prefix_length: 24,
        path_id: None,
        route_distinguisher: None,
        labels: &[],
        raw_nlri: &[],
        sequence: 1,
        fingerprint: 0xfeed,
    };
    let labelled = RouteFields {
        labels: &[0, 1, 0x01],
        path_id: Some(9),
        sequence: 2,
        ..plain
    };
    let attributes = PathAttributes::parse(FIELD, AsWidth::Four).unwrap();
    let mut encoder = UpdateEncoder::new();
    let mut out = Vec::new();
    encoder.lay_out_announce(&source, Carrier::UpdateField, &attributes);
    encoder.append(&plain, &mut out);
    encoder.append(&labelled, &mut out);
    encoder.lay_out_withdraw(&source, Carrier::UpdateField, WithdrawReason::PeerDown);
    encoder.append(&plain, &mut out);
    out
}

/// The 31 fields of the first message, as pycapnp shows them.
fn expected() -> Value {
    json!({
        "timeReceivedNs": 1_700_000_000_000_000_001_u64,
        "timeBmpHeaderNs": 1_700_000_000_000_000_000_u64,
        "routerAddr": "00000000000000000000ffffc0000201",
        "routerPort": 40_000,
        "peerAddr": "00000000000000000000ffffc0000202",
        "peerBgpId": 0xc000_0202_u32,
        "peerAsn": 65_000,
        "prefixAddr": "00000000000000000000ffffc6336400",
        "prefixLen": 24,
        "isPostPolicy": true,
        "isAdjRibOut": false,
        "announced": true,
        "synthetic": false,
        "origin": "IGP",
        "asPath": [65_000, 65_536],
        "nextHop": "00000000000000000000ffffc0000209",
        "multiExitDisc": 0,
        "localPreference": 0,
        "onlyToCustomer": 0,
        "atomicAggregate": false,
        "aggregatorAsn": 0,
        "aggregatorBgpId": 0,
        "communities": [{"asn": 65_000, "value": 7}],
        "extendedCommunities": [{"typeHigh": 0, "typeLow": 2, "value": "fde800000005"}],
        "largeCommunities": [{"globalAdmin": 1, "localDataPart1": 2, "localDataPart2": 3}],
        "originatorId": 0,
        "clusterList": [],
        "mpReachAfi": 0,
        "mpReachSafi": 0,
        "mpUnreachAfi": 0,
        "mpUnreachSafi": 0,
    })
}

fn read_with_pycapnp(schema: &str) -> Option<Vec<Value>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), payload()).unwrap();
    let python = env::var_os("ARANCINI_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python)
        .arg(here.join("tests/pycapnp_reader.py"))
        .arg(here.join(schema))
        .arg(file.path())
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(77) => output,
        _ => {
            println!("skipped: no Python with pycapnp (set ARANCINI_PYTHON)");
            return None;
        }
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

#[test]
fn pycapnp_reads_the_31_fields_alone() {
    let Some(messages) = read_with_pycapnp("legacy.capnp") else {
        return;
    };
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0], expected());
    assert_eq!(messages[1], expected());
    assert_eq!(messages[2]["announced"], json!(false));
    assert_eq!(messages[2]["synthetic"], json!(true));
    assert_eq!(messages[2]["nextHop"], json!("0".repeat(32)));
    assert_eq!(messages[2]["origin"], json!(""));
}

#[test]
fn pycapnp_reads_the_same_with_the_full_schema() {
    let Some(full) = read_with_pycapnp("update.capnp") else {
        return;
    };
    let legacy = read_with_pycapnp("legacy.capnp").unwrap();
    for (full, legacy) in full.iter().zip(&legacy) {
        for (name, value) in legacy.as_object().unwrap() {
            assert_eq!(&full[name], value, "{name}");
        }
    }
    assert_eq!(full[0]["ribView"], json!("adjRibInPost"));
    assert_eq!(full[0]["hasMultiExitDisc"], json!(true));
    assert_eq!(full[0]["hasLocalPreference"], json!(false));
    assert_eq!(full[0]["attributeFingerprint"], json!(0xfeed));
    assert_eq!(
        full[0]["unknownAttributes"],
        json!([{"flags": 0xc0, "typeCode": 99, "value": "abcd"}])
    );
    assert_eq!(full[0]["labels"], json!([]));
    assert_eq!(full[1]["labels"], json!([16]));
    assert_eq!(full[1]["pathId"], json!(9));
    assert_eq!(full[1]["hasPathId"], json!(true));
    assert_eq!(full[2]["withdrawReason"], json!("peerDown"));
}

#[test]
fn the_capnp_tool_reads_a_whole_payload() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), payload()).unwrap();
    for schema in ["update.capnp", "legacy.capnp"] {
        let output = Command::new("capnp")
            .args(["decode", "--short"])
            .arg(here.join(schema))
            .arg("Update")
            .stdin(fs::File::open(file.path()).unwrap())
            .output();
        let Ok(output) = output else {
            println!("skipped: no `capnp` tool (Debian package capnproto)");
            return;
        };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.matches("timeReceivedNs = ").count(), 3, "{text}");
        assert_eq!(text.matches("asPath = [65000, 65536]").count(), 2, "{text}");
    }
}

/// The new schema has every field of the old schema at the same ordinal with the same type.
#[test]
fn the_31_fields_are_unchanged() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fields = |schema| -> Vec<String> {
        let text = fs::read_to_string(here.join(schema)).unwrap();
        let body = text.split("struct Update {").nth(1).unwrap();
        let body = body.split("\n}").next().unwrap();
        body.lines()
            .filter(|line| line.contains('@'))
            .map(|line| line.split(';').next().unwrap().trim().to_owned())
            .collect()
    };
    let legacy = fields("legacy.capnp");
    assert_eq!(legacy.len(), 31);
    assert_eq!(fields("update.capnp")[..31], legacy);
}
