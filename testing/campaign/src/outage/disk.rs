//! A full disk: that of the broker, of the spool, of the snapshots, or of the sink `file`. After a while room is made.

use std::io;

use std::path::Path;
use std::time::Duration;

use arancini_bed::NatsServer;

use super::scenario::{
    BEFORE_AND_AFTER, Plan, Say, Scenario, WITHIN, expect_left_out, load_meanwhile, note, note_memory,
    until_ready, until_told,
};
use crate::outcome::Outcome;
use crate::rig::Rig;
use crate::tmpfs::Tmpfs;

/// Size of the disks for data that grows with the stream, in MiB.
const LARGE_MIB: u64 = 4096;
/// Free space on these disks before the load, in MiB.
const LEFT_MIB: u64 = 150;
const SPOOL_MIB: u64 = 400;
const SNAPSHOTS_MIB: u64 = 64;
/// A broker that has room again and takes nothing within this time needs a restart.
const BROKER_MENDS_WITHIN: Duration = Duration::from_secs(15);

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("broker-disk", broker_disk).where_not(Tmpfs::unavailable),
    Scenario::new("spool-disk", spool_disk).where_not(Tmpfs::unavailable),
    Scenario::new("snapshot-disk", snapshot_disk).where_not(Tmpfs::unavailable),
    Scenario::new("file-disk", file_disk).where_not(Tmpfs::unavailable),
];

/// The server's store has no room: the collector waits and reports it.
fn broker_disk(plan: &Plan, say: Say<'_>) -> io::Result<Outcome> {
    let disk = Tmpfs::mount(&plan.setup.folder.join("broker/store"), LARGE_MIB)?;
    disk.fill(LEFT_MIB)?;
    let mut rig = Rig::start(&plan.setup)?;
    until_told(&mut rig, say)?;
    let meanwhile = load_meanwhile(&mut rig, plan.away)?;
    disk.make_room()?;
    let mut is_ready = false;
    let since = std::time::Instant::now();
    rig.until("the broker takes messages again, or does not", WITHIN, |rig| {
        is_ready = rig.collector.not_ready()?.is_none();
        Ok(is_ready || since.elapsed() > BROKER_MENDS_WITHIN)
    })?;
    if !is_ready {
        say("     there is room and the broker takes nothing: it is restarted");
        for broker in &mut rig.brokers {
            broker.kill();
            broker.up()?;
        }
    }
    rig.outcome
        .figures
        .insert("broker_restarts", u64::from(!is_ready));
    goes_on(rig, plan, "broker's disk full", meanwhile, say)
}

/// The broker is away and the spool's disk fills up: the routers wait until there is room and the broker is back.
fn spool_disk(plan: &Plan, say: Say<'_>) -> io::Result<Outcome> {
    let folder = plan.setup.folder.join("spool");
    let disk = Tmpfs::mount(&folder, SPOOL_MIB)?;
    disk.fill(LEFT_MIB)?;
    let plan = plan.with(&[
        ("publish.on_full", "spool"),
        ("publish.spool_dir", &folder.display().to_string()),
    ]);
    let mut rig = Rig::start(&plan.setup)?;
    rig.load(BEFORE_AND_AFTER)?;
    let broker = |rig: &Rig| {
        rig.brokers
            .first()
            .and_then(|broker| broker.process())
            .map(|process| process.id())
    };
    if broker(&rig).is_none() {
        return Err(io::Error::other("there is no broker"));
    }
    freeze(&rig, true)?;
    rig.until("the spool's disk is full", WITHIN, |_| Ok(disk.free()? < 1 << 20))?;
    rig.until("the collector says that the spool's disk fails", WITHIN, |rig| {
        let log = std::fs::read_to_string(rig.collector.log())?;
        Ok(log.contains("the spool's disk fails"))
    })?;
    until_told(&mut rig, say)?;
    let meanwhile = load_meanwhile(&mut rig, plan.away)?;
    let before = disk.free()?;
    disk.make_room()?;
    rig.until("the spool goes on", WITHIN, |_| {
        Ok(disk.free()? < before + (LEFT_MIB << 20))
    })?;
    rig.load(plan.away)?;
    freeze(&rig, false)?;
    goes_on(rig, &plan, "spool's disk full", meanwhile, say)
}

fn freeze(rig: &Rig, freeze: bool) -> io::Result<()> {
    let processes = rig.brokers.iter().filter_map(NatsServer::process);
    for process in processes {
        if freeze {
            process.freeze()?;
        } else {
            process.thaw()?;
        }
    }
    Ok(())
}

