//! MRT files of recordings: our own reader and `bgpkit-parser` find in them every route as it was published.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use arancini_collector::offline::{Decoder, write_json};
use arancini_collector::replay::Recording;
use arancini_export::{MessageWriter, MrtMessages, MrtTables};
use arancini_rib::CurationMode;
use arancini_schema::MessageKind;
use arancini_schema::decode::Messages;
use arancini_schema::json::{Named, write_message};
use arancini_schema::update_capnp::RibView;
use arancini_wire::bgp::nlri::{NlriShape, shape};
use arancini_wire::iana::AfiSafi;
use bgpkit_parser::{BgpElem, BgpkitParser};
use serde_json::{Map, Value};

type Json = Map<String, Value>;

const VIEWS: [RibView; 5] = [
    RibView::AdjRibInPre,
    RibView::AdjRibInPost,
    RibView::AdjRibOutPre,
    RibView::AdjRibOutPost,
    RibView::LocRib,
];

/// What a message of BGP says: everything else is the collector's.
fn of_bgp(mut update: Json) -> Json {
    for name in [
        "type",
        "synthetic",
        "timeReceivedNs",
        "timeBmpHeaderNs",
        "sequence",
        "routerAddr",
        "routerPort",
        "peerBgpId",
        "peerType",
        "peerDistinguisher",
        "ribView",
        "isPostPolicy",
        "isAdjRibOut",
        "tableName",
        "mpReachAfi",
        "mpReachSafi",
        "mpUnreachAfi",
        "mpUnreachSafi",
        "withdrawReason",
        "attributeFingerprint",
    ] {
        update.remove(name);
    }
    update
}

/// Most updates of a recording that are looked at: those of a whole table are alike.
const MOST_UPDATES: usize = 3000;

/// Updates of a recording as JSON, each with its message: all, or some from every part of it.
fn updates_of(file: &PathBuf) -> Vec<(Json, Vec<u8>)> {
    let mut messages = Vec::new();
    support::decode(std::slice::from_ref(file), |kind, payload| {
        if kind == MessageKind::Updates {
            messages.push(payload.to_vec());
        }
    });
    let step = messages.len().div_ceil(MOST_UPDATES).max(1);
    let as_json = |payload: Vec<u8>| {
        let message = Messages::new(&payload).next().unwrap().unwrap();
        let mut line = Vec::new();
        write_message(MessageKind::Updates, &message, &mut line).unwrap();
        (serde_json::from_slice(&line).unwrap(), payload)
    };
    messages.into_iter().step_by(step).map(as_json).collect()
}

/// Writes updates with this writer. Returns how many the file has, and what it has not.
fn write(writer: &mut dyn MessageWriter, updates: &[(Json, Vec<u8>)]) -> (u64, Vec<String>) {
    for (_, payload) in updates {
        let message = Messages::new(payload).next().unwrap().unwrap();
        writer.write(MessageKind::Updates, &message).unwrap();
    }
    let finished = writer.finish().unwrap();
    (finished.messages, finished.left_out)
}

/// Decodes an MRT file as `arancini decode` does.
fn read_back(bytes: Vec<u8>) -> Vec<Json> {
    let recordings = Recording::detect("x.mrt", bytes).unwrap();
    assert_eq!(recordings.len(), 1);
    let recording = &recordings[0];
    assert!(recording.notes.is_empty(), "{:?}", recording.notes);
    let mut decoder = Decoder::new(CurationMode::Off);
    let (mut lines, mut malformed) = (Vec::new(), Vec::new());
    let ended = decoder.decode(recording, [10, 0, 0, 1].into(), |batch| {
        if batch.kind == MessageKind::Updates {
            write_json(batch, &mut lines)?;
        }
        if batch.kind == MessageKind::Malformed {
            write_json(batch, &mut malformed)?;
        }
        Ok(())
    });
    assert_eq!(ended.unwrap(), None);
    assert_eq!(String::from_utf8(malformed).unwrap(), "");
    let lines = String::from_utf8(lines).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A peer as MRT names it.
fn mrt_peer(update: &Json) -> String {
    format!("{} {}", update["peerAddr"], update["peerAsn"])
}

/// Whether BGP can say the update: a route to a prefix has a next hop.
fn can_be_an_update(update: &Json) -> bool {
    update["announced"] == false || update.contains_key("rawNlri") || update.contains_key("nextHop")
}

/// The updates of a view that an MRT file can have: of two peers with one name, it has the first.
fn of_view(updates: &[(Json, Vec<u8>)], view: RibView) -> Vec<&Json> {
    let mut owners = BTreeMap::new();
    let updates = updates.iter().map(|(update, _)| update);
    updates
        .filter(|update| update["ribView"] == view.name() && can_be_an_update(update))
        .filter(|update| {
            let distinguisher = update.get("peerDistinguisher").cloned().unwrap_or_default();
            *owners.entry(mrt_peer(update)).or_insert(distinguisher.clone()) == distinguisher
        })
        .collect()
}

#[test]
fn decoding_the_messages_of_a_recording_gives_its_updates_again() {
    for file in support::recordings() {
        let updates = updates_of(&file);
        for view in VIEWS {
            let expected = of_view(&updates, view);
            let mut out = Vec::new();
            let (messages, _) = write(&mut MrtMessages::new(&mut out, view), &updates);
            assert_eq!(
                messages,
                expected.len() as u64,
                "{} {}",
                file.display(),
                view.name()
            );
            if expected.is_empty() {
                continue;
            }
            let found = read_back(out);
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(
                    of_bgp(found.clone()),
                    of_bgp((*expected).clone()),
                    "{} {}",
                    file.display(),
                    view.name()
                );
            }
            assert_eq!(found.len(), expected.len(), "{} {}", file.display(), view.name());
        }
    }
}

