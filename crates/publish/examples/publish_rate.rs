//! Measures how fast batches become durable in JetStream, and the CPU time of publisher and server, by size of batch, format
//! and compression.
//!
//! `cargo run --release -p arancini-publish --example publish_rate [runs] [updates] [segment]` starts a nats-server with file
//! storage (see `arancini_bed`) for each measurement, publishes this number of updates on 20 subjects, and prints the median,
//! the lowest and the highest value of all runs, which take turns. The updates are invented, or come from a segment of the
//! sink `file`. The figures of `docs/nats.md` come from this program.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_client::records::Records;
use arancini_client::{Compression, Format, PayloadForm};
use arancini_core::{Batch, BatchKind};
use arancini_publish::{Hooks, NatsSettings, Sidecar, SidecarSettings, SinkSettings, SinkStatus};
use arancini_schema::encode::{Carrier, RouteFields, RouteSource, UpdateEncoder};
use arancini_wire::bgp::AsWidth;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

type Failure = Box<dyn std::error::Error>;

const BATCH_SIZES: [usize; 3] = [50, 200, 1000];
const FORMS: [PayloadForm; 6] = [
    form(Format::Capnp, Compression::None),
    form(Format::Capnp, Compression::Lz4),
    form(Format::Capnp, Compression::Zstd),
    form(Format::Json, Compression::None),
    form(Format::Json, Compression::Lz4),
    form(Format::Json, Compression::Zstd),
];
const SUBJECTS: u64 = 20;
const UPDATES_PER_SUBJECT: u64 = 10_000;
/// Unit of the times in `/proc/PID/stat`: USER_HZ, which is 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let runs: usize = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let updates: u64 = arguments.next().map_or(Ok(2_000_000), |text| text.parse())?;
    let subjects = match arguments.next() {
        Some(segment) => recorded(Path::new(&segment))?,
        None => (0..SUBJECTS).map(made_up).collect(),
    };
    println!(
        "updates/batch  format  compression  M updates/s        bytes/update  publisher CPU s/M  server CPU s/M"
    );
    let mut results = vec![Vec::new(); BATCH_SIZES.len() * FORMS.len()];
    for _ in 0..runs {
        let cases = BATCH_SIZES
            .iter()
            .flat_map(|size| FORMS.map(|form| (*size, form)));
        for ((per_batch, form), result) in cases.zip(&mut results) {
            let Some(figures) = measure(&subjects, per_batch, form, updates)? else {
                return Ok(());
            };
            result.push(figures);
            eprint!(".");
            std::io::stderr().flush()?;
        }
    }
    eprintln!();
    for (index, result) in results.iter().enumerate() {
        let per_batch = BATCH_SIZES[index / FORMS.len()];
        let PayloadForm { format, compression } = FORMS[index % FORMS.len()];
        let format = match format {
            Format::Capnp => "capnp",
            Format::Json => "json",
        };
        let compression = compression.content_encoding().unwrap_or("none");
        let spread = |pick: fn(&Figures) -> f64| {
            let mut values: Vec<f64> = result.iter().map(pick).collect();
            values.sort_by(f64::total_cmp);
            let middle = values[values.len() / 2];
            format!("{middle:.2} ({:.2}–{:.2})", values[0], values[values.len() - 1])
        };
        println!(
            "{per_batch:13}  {format:6}  {compression:11}  {:17}  {:12.0}  {:17}  {}",
            spread(|figures| figures.rate),
            result[0].bytes,
            spread(|figures| figures.publisher),
            spread(|figures| figures.server),
        );
    }
    Ok(())
}

/// Result of one measurement.
#[derive(Debug, Clone)]
struct Figures {
    /// Million updates a second.
    rate: f64,
    /// Payload bytes an update.
    bytes: f64,
    /// CPU seconds per million updates of all threads except the one that makes the batches.
    publisher: f64,
    /// CPU seconds of the server per million updates.
    server: f64,
}

