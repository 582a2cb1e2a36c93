//! Faults: what a campaign of crashes does to the processes, at moments that follow from the seed.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use arancini_bed::NatsServer;
use arancini_generate::Random;

use crate::collector::Collector;

/// Something that happens to the collector, the broker, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The collector is killed and started.
    KillCollector,
    /// The broker is killed and started.
    KillBroker,
    /// Both are killed and started, in any order.
    KillBoth,
    /// The collector is frozen by SIGSTOP and thawed by SIGCONT.
    FreezeCollector,
    /// The broker is frozen by SIGSTOP and thawed by SIGCONT.
    FreezeBroker,
    /// The broker is frozen before it has read all messages of the collector. Meanwhile the collector is killed and
    /// started.
    KillBehindFrozenBroker,
    /// The collector is stopped by SIGTERM and started.
    StopCollector,
    /// The collector is killed and started. In between some bytes of a snapshot are overwritten.
    DamageSnapshot,
    /// The collector is killed and started. In between all snapshots are removed.
    LoseSnapshots,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 9] = [
        Self::KillCollector,
        Self::KillBroker,
        Self::KillBoth,
        Self::FreezeCollector,
        Self::FreezeBroker,
        Self::KillBehindFrozenBroker,
        Self::StopCollector,
        Self::DamageSnapshot,
        Self::LoseSnapshots,
    ];

    /// The fault's name in reports and arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillCollector => "kill-collector",
            Self::KillBroker => "kill-broker",
            Self::KillBoth => "kill-both",
            Self::FreezeCollector => "freeze-collector",
            Self::FreezeBroker => "freeze-broker",
            Self::KillBehindFrozenBroker => "kill-behind-frozen-broker",
            Self::StopCollector => "stop-collector",
            Self::DamageSnapshot => "damage-snapshot",
            Self::LoseSnapshots => "lose-snapshots",
        }
    }

    /// The fault with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether the fault needs a broker.
    #[must_use]
    pub const fn needs_broker(self) -> bool {
        matches!(
            self,
            Self::KillBroker | Self::KillBoth | Self::FreezeBroker | Self::KillBehindFrozenBroker
        )
    }

    /// Whether the fault needs snapshots.
    #[must_use]
    pub const fn needs_snapshots(self) -> bool {
        matches!(self, Self::DamageSnapshot | Self::LoseSnapshots)
    }
}

/// A fault and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How long the load goes on before the fault.
    pub after: Duration,
    /// The fault.
    pub fault: Fault,
}

/// The faults of a campaign in order. Every kind comes once before a kind comes again.
#[must_use]
pub fn plan(seed: u64, count: usize, kinds: &[Fault], gap: Duration) -> Vec<Step> {
    let mut random = Random::of(&[seed, 2]);
    let mut bag: Vec<Fault> = Vec::new();
    let mut steps = Vec::with_capacity(count);
    for _ in 0..count {
        if bag.is_empty() {
            bag.extend(kinds);
        }
        if bag.is_empty() {
            break;
        }
        let fault = bag.swap_remove(random.below(bag.len() as u32) as usize);
        // A quarter of the faults hits a collector that still restores or takes dumps after the fault before.
        let after = if random.percent(25) {
            Duration::from_millis(u64::from(random.below(300)))
        } else {
            gap.mul_f64(0.5 + f64::from(random.below(1000)) / 1000.0)
        };
        steps.push(Step { after, fault });
    }
    steps
}

/// How long a process stays away: sometimes not at all, mostly for less than two seconds.
fn away(random: &mut Random) -> Duration {
    match random.below(10) {
        0..2 => Duration::ZERO,
        2..6 => Duration::from_millis(u64::from(random.below(300))),
        _ => Duration::from_millis(300 + u64::from(random.below(1700))),
    }
}

/// Inflicts a fault. All processes run when the function returns, but they may not be ready.
pub fn inflict(
    fault: Fault,
    collector: &mut Collector,
    broker: Option<&mut NatsServer>,
    random: &mut Random,
) -> io::Result<()> {
    let pause = |random: &mut Random| std::thread::sleep(away(random));
    match (fault, broker) {
        (Fault::KillCollector, _) => {
            collector.kill()?;
            pause(random);
            collector.up()
        }
        (Fault::FreezeCollector, _) => {
            if let Some(process) = collector.process() {
                process.freeze()?;
                pause(random);
                process.thaw()?;
            }
            Ok(())
        }
        (Fault::StopCollector, _) => {
            let status = collector.terminate(Duration::from_secs(60))?;
            if status.is_some_and(|status| !status.success()) {
                let text = format!("the collector failed to stop after SIGTERM: {status:?}");
                return Err(io::Error::other(text));
            }
            pause(random);
            collector.up()
        }
        (Fault::DamageSnapshot | Fault::LoseSnapshots, _) => {
            collector.kill()?;
            pause(random);
            let folder = collector.data_dir().join("snapshots");
            if fault == Fault::LoseSnapshots {
                remove_all(&folder)?;
            } else {
                damage_one(&folder, random)?;
            }
            collector.up()
        }
        (Fault::KillBroker, Some(broker)) => {
            broker.kill();
            pause(random);
            broker.up()
        }
        (Fault::FreezeBroker, Some(broker)) => {
            if let Some(process) = broker.process() {
                process.freeze()?;
                pause(random);
                // This is longer than the collector waits for acknowledgements.
                if random.percent(20) {
                    std::thread::sleep(Duration::from_secs(6));
                }
                process.thaw()?;
            }
            Ok(())
        }
        (Fault::KillBehindFrozenBroker, Some(broker)) => {
            let Some(process) = broker.process() else {
                return Ok(());
            };
            process.freeze()?;
            pause(random);
            collector.kill()?;
            collector.up()?;
            pause(random);
            process.thaw()
        }
        (Fault::KillBoth, Some(broker)) => {
            if random.percent(50) {
                collector.kill()?;
                broker.kill();
            } else {
                broker.kill();
                pause(random);
                collector.kill()?;
            }
            pause(random);
            if random.percent(50) {
                collector.up()?;
                pause(random);
                broker.up()
            } else {
                broker.up()?;
                pause(random);
                collector.up()
            }
        }
        (_, None) => Ok(()),
    }
}

/// Removes a directory, if it exists.
fn remove_all(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Overwrites up to sixteen bytes somewhere in one of the files below a directory.
fn damage_one(folder: &Path, random: &mut Random) -> io::Result<()> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) if data.len() > 0 => files.push((entry.path(), data.len())),
                _ => {}
            }
        }
    }
    files.sort();
    let Some((path, length)) = files.get(random.below(files.len() as u32) as usize) else {
        return Ok(());
    };
    let at = random.next_u64() % length;
    let bytes = random.next_u64().to_be_bytes().repeat(2);
    let fits = bytes.len().min((length - at) as usize);
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.write_all_at(bytes.get(..fits).unwrap_or_default(), at)
}
