//! Measures the encoder: nanoseconds per update on one core, with realistic attributes.
//!
//! `cargo run --release -p arancini-schema --example encode_rate`

use std::hint::black_box;
use std::time::Instant;

use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder, WithdrawReason};
use arancini_schema::fingerprint::{self, Scratch};
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

/// A field with ORIGIN, AS_PATH of 4, NEXT_HOP, MED, LOCAL_PREF and 3 COMMUNITIES.
const FIELD: &[u8] = &[
    0x40, 1, 1, 0, // ORIGIN
    0x40, 2, 18, 2, 4, 0, 0, 0xfd, 0xe8, 0, 0, 0x0d, 0x1c, 0, 0, 0x1b, 0x1b, 0, 3, 0, 1, // AS_PATH
    0x40, 3, 4, 192, 0, 2, 1, // NEXT_HOP
    0x80, 4, 4, 0, 0, 0, 100, // MULTI_EXIT_DISC
    0x40, 5, 4, 0, 0, 0, 200, // LOCAL_PREF
    0xc0, 8, 12, 0xfd, 0xe8, 0, 1, 0xfd, 0xe8, 0, 2, 0xfd, 0xe8, 0, 3, // COMMUNITIES
];

const UPDATES: u64 = 20_000_000;
const BATCH: usize = 256 * 1024;

fn main() {
    let source = RouteSource {
        time_received_ns: 1_700_000_000_000_000_000,
        time_bmp_header_ns: 1_700_000_000_000_000_000,
        router_address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1],
        router_port: 40_000,
        peer_address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2],
        peer_bgp_id: 0xc000_0202,
        peer_asn: 65_000,
        peer_type: 0,
        peer_distinguisher: [0; 8],
        view: RibView::AdjRibInPre,
        table_name: "",
        family: AfiSafi::IPV4_UNICAST,
    };
    let mut encoder = UpdateEncoder::new();
    for routes in [1, 10] {
        run(
            &format!("announce, {routes} routes an UPDATE"),
            routes,
            |out, first| {
                let Ok(attributes) = PathAttributes::parse(black_box(FIELD), AsWidth::Four) else {
                    return;
                };
                encoder.lay_out_announce(&source, Carrier::UpdateField, &attributes);
                for sequence in first..first + routes {
                    encoder.append(&route(sequence), out);
                }
            },
        );
    }
    run("withdraw, 1 route an UPDATE", 1, |out, first| {
        let reason = WithdrawReason::Explicit;
        encoder.lay_out_withdraw(black_box(&source), Carrier::UpdateField, reason);
        encoder.append(&route(first), out);
    });
    let Ok(attributes) = PathAttributes::parse(FIELD, AsWidth::Four) else {
        return;
    };
    encoder.lay_out_announce(&source, Carrier::UpdateField, &attributes);
    run("append alone", 1, |out, first| {
        encoder.append(&route(first), out);
    });
    run("parse alone", 1, |_, _| {
        let _ = black_box(PathAttributes::parse(black_box(FIELD), AsWidth::Four));
    });
    let mut scratch = Scratch::new();
    run("fingerprint alone", 1, |_, _| {
        black_box(fingerprint::of_attributes(
            black_box(FIELD),
            Carrier::UpdateField,
            &mut scratch,
        ));
    });
}

fn route(sequence: u64) -> RouteFields<'static> {
    let mut prefix_address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0];
    prefix_address[13..15].copy_from_slice(&(sequence as u16).to_be_bytes());
    RouteFields {
        prefix_address,
        prefix_length: 24,
        path_id: None,
        route_distinguisher: None,
        labels: &[],
        raw_nlri: &[],
        sequence,
        fingerprint: sequence,
    }
}

fn run(name: &str, step: u64, mut write: impl FnMut(&mut Vec<u8>, u64)) {
    let mut out = Vec::with_capacity(BATCH + 8 * 1024);
    let mut bytes = 0;
    let started = Instant::now();
    for sequence in (0..UPDATES).step_by(step as usize) {
        write(&mut out, sequence);
        if out.len() >= BATCH {
            bytes += black_box(&out).len() as u64;
            out.clear();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let nanoseconds = seconds * 1e9 / UPDATES as f64;
    let size = bytes as f64 / UPDATES as f64;
    println!("{name:32} {nanoseconds:6.1} ns  {size:5.0} bytes  an update");
}
