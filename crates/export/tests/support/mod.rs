//! Published messages of recordings, and segments of them.
#![allow(clippy::unwrap_used, dead_code)]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use arancini_client::segments::segment_path;
use arancini_collector::offline::Decoder;
use arancini_collector::replay::Recording;
use arancini_export::{Destination, Filter, MessageWriter, Problems, export_segments};
use arancini_rib::CurationMode;
use arancini_schema::MessageKind;
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder};
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

/// Recordings that together have every field of the schema.
pub const RECORDINGS: [&str; 4] = [
    "bird-2.17.5-prepost-addpath.bmp.zst",
    "frr-10.3-prepost-locrib-vpn-c0.bmp.zst",
    "gobgp-3.36-pre-allfamilies.bmp.zst",
    "frr-8.4.4-as2peer.bmp.zst",
];

pub fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

/// The recordings, and every hand-made case: each has one field or fault of its own.
pub fn recordings() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = RECORDINGS.iter().map(|name| testdata().join(name)).collect();
    let cases = std::fs::read_dir(testdata().join("cases")).unwrap();
    let mut cases: Vec<PathBuf> = cases.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "bmp"));
    cases.sort();
    all.extend(cases);
    all
}

/// Decodes recordings and hands out each payload with the kind of its messages.
pub fn decode(files: &[PathBuf], mut take: impl FnMut(MessageKind, &[u8])) {
    let mut decoder = Decoder::new(CurationMode::Off);
    for (number, file) in (1_u8..).zip(files) {
        for recording in Recording::read(file).unwrap() {
            let router = [10, 0, 0, number].into();
            let decoded = decoder.decode(&recording, router, |batch| {
                take(batch.kind, &batch.payload);
                Ok(())
            });
            decoded.unwrap();
        }
    }
}

/// An announce with the attributes that no recording has, and with a time of receipt.
pub fn rare_attributes() -> Vec<u8> {
    rare_attributes_with([0; 8])
}

/// The announce of [`rare_attributes`], of a peer with this distinguisher.
pub fn rare_attributes_with(peer_distinguisher: [u8; 8]) -> Vec<u8> {
    let source = RouteSource {
        time_received_ns: 1_790_000_000_123_456_789,
        time_bmp_header_ns: 0,
        router_address: Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets(),
        router_port: 65_535,
        peer_address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).octets(),
        peer_bgp_id: u32::MAX,
        peer_asn: 4_200_000_000,
        peer_type: 0,
        peer_distinguisher,
        view: RibView::AdjRibInPre,
        table_name: "",
        family: AfiSafi::IPV4_UNICAST,
    };
    #[rustfmt::skip]
    let field = [
        0x40, 1, 1, 0,
        0x40, 2, 6, 2, 1, 0xfa, 0x56, 0xea, 0,
        0x40, 3, 4, 192, 0, 2, 9,
        0x80, 9, 4, 192, 0, 2, 10,
        0x80, 10, 8, 192, 0, 2, 11, 192, 0, 2, 12,
        0xc0, 35, 4, 0, 0, 0xfc, 0,
    ];
    let route = RouteFields {
        prefix_address: Ipv4Addr::new(203, 0, 113, 0).to_ipv6_mapped().octets(),
        prefix_length: 24,
        path_id: None,
        route_distinguisher: None,
        labels: &[],
        raw_nlri: &[],
        sequence: u64::MAX,
        fingerprint: u64::MAX,
    };
    let attributes = PathAttributes::parse(&field, AsWidth::Four).unwrap();
    let mut encoder = UpdateEncoder::new();
    encoder.lay_out_announce(&source, Carrier::UpdateField, &attributes);
    let mut message = Vec::new();
    encoder.append(&route, &mut message);
    message
}

/// Writes the messages of recordings as segments, one of each series, and one more update.
pub fn write_segments(directory: &Path, files: &[PathBuf]) {
    let mut series = MessageKind::ALL.map(|kind| (kind, Vec::new()));
    decode(files, |kind, payload| {
        let of_kind = series.iter_mut().find(|(of, _)| *of == kind).unwrap();
        of_kind.1.extend_from_slice(payload);
    });
    for (kind, mut bytes) in series {
        if kind == MessageKind::Updates {
            bytes.extend(rare_attributes());
        }
        std::fs::write(segment_path(directory, kind, 1), bytes).unwrap();
    }
}

/// The outcome of an export.
pub struct Exported {
    pub messages: u64,
    pub is_whole: bool,
    pub left_out: Vec<String>,
    /// What was told.
    pub told: Vec<String>,
}

/// Exports the segments of a directory with this writer.
pub fn export(directory: &Path, writer: &mut dyn MessageWriter) -> Exported {
    let told = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let lines = std::rc::Rc::clone(&told);
    let mut problems = Problems::new(move |text| lines.borrow_mut().push(text.to_string()));
    let mut destination = Destination {
        filter: &Filter::default(),
        writer,
        problems: &mut problems,
    };
    export_segments(directory, &mut destination).unwrap();
    let finished = destination.writer.finish().unwrap();
    let is_whole = problems.none();
    Exported {
        messages: finished.messages,
        left_out: finished.left_out,
        is_whole,
        told: std::rc::Rc::try_unwrap(told).unwrap().into_inner(),
    }
}
