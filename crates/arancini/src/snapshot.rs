//! `arancini snapshot`: lists, verifies and exports snapshots. Safe to run beside a running collector.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use arancini_core::snapshot::{End, Head, read_snapshot};
use arancini_core::{AttributeWriter, PeerTable, Position, RouteAttributes};
use arancini_rib::{CurationMode, RouteKey};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use arancini_collector::config::{Config, FlagValue, StoreKind};
use arancini_collector::snapshots::configured;
use arancini_collector::snapshots::restore::load;
use arancini_collector::snapshots::store::{Listed, ManifestFile, Store};

use crate::exit::{FAILED, fail};
use crate::flags::flag;
use crate::local_time::local_time;
use crate::output::{print_words, quiet_if_closed};
use crate::units::{counted, size};

/// List, verify or export the snapshots that a restarted collector restores.
///
/// Changes nothing, and can run beside a running collector. A snapshot (a generation) consists of one file per worker and a
/// manifest. When the collector starts, it restores the newest whole generation and reads what was published since. The
/// snapshots are read from where the configuration stores them: a directory, or NATS under the collector's name.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini snapshot list\n  arancini snapshot verify --data-dir /var/lib/arancini/data\n  \
    arancini snapshot list --nats nats://192.0.2.1:4222 --collector edge-1\n  \
    arancini snapshot export | jq 'select(.prefix == \"203.0.113.0/24\")'"
)]
pub struct SnapshotArgs {
    /// Data directory of the collector; the snapshots are in its subdirectory `snapshots`.
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<String>,
    /// URL of a NATS server that stores the snapshots; may be repeated. Selects the store `nats`.
    #[arg(long, global = true, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the collector whose snapshots are read from NATS.
    #[arg(long, global = true, value_name = "NAME")]
    pub collector: Option<String>,
    /// The action.
    #[command(subcommand)]
    pub action: Action,
}

/// The actions on snapshots.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the generations, the newest first. Times are those of this host; with TZ=UTC they are UTC.
    #[command(after_help = "Example:\n  arancini snapshot list --data-dir /var/lib/arancini/data")]
    List,
    /// Read and check every file of every generation. Exit code 1 if a file is damaged or missing.
    #[command(
        after_help = "Example:\n  arancini snapshot verify --nats nats://192.0.2.1:4222 --collector edge-1"
    )]
    Verify,
    /// Print the routes of the newest generation, one line of JSON per route.
    #[command(
        after_help = "Example:\n  arancini snapshot export | jq 'select(.prefix == \"203.0.113.0/24\")'"
    )]
    Export,
}

