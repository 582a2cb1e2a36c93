//! Reads every UPDATE of every recorded stream without any state: with 4-octet AS numbers, and without path identifiers unless
//! that is the only exact reading. No message may panic, no message of a correct sender may be malformed, and the number of
//! unicast prefixes must be the number that an independent reader counted.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arancini_wire::bgp::attribute::{PathAttributes, SegmentKind};
use arancini_wire::bgp::{AsWidth, Update, nlri};
use arancini_wire::iana::AfiSafi;

const BMP_HEADER: usize = 6;
const PER_PEER_HEADER: usize = 42;
const BGP_HEADER: usize = 19;
const ROUTE_MONITORING: u8 = 0;
const BGP_UPDATE: u8 = 2;

/// Which routes of an UPDATE a field holds.
#[derive(Clone, Copy)]
enum Way {
    Announced,
    Withdrawn,
}

fn corpus() -> Option<PathBuf> {
    let directory = std::env::var_os("ARANCINI_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    );
    directory.is_dir().then_some(directory)
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    match path.extension()?.to_str()? {
        "bmp" => Some(bytes),
        "zst" => Some(zstd::decode_all(&bytes[..]).unwrap()),
        _ => None,
    }
}

#[derive(Default, Debug)]
struct Tally {
    updates: usize,
    end_of_rib: usize,
    announced: BTreeMap<String, usize>,
    withdrawn: BTreeMap<String, usize>,
    contradictions: usize,
    malformed: usize,
    as_width_quirks: usize,
    faults: BTreeMap<String, usize>,
    unknown: BTreeMap<u8, usize>,
}

impl Tally {
    /// Counts the UPDATEs of a stream's Route Monitoring messages.
    fn stream(&mut self, stream: &[u8]) {
        let mut rest = stream;
        while let [3, a, b, c, d, kind, ..] = *rest {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let Some(message) = rest.get(..length).filter(|_| length >= BMP_HEADER) else {
                return;
            };
            rest = &rest[length..];
            if kind != ROUTE_MONITORING || length < BMP_HEADER + PER_PEER_HEADER {
                continue;
            }
            let mut pdus = &message[BMP_HEADER + PER_PEER_HEADER..];
            while let Some(header) = pdus.get(..BGP_HEADER) {
                let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
                let Some(pdu) = pdus.get(..length).filter(|_| length >= BGP_HEADER) else {
                    break;
                };
                pdus = &pdus[length..];
                if pdu[18] == BGP_UPDATE {
                    self.update(&pdu[BGP_HEADER..]);
                }
            }
        }
    }

    fn update(&mut self, body: &[u8]) {
        self.updates += 1;
        let Ok(update) = Update::new_checked(body) else {
            self.malformed += 1;
            return;
        };
        if update.end_of_rib().is_some() {
            self.end_of_rib += 1;
            return;
        }
        let Ok(attributes) = PathAttributes::parse(update.attributes(), AsWidth::Four) else {
            self.malformed += 1;
            return;
        };
        self.attributes(&attributes, !update.nlri().is_empty());
        let ipv4 = AfiSafi::IPV4_UNICAST;
        self.field(ipv4, update.withdrawn(), Way::Withdrawn);
        self.field(ipv4, update.nlri(), Way::Announced);
        if let Some(reach) = attributes.mp_reach {
            self.field(reach.family, reach.nlri, Way::Announced);
            assert!(reach.next_hop.is_empty() || reach.next_hop_mapped().is_some());
        }
        if let Some(unreach) = attributes.mp_unreach {
            self.field(unreach.family, unreach.nlri, Way::Withdrawn);
        }
    }

    fn attributes(&mut self, attributes: &PathAttributes, has_ipv4_nlri: bool) {
        self.as_width_quirks += usize::from(attributes.quirk_as_width);
        let missing = attributes.missing_mandatory(has_ipv4_nlri);
        for fault in attributes.faults.as_slice().iter().chain(&missing) {
            let name = format!("{} {:?}", fault.type_code, fault.kind);
            *self.faults.entry(name).or_default() += 1;
        }
        for raw in attributes.unknown() {
            *self.unknown.entry(raw.type_code).or_default() += 1;
        }
        if let Some(path) = attributes.effective_as_path() {
            let asns: usize = path.segments().map(|segment| segment.count()).sum();
            assert_eq!(asns, path.flat_asns().count());
            let plain = path.segments().all(|s| s.kind == SegmentKind::AsSequence);
            assert_eq!(plain, path.is_single_sequence());
        }
    }

    fn field(&mut self, family: AfiSafi, field: &[u8], way: Way) {
        let (negotiated, seen_absent) = (false, false);
        match nlri::decide_add_path(family, field, negotiated, seen_absent) {
            Err(_) => self.malformed += 1,
            Ok(decision) => {
                self.contradictions += usize::from(decision.contradiction);
                let routes = nlri::iter(family, field, decision.add_path);
                assert_eq!(routes.filter(Result::is_ok).count(), decision.routes);
                let counts = match way {
                    Way::Announced => &mut self.announced,
                    Way::Withdrawn => &mut self.withdrawn,
                };
                if decision.routes > 0 {
                    *counts.entry(family.to_string()).or_default() += decision.routes;
                }
            }
        }
    }
}

/// Numbers of unicast prefixes of all views that an independent reader counted, under names such as `announced 1/1`.
///
/// `None` if there is no count, or if the reader had to decide about path identifiers, for which this test keeps no state.
fn oracle(directory: &Path, stream: &str) -> Option<BTreeMap<String, usize>> {
    let name = stream.trim_end_matches(".zst").trim_end_matches(".bmp");
    let text = std::fs::read_to_string(directory.join(format!("oracle/{name}.count.json"))).ok()?;
    if text.contains("path_id") || text.contains("Add-Path rx") {
        return None;
    }
    let counts: serde_json::Value = serde_json::from_str(&text).unwrap();
    let views = counts["views"].as_object()?;
    let sum =
        |key: &str| -> usize { views.values().filter_map(|view| view[key].as_u64()).sum::<u64>() as usize };
    let keys = ["announced 1/1", "announced 2/1", "withdrawn 1/1", "withdrawn 2/1"];
    let sums = keys.map(|key| (key.to_owned(), sum(key))).into();
    Some(sums)
}

#[test]
fn every_update_of_the_corpus() {
    let Some(directory) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let mut paths: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let mut updates = 0;
    let mut compared = 0;
    for path in paths {
        let Some(stream) = read(&path) else {
            continue;
        };
        let mut tally = Tally::default();
        tally.stream(&stream);
        println!("{}: {tally:?}", path.file_name().unwrap().display());
        updates += tally.updates;
        // The streams of three senders, recorded for this project, have no malformed message.
        let name = path.file_name().unwrap().to_string_lossy();
        if ["frr-", "gobgp-", "bird-"]
            .iter()
            .any(|own| name.starts_with(own))
        {
            assert_eq!(tally.malformed, 0, "{name}");
        }
        if let Some(expected) = oracle(&directory, &name) {
            let mut found = BTreeMap::new();
            for (way, counts) in [("announced", &tally.announced), ("withdrawn", &tally.withdrawn)] {
                for family in ["1/1", "2/1"] {
                    let count = counts.get(family).copied().unwrap_or(0);
                    found.insert(format!("{way} {family}"), count);
                }
            }
            assert_eq!(found, expected, "{name}");
            compared += 1;
        }
    }
    println!("{compared} streams compared");
    assert!(compared > 0, "no stream has a count to compare with");
    println!("{updates} updates");
    assert!(updates > 0, "no stream has an UPDATE");
}