/// Snapshots have no room: they are given up, older ones stay, and a collector that is killed meanwhile restores them.
fn snapshot_disk(plan: &Plan, say: Say<'_>) -> io::Result<Outcome> {
    let folder = plan.setup.folder.join("collector/data/snapshots");
    let disk = Tmpfs::mount(&folder, SNAPSHOTS_MIB)?;
    let mut rig = Rig::start(&plan.setup)?;
    rig.until("there are snapshots", WITHIN, |rig| {
        Ok(rig.collector.metrics()?.sum("snapshots_total") > 1)
    })?;
    disk.fill(0)?;
    rig.until("a snapshot is given up", WITHIN, |rig| {
        Ok(rig.collector.metrics()?.sum("snapshot_failures_total") > 0)
    })?;
    let given_up = |rig: &Rig| Ok::<_, io::Error>(rig.collector.metrics()?.sum("snapshot_failures_total"));
    let before = given_up(&rig)?;
    let meanwhile = load_meanwhile(&mut rig, plan.away)?;
    if given_up(&rig)? == before {
        let failure = "no further snapshot was given up, so the disk was not full".to_owned();
        rig.outcome.failures.push(failure);
    }
    let stays = manifests(&folder)?;
    say(&format!("     {stays} generations on a full disk"));
    if stays == 0 {
        rig.outcome.failures.push("no older snapshot stayed".to_owned());
    }
    rig.collector.kill()?;
    rig.collector.up()?;
    rig.until("the collector is started again", WITHIN, |rig| {
        Ok(rig
            .collector
            .metrics()
            .is_ok_and(|metrics| metrics.sum("restored_routes") > 0))
    })?;
    rig.load(BEFORE_AND_AFTER)?;
    note(
        &mut rig.outcome.figures,
        &rig.collector,
        &["restored_routes", "snapshot_failures_total"],
    )?;
    rig.check(say)?;
    disk.make_room()?;
    rig.until("there is a snapshot again", WITHIN, |rig| {
        Ok(rig.collector.metrics()?.sum("snapshots_total") > 0)
    })?;
    let log = std::fs::read_to_string(rig.collector.log())?;
    if log.contains("can't be used and is set aside") {
        rig.outcome.failures.push("a snapshot was set aside".to_owned());
    }
    rig.outcome.faults.insert("snapshots' disk full", 1);
    rig.outcome
        .figures
        .insert("changes_per_second_meanwhile", meanwhile);
    rig.load(BEFORE_AND_AFTER)?;
    rig.check(say)?;
    note_memory(&mut rig, plan);
    rig.finish()
}

/// Number of manifests below a directory.
fn manifests(folder: &Path) -> io::Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains("manifest") {
            found += usize::from(entry.metadata()?.len() > 0);
        } else if entry.file_type()?.is_dir() {
            found += manifests(&entry.path())?;
        }
    }
    Ok(found)
}

/// The segments' disk is full: the collector waits and reports it.
fn file_disk(plan: &Plan, say: Say<'_>) -> io::Result<Outcome> {
    let disk = Tmpfs::mount(&plan.setup.folder.join("collector/data"), LARGE_MIB)?;
    disk.fill(LEFT_MIB)?;
    let mut plan = plan.clone();
    plan.setup.brokers = 0;
    let mut rig = Rig::start(&plan.setup)?;
    until_told(&mut rig, say)?;
    let meanwhile = load_meanwhile(&mut rig, plan.away)?;
    disk.make_room()?;
    goes_on(rig, &plan, "segments' disk full", meanwhile, say)
}

/// Room is made: everything goes on and nothing is missing.
fn goes_on(
    mut rig: Rig,
    plan: &Plan,
    fault: &'static str,
    meanwhile: u64,
    say: Say<'_>,
) -> io::Result<Outcome> {
    rig.outcome.faults.insert(fault, 1);
    rig.outcome
        .figures
        .insert("changes_per_second_meanwhile", meanwhile);
    until_ready(&mut rig)?;
    rig.load(BEFORE_AND_AFTER)?;
    rig.check(say)?;
    expect_left_out(&mut rig, 0);
    note_memory(&mut rig, plan);
    note(
        &mut rig.outcome.figures,
        &rig.collector,
        &["sink_errors_total", "snapshot_failures_total"],
    )?;
    rig.finish()
}