impl SnapshotArgs {
    /// Returns the settings that the given flags set.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        let store = (!self.nats.is_empty()).then(|| "nats".to_owned());
        [
            flag("file", "data_dir", "--data-dir").value(self.data_dir.clone()),
            flag("snapshots", "store", "--nats").value(store),
            flag("nats", "urls", "--nats").list(&self.nats),
            flag("", "collector_name", "--collector").value(self.collector.clone()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Runs the action.
#[must_use]
pub fn run(config: &Config, args: &SnapshotArgs) -> ExitCode {
    let store = configured::to_read(config);
    let generations = match store.generations() {
        Ok(generations) => generations,
        Err(error) => {
            let remedy = match config.snapshots.store {
                StoreKind::Nats => {
                    "NATS has snapshots only if the collector runs with snapshots.store = \"nats\"; else give its data directory \
                     with --data-dir instead of --nats"
                }
                _ => {
                    "give the data directory of the collector with --data-dir, or its NATS servers with --nats"
                }
            };
            return fail(format_args!(
                "can't read the snapshots in {}: {error}; {remedy}",
                store.place()
            ));
        }
    };
    match args.action {
        Action::List => list(&generations),
        Action::Verify => verify(&*store, &generations),
        Action::Export => export(&*store, generations),
    }
}

fn list(generations: &[Listed]) -> ExitCode {
    for (number, manifest) in generations {
        match manifest {
            Ok(manifest) => {
                let sum = |of: fn(&ManifestFile) -> u64| -> u64 { manifest.files.iter().map(of).sum() };
                print_words(format_args!(
                    "generation {number}: {}, {}, {} in {}, collector {}, completed at {}",
                    counted(sum(|file| file.routers), "router"),
                    counted(sum(|file| file.routes), "route"),
                    size(sum(|file| file.bytes)),
                    counted(manifest.files.len() as u64, "file"),
                    manifest.collector,
                    local_time(manifest.completed_unix_ns),
                ));
            }
            Err(why) => print_words(format_args!(
                "generation {number}: can't read the manifest: {why}"
            )),
        }
    }
    if generations.is_empty() {
        print_words("there is no snapshot yet");
    }
    ExitCode::SUCCESS
}

fn verify(store: &dyn Store, generations: &[Listed]) -> ExitCode {
    let mut damaged = 0;
    for (number, manifest) in generations {
        let files = match manifest {
            Ok(manifest) => &manifest.files[..],
            Err(why) => {
                print_words(format_args!(
                    "generation {number}: can't read the manifest: {why}"
                ));
                damaged += 1;
                &[]
            }
        };
        for file in files {
            let read = store
                .open(file)
                .map_err(|error| error.to_string())
                .and_then(|open| read_snapshot(open, |_, _| Ok(())).map_err(|error| error.to_string()));
            match read {
                Ok((Head { position, .. }, End { routers, routes, .. })) => {
                    print_words(format_args!(
                        "{}: whole, {}, {}, taken at {}",
                        file.name,
                        counted(routers, "router"),
                        counted(routes, "route"),
                        place(&position),
                    ));
                }
                Err(why) => {
                    print_words(format_args!("{}: {why}", file.name));
                    damaged += 1;
                }
            }
        }
    }
    if damaged == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn export(store: &dyn Store, generations: Vec<Listed>) -> ExitCode {
    let Some((_, manifest)) = generations.into_iter().next() else {
        return fail("there is no snapshot yet");
    };
    let loaded = manifest.and_then(|manifest| {
        let loaded = load(store, &manifest, CurationMode::Attributes);
        loaded.map_err(|error| error.to_string())
    });
    let restore = match loaded {
        Ok(loaded) => loaded.restore,
        Err(why) => return fail(why),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let mut attributes = AttributeWriter::new();
    for router in restore.into_routers() {
        for peer in &router.peers {
            for table in &peer.tables {
                table.for_each(None, |key, fingerprint| {
                    if written.is_ok() {
                        let mut line = line(
                            &router.id.to_string(),
                            &peer.address().to_string(),
                            table,
                            &key,
                            fingerprint,
                        );
                        if let Some(of_route) = router.restored_attributes(fingerprint) {
                            add_attributes(&mut line, &of_route, table, &mut attributes);
                        }
                        written = writeln!(out, "{line}");
                    }
                });
            }
        }
    }
    match quiet_if_closed(written.and_then(|()| out.flush())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure,
    }
}

/// Describes a position in the sink.
fn place(position: &Position) -> String {
    match position {
        Position::Stream { stream, sequence, .. } => format!("sequence {sequence} of the stream {stream}"),
        Position::Segments(ends) => {
            let ends: Vec<String> = ends
                .iter()
                .map(|end| format!("{} segment {} byte {}", end.series, end.number, end.bytes))
                .collect();
            format!("the end of the segments ({})", ends.join(", "))
        }
    }
}

/// Adds the attributes of a route to its JSON object, with the names of the stream.
fn add_attributes(
    line: &mut Value,
    attributes: &RouteAttributes,
    table: &PeerTable,
    writer: &mut AttributeWriter,
) {
    let mut json = Vec::new();
    writer.write(attributes, table.key.family, &mut json);
    if let (Some(line), Ok(Value::Object(attributes))) = (line.as_object_mut(), serde_json::from_slice(&json))
    {
        line.extend(attributes);
    }
}

/// Returns one route as a JSON object.
fn line(router: &str, peer: &str, table: &PeerTable, key: &RouteKey<'_>, fingerprint: u64) -> Value {
    let mut line = json!({
        "routerAddr": router,
        "peerAddr": peer,
        "peerAsn": table.key.peer_asn,
        "ribView": table.key.view.name(),
        "afi": table.key.family.afi,
        "safi": table.key.family.safi,
        "attributeFingerprint": format!("{fingerprint:016x}"),
    });
    if let Some(path_id) = key.path_id() {
        line["pathId"] = path_id.into();
    }
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let v4 = |address: u32, length: u8| format!("{}/{length}", std::net::Ipv4Addr::from(address));
    let v6 = |address: u128, length: u8| format!("{}/{length}", std::net::Ipv6Addr::from(address));
    match *key {
        RouteKey::Ipv4 { address, length, .. } => line["prefix"] = v4(address, length).into(),
        RouteKey::Ipv6 { address, length, .. } => line["prefix"] = v6(address, length).into(),
        RouteKey::Vpn4 {
            distinguisher,
            address,
            length,
            ..
        } => {
            line["routeDistinguisher"] = hex(&distinguisher).into();
            line["prefix"] = v4(address, length).into();
        }
        RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            ..
        } => {
            line["routeDistinguisher"] = hex(&distinguisher).into();
            line["prefix"] = v6(address, length).into();
        }
        RouteKey::Opaque { nlri, .. } => line["rawNlri"] = hex(nlri).into(),
    }
    line
}
