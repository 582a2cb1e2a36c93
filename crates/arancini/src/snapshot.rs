//! `arancini snapshot`: lists, verifies and exports snapshots. Safe to run beside a running collector.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use arancini_core::snapshot::{End, Head, read_snapshot};
use arancini_core::{
    AttributeWriter, PeerTable, Position, RestoredRouteWriter, RestoredTable, RouteAttributes, Router,
};
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
    let generations = match list_generations(config, &*store) {
        Ok(generations) => generations,
        Err(problem) => return fail(problem),
    };
    match args.action {
        Action::List => list(&generations),
        Action::Verify => verify(&*store, &generations),
        Action::Export => export(&*store, generations),
    }
}

/// Lists the generations of a store, the newest first.
fn list_generations(config: &Config, store: &dyn Store) -> Result<Vec<Listed>, String> {
    store.generations().map_err(|error| {
            let remedy = match config.snapshots.store {
                StoreKind::Nats => {
                    "NATS has snapshots only if the collector runs with snapshots.store = \"nats\"; else give its data directory \
                     with --data-dir instead of --nats"
                }
                _ => {
                    "give the data directory of the collector with --data-dir, or its NATS servers with --nats"
                }
            };
            format!(
                "can't read the snapshots in {}: {error}; {remedy}",
                store.place()
            )
    })
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
    let routers = match newest(store, generations) {
        Ok(newest) => newest.routers,
        Err(problem) => return fail(problem),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let mut attributes = AttributeWriter::new();
    for_each_table(&routers, |place| {
        let RestoredTable { router, peer, table } = *place;
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
    });
    match quiet_if_closed(written.and_then(|()| out.flush())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure,
    }
}

/// The newest generation of snapshots.
struct Newest {
    routers: Vec<Router>,
    completed_unix_ns: u64,
}

/// Loads the newest generation.
fn newest(store: &dyn Store, generations: Vec<Listed>) -> Result<Newest, String> {
    let Some((_, manifest)) = generations.into_iter().next() else {
        return Err("there is no snapshot yet".to_owned());
    };
    let manifest = manifest?;
    let loaded = load(store, &manifest, CurationMode::Attributes).map_err(|error| error.to_string())?;
    Ok(Newest {
        routers: loaded.restore.into_routers(),
        completed_unix_ns: manifest.completed_unix_ns,
    })
}

fn for_each_table(routers: &[Router], mut visit: impl FnMut(&RestoredTable<'_>)) {
    for router in routers {
        for peer in &router.peers {
            for table in &peer.tables {
                visit(&RestoredTable { router, peer, table });
            }
        }
    }
}

/// The routes of the newest generation, for `arancini export`.
pub(crate) struct SnapshotRoutes(Newest);

impl SnapshotRoutes {
    /// Loads the newest generation of the configured store.
    pub(crate) fn load(config: &Config) -> Result<Self, String> {
        let store = configured::to_read(config);
        let generations = list_generations(config, &*store)?;
        newest(&*store, generations).map(Self)
    }

    /// When the snapshot was completed, in Unix nanoseconds.
    pub(crate) const fn completed_unix_ns(&self) -> u64 {
        self.0.completed_unix_ns
    }

    /// Calls `take` with each route as the `Update` that announces it, until `take` fails.
    pub(crate) fn for_each<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut taken = Ok(());
        let mut writer = RestoredRouteWriter::new();
        let mut update = Vec::new();
        for_each_table(&self.0.routers, |place| {
            place.table.for_each(None, |key, fingerprint| {
                if taken.is_ok() {
                    update.clear();
                    writer.write(place, &key, fingerprint, &mut update);
                    taken = take(&update);
                }
            });
        });
        taken
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