const fn form(format: Format, compression: Compression) -> PayloadForm {
    PayloadForm { format, compression }
}

fn measure(
    subjects: &[Vec<Vec<u8>>],
    per_batch: usize,
    form: PayloadForm,
    updates: u64,
) -> Result<Option<Figures>, Failure> {
    let Some(server) = NatsServer::start_with("max_payload: 8MB, max_pending: 256MB") else {
        return Ok(None);
    };
    let sink = SinkSettings::Nats(Box::new(NatsSettings::new(vec![server.url()])));
    let settings = SidecarSettings {
        form,
        ..SidecarSettings::new(sink)
    };
    let (bridge, input) = kanal::bounded(64);
    let (give, pool) = kanal::unbounded::<Vec<u8>>();
    let hooks = Hooks {
        recycle: Some(Arc::new(move |buffer| drop(give.send(buffer)))),
        ..Hooks::default()
    };
    let status = Arc::new(SinkStatus::default());
    let sidecar = Sidecar::spawn(settings, input, Arc::clone(&status), hooks)?;
    while !status.is_ready() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let names: Vec<Arc<str>> = (0..subjects.len())
        .map(|peer| format!("arancini.updates.v4_192_0_2_1.{peer}.1_1").into())
        .collect();
    let pid = server.pid().ok_or("the server is gone")?;
    let (own_before, server_before) = (own_cpu()?, server_cpu(pid)?);
    let started = Instant::now();
    let mut at = vec![0; subjects.len()];
    let batches = updates.div_ceil(per_batch as u64);
    for number in 1..=batches {
        let subject = number as usize % subjects.len();
        let messages = &subjects[subject];
        let mut payload = pool.try_recv()?.unwrap_or_default();
        payload.clear();
        for _ in 0..per_batch {
            payload.extend_from_slice(&messages[at[subject]]);
            at[subject] = (at[subject] + 1) % messages.len();
        }
        bridge.send(Batch {
            kind: BatchKind::Updates,
            subject: Arc::clone(&names[subject]),
            router: IpAddr::from([192, 0, 2, 1]),
            payload,
            messages: per_batch as u32,
            first_sequence: number * per_batch as u64,
            last_sequence: (number + 1) * per_batch as u64 - 1,
            worker: 0,
            number,
        })?;
    }
    while status.batches_acknowledged.load(Relaxed) < batches {
        std::thread::sleep(Duration::from_millis(1));
    }
    let seconds = started.elapsed().as_secs_f64();
    let (own_after, server_after) = (own_cpu()?, server_cpu(pid)?);
    drop(bridge);
    sidecar.drain(Duration::from_secs(120));
    if status.resent.load(Relaxed) > 0 {
        eprintln!("{} messages were sent again", status.resent.load(Relaxed));
    }
    let million = (batches * per_batch as u64) as f64 / 1e6;
    Ok(Some(Figures {
        rate: million / seconds,
        bytes: status.bytes_acknowledged.load(Relaxed) as f64 / million / 1e6,
        publisher: (own_after - own_before) / million,
        server: (server_after - server_before) / million,
    }))
}

/// CPU seconds of this process without its first thread, which stands for the workers.
fn own_cpu() -> Result<f64, Failure> {
    let own = std::process::id().to_string();
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name() != *own {
            let text = std::fs::read_to_string(task.path().join("schedstat"))?;
            nanoseconds += text.split(' ').next().map_or(Ok(0), str::parse::<u64>)?;
        }
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// CPU seconds of a process, user and system.
fn server_cpu(pid: u32) -> Result<f64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    // Fields 14 and 15, counted from the process id; the first one behind the name is field 3.
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    let ticks: Vec<u64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() as f64 / TICKS_PER_SECOND)
}