/// The advice was `--router`, which exports the same file again.
#[test]
fn two_peers_of_one_router_with_the_same_address_and_as_number_need_another_format() {
    let mut writer = MrtMessages::new(Vec::new(), RibView::AdjRibInPre);
    for distinguisher in [[0; 8], [0, 0, 0, 1, 0, 0, 0, 2]] {
        let payload = support::rare_attributes_with(distinguisher);
        let message = Messages::new(&payload).next().unwrap().unwrap();
        writer.write(MessageKind::Updates, &message).unwrap();
    }
    let finished = writer.finish().unwrap();
    assert_eq!(finished.messages, 1);
    let told = &finished.left_out[0];
    assert!(told.ends_with("use --format json or parquet"), "{told}");
}

/// Views of one peer never mix, and what is left out is said.
#[test]
fn what_a_file_leaves_out_is_said() {
    let file = support::testdata().join("frr-10.3-prepost-locrib-vpn-c0.bmp.zst");
    let updates = updates_of(&file);
    let mut writer = MrtMessages::new(Vec::new(), RibView::AdjRibInPre);
    let (messages, left_out) = write(&mut writer, &updates);
    assert!(messages > 0);
    let views: Vec<&String> = left_out
        .iter()
        .filter(|sentence| sentence.contains("of the view"))
        .collect();
    assert_eq!(views.len(), 2, "{left_out:?}");
    assert!(
        views[1].contains("give --view loc-rib for another file"),
        "{left_out:?}"
    );
}

/// What `bgpkit-parser` says about a route, in the form of the JSON.
fn of_bgpkit(elem: &BgpElem) -> Json {
    let mut found = Json::new();
    let mut set = |name: &str, value: Value| found.insert(name.to_owned(), value);
    let is_announce = elem.elem_type == bgpkit_parser::models::ElemType::ANNOUNCE;
    set("announced", is_announce.into());
    set("peerAddr", elem.peer_ip.to_string().into());
    set("peerAsn", elem.peer_asn.to_u32().into());
    set("prefix", elem.prefix.prefix.to_string().into());
    if let Some(path_id) = elem.prefix.path_id {
        set("pathId", path_id.into());
    }
    if !is_announce {
        return found;
    }
    if let Some(origin) = elem.origin {
        set("origin", origin.to_string().into());
    }
    let path = elem.as_path.as_ref().and_then(|path| path.to_u32_vec_opt(false));
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        set("asPath", path.into());
    }
    for (name, value) in [
        (
            "nextHop",
            elem.next_hop
                .map(|next_hop| next_hop.to_canonical().to_string().into()),
        ),
        ("multiExitDisc", elem.med.map(Value::from)),
        ("localPreference", elem.local_pref.map(Value::from)),
        ("aggregatorAsn", elem.aggr_asn.map(|asn| asn.to_u32().into())),
        ("aggregatorBgpId", elem.aggr_ip.map(|id| id.to_string().into())),
        ("atomicAggregate", elem.atomic.then_some(Value::from(true))),
    ] {
        if let Some(value) = value {
            set(name, value);
        }
    }
    found
}

