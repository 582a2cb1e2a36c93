//! `arancini snapshot`: looks at snapshots, also while a collector runs.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use arancini_core::PeerTable;
use arancini_core::snapshot::{End, Head, read_snapshot};
use arancini_rib::{CurationMode, RouteKey};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{FAILED, flag, list_flag};
use arancini_collector::config::{Config, FlagValue};
use arancini_collector::snapshots::restore::load;
use arancini_collector::snapshots::store::{self, Listed, ManifestFile, Store};

/// Look at the snapshots from which a restarted collector goes on.
///
/// Changes nothing, and may run beside a collector. A generation is one file for each worker and a manifest; the newest
/// whole one is what a start loads, together with what was published since. They are where the configuration keeps them: in
/// a directory, or in NATS under the collector's name.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini snapshot list\n  arancini snapshot verify --data-dir /var/lib/arancini/data\n  \
    arancini snapshot list --nats nats://192.0.2.1:4222 --collector edge-1\n  \
    arancini snapshot export | jq 'select(.prefix == \"203.0.113.0/24\")'"
)]
pub struct SnapshotArgs {
    /// Directory of the collector's files; the snapshots are in `snapshots` there.
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<String>,
    /// URL of a NATS server that keeps the snapshots; may be repeated. Makes `nats` the store.
    #[arg(long, global = true, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the collector whose snapshots in NATS are meant.
    #[arg(long, global = true, value_name = "NAME")]
    pub collector: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with snapshots. What an action is for stands above it.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Which generations there are, the newest first.
    List,
    /// Reads every file of every generation and checks all of it; exit code 1 if one is not whole.
    Verify,
    /// Prints the routes of the newest generation as JSON Lines.
    Export,
}

impl SnapshotArgs {
    /// The flags as settings.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        let store = (!self.nats.is_empty()).then(|| "nats".to_owned());
        [
            flag("file", "data_dir", "--data-dir", self.data_dir.clone()),
            flag("snapshots", "store", "--nats", store),
            list_flag("nats", "urls", "--nats", &self.nats),
            flag("", "collector_name", "--collector", self.collector.clone()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Does it.
#[must_use]
pub fn run(config: &Config, args: &SnapshotArgs) -> ExitCode {
    let store = store::to_read(config);
    let generations = match store.generations() {
        Ok(generations) => generations,
        Err(error) => {
            return super::fail(format_args!(
                "{}: {error}; name the collector's directory with --data-dir, or its servers with --nats",
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
                println!(
                    "generation {number}: {} routers, {} routes, {} bytes in {} files, of {}, completed at {} (Unix seconds)",
                    sum(|file| file.routers),
                    sum(|file| file.routes),
                    sum(|file| file.bytes),
                    manifest.files.len(),
                    manifest.collector,
                    manifest.completed_unix_ns / 1_000_000_000,
                );
            }
            Err(why) => println!("generation {number}: its manifest can't be read: {why}"),
        }
    }
    if generations.is_empty() {
        println!("no snapshot yet");
    }
    ExitCode::SUCCESS
}

fn verify(store: &dyn Store, generations: &[Listed]) -> ExitCode {
    let mut damaged = 0;
    for (number, manifest) in generations {
        let files = match manifest {
            Ok(manifest) => &manifest.files[..],
            Err(why) => {
                println!("generation {number}: its manifest can't be read: {why}");
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
                    println!(
                        "{}: whole, {routers} routers, {routes} routes, at {position:?}",
                        file.name
                    );
                }
                Err(why) => {
                    println!("{}: {why}", file.name);
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
        return super::fail("there is no snapshot yet");
    };
    let loaded = manifest.and_then(|manifest| {
        let loaded = load(store, &manifest, CurationMode::Attributes);
        loaded.map_err(|error| error.to_string())
    });
    let restore = match loaded {
        Ok(loaded) => loaded.restore,
        Err(why) => return super::fail(why),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    for router in restore.into_routers() {
        for peer in &router.peers {
            for table in &peer.tables {
                table.for_each(|key, fingerprint| {
                    if written.is_ok() {
                        let line = line(
                            &router.id.to_string(),
                            &peer.address().to_string(),
                            table,
                            &key,
                            fingerprint,
                        );
                        written = writeln!(out, "{line}");
                    }
                });
            }
        }
    }
    match written.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => super::fail(format_args!("the output can't be written: {error}")),
    }
}

fn line(router: &str, peer: &str, table: &PeerTable, key: &RouteKey<'_>, fingerprint: u64) -> Value {
    let mut line = json!({
        "router": router,
        "peer": peer,
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