/// The messages of a segment file, in runs of neighbours.
fn recorded(segment: &Path) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let bytes = std::fs::read(segment)?;
    let messages: Vec<Vec<u8>> = Records::new(&bytes)
        .map_while(Result::ok)
        .take((SUBJECTS * UPDATES_PER_SUBJECT) as usize)
        .map(<[u8]>::to_vec)
        .collect();
    let run = messages.len().div_ceil(SUBJECTS as usize);
    match run {
        0 => Err(format!("{}: no messages", segment.display()).into()),
        run => Ok(messages.chunks(run).map(<[_]>::to_vec).collect()),
    }
}

/// A peer's part of an Internet table: paths of 3 to 6, some communities, 1 to 4 prefixes an UPDATE.
fn made_up(peer: u64) -> Vec<Vec<u8>> {
    let mut random = Random(peer);
    let peer_asn = 64_500 + peer as u32;
    let mut encoder = UpdateEncoder::new();
    let mut messages = Vec::new();
    while (messages.len() as u64) < UPDATES_PER_SUBJECT {
        let field = attributes(peer_asn, &mut random);
        let Ok(attributes) = PathAttributes::parse(&field, AsWidth::Four) else {
            continue;
        };
        let nanoseconds = 1_790_000_000_000_000_000 + messages.len() as u64 * 1_500;
        let mut peer_address = mapped(0x0a00_0000);
        peer_address[15] = peer as u8;
        let source = RouteSource {
            time_received_ns: nanoseconds,
            time_bmp_header_ns: nanoseconds / 1_000_000_000 * 1_000_000_000,
            router_address: mapped(0xc000_0201),
            router_port: 40_000,
            peer_address,
            peer_bgp_id: 0x0a00_0000 + peer as u32,
            peer_asn,
            peer_type: 0,
            peer_distinguisher: [0; 8],
            view: RibView::AdjRibInPre,
            table_name: "",
            family: AfiSafi::IPV4_UNICAST,
        };
        encoder.lay_out_announce(&source, Carrier::UpdateField, &attributes);
        let fingerprint = random.next();
        let origin = random.below(0x00e0_0000) as u32 + 0x0001_0000;
        for prefix in 0..=random.below(4) as u32 {
            let mut message = Vec::new();
            let route = RouteFields {
                prefix_address: mapped((origin + prefix) << 8),
                prefix_length: 24,
                path_id: None,
                route_distinguisher: None,
                labels: &[],
                raw_nlri: &[],
                sequence: messages.len() as u64 + 1,
                fingerprint,
            };
            encoder.append(&route, &mut message);
            messages.push(message);
        }
    }
    messages
}

/// A Path Attributes field.
fn attributes(peer_asn: u32, random: &mut Random) -> Vec<u8> {
    let mut field = vec![0x40, 1, 1, 0];
    let path = 3 + random.below(4) as u8;
    field.extend([0x40, 2, 2 + 4 * path, 2, path]);
    field.extend(peer_asn.to_be_bytes());
    for _ in 1..path {
        // A few transit networks are in most paths.
        let asn = match random.below(3) {
            0 => random.below(400_000) as u32 + 1,
            _ => 1_000 + random.below(40) as u32 * 97,
        };
        field.extend(asn.to_be_bytes());
    }
    field.extend([0x40, 3, 4, 10, 0, peer_asn as u8, random.below(4) as u8]);
    if random.below(3) == 0 {
        field.extend([0x80, 4, 4, 0, 0, 0, random.below(100) as u8]);
    }
    let communities = random.below(9) as u8;
    if communities > 0 {
        field.extend([0xc0, 8, 4 * communities]);
        for _ in 0..communities {
            field.extend((1_000 + random.below(40) as u16 * 97).to_be_bytes());
            field.extend((random.below(300) as u16).to_be_bytes());
        }
    }
    field
}

/// IPv4-mapped.
fn mapped(address: u32) -> [u8; 16] {
    std::net::Ipv4Addr::from_bits(address).to_ipv6_mapped().octets()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