/// The members of an update that `bgpkit-parser` has too. It takes an absent MULTI_EXIT_DISC or
/// LOCAL_PREF for 0.
fn for_bgpkit(update: &Json) -> Json {
    let mut update = of_bgp(update.clone());
    if update["announced"] == true {
        for name in ["multiExitDisc", "localPreference"] {
            update.entry(name).or_insert(0.into());
        }
    }
    for name in [
        "afi",
        "safi",
        "prefixAddr",
        "prefixLen",
        "communities",
        "extendedCommunities",
        "largeCommunities",
        "unknownAttributes",
        "originatorId",
        "clusterList",
        "onlyToCustomer",
        "linkLocalNextHop",
        "asPathSegments",
    ] {
        update.remove(name);
    }
    update
}

fn is_unicast(update: &Json) -> bool {
    update["safi"] == 1 && (update["afi"] == 1 || update["afi"] == 2)
}

/// Sorted, because `bgpkit-parser` tells the withdraws of a message last.
fn sorted(updates: impl Iterator<Item = Json>) -> Vec<String> {
    let mut lines: Vec<String> = updates.map(|update| Value::Object(update).to_string()).collect();
    lines.sort();
    lines
}

#[test]
fn bgpkit_parser_reads_the_messages_of_a_recording() {
    for name in support::RECORDINGS {
        let file = support::testdata().join(name);
        let mut updates = updates_of(&file);
        updates.retain(|(update, _)| is_unicast(update));
        for view in [RibView::AdjRibInPre, RibView::AdjRibInPost] {
            let mut out = Vec::new();
            write(&mut MrtMessages::new(&mut out, view), &updates);
            let expected = sorted(of_view(&updates, view).into_iter().map(for_bgpkit));
            let found = BgpkitParser::from_reader(&out[..]).into_elem_iter();
            assert_eq!(
                sorted(found.map(|elem| of_bgpkit(&elem))),
                expected,
                "{name} {}",
                view.name()
            );
        }
    }
}

/// The last announce of each route of a view that was not withdrawn, with its message.
fn table(updates: &[(Json, Vec<u8>)], view: RibView) -> BTreeMap<String, (Json, Vec<u8>)> {
    let mut table = BTreeMap::new();
    for (update, payload) in updates {
        if update["ribView"] != view.name() {
            continue;
        }
        let key: Vec<String> = [
            "peerAddr",
            "peerAsn",
            "peerDistinguisher",
            "afi",
            "safi",
            "prefix",
            "rawNlri",
            "pathId",
            "routeDistinguisher",
        ]
        .iter()
        .map(|name| update.get(*name).unwrap_or(&Value::Null).to_string())
        .collect();
        if update["announced"] == true {
            table.insert(key.join(" "), (update.clone(), payload.clone()));
        } else {
            table.remove(&key.join(" "));
        }
    }
    table
}

fn nlri_has_a_length(update: &Json) -> bool {
    let number = |name: &str| update[name].as_u64().unwrap();
    let family = AfiSafi::new(number("afi") as u16, number("safi") as u8);
    shape(family) != NlriShape::Unframed
}

#[test]
fn a_table_reads_back_as_it_is() {
    for file in support::recordings() {
        let updates = updates_of(&file);
        for view in VIEWS {
            let table: Vec<_> = table(&updates, view).into_values().collect();
            let mut expected = of_view(&table, view);
            expected.retain(|update| nlri_has_a_length(update));
            if expected.is_empty() {
                continue;
            }
            let mut out = Vec::new();
            let (routes, _) = write(
                &mut MrtTables::new(&mut out, view, 1_790_000_000_000_000_000),
                &table,
            );
            let place = format!("{} {}", file.display(), view.name());
            assert_eq!(routes, expected.len() as u64, "{place}");
            let found = sorted(read_back(out.clone()).into_iter().map(of_bgp));
            assert_eq!(
                found,
                sorted(expected.iter().map(|update| of_bgp((*update).clone()))),
                "{place}"
            );
        }
    }
}

#[test]
fn bgpkit_parser_reads_a_table() {
    for name in support::RECORDINGS {
        let updates = updates_of(&support::testdata().join(name));
        let table: Vec<_> = table(&updates, RibView::AdjRibInPre)
            .into_values()
            .filter(|(update, _)| is_unicast(update))
            .collect();
        let mut out = Vec::new();
        write(
            &mut MrtTables::new(&mut out, RibView::AdjRibInPre, 1_790_000_000_000_000_000),
            &table,
        );
        // Its elements of a table have no path identifiers.
        let without_path_id = |update| {
            let mut update = for_bgpkit(update);
            update.remove("pathId");
            update
        };
        let expected = of_view(&table, RibView::AdjRibInPre)
            .into_iter()
            .map(without_path_id);
        let found = BgpkitParser::from_reader(&out[..]).into_elem_iter();
        assert_eq!(
            sorted(found.map(|elem| of_bgpkit(&elem))),
            sorted(expected),
            "{name}"
        );
    }
}
