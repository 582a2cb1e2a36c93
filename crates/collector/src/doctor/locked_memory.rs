//! The row about locked memory, which the io_uring rings need.

use super::host::HostReader;
use super::kernel::{kernel, status};
use super::report::{Level, Row};
use crate::config::{BackendKind, Config, DriverKind};

/// Memory that the ring of a worker locks, and memory that the checks for io_uring lock at the start. Measured on Linux 6.18
/// with 1, 2 and 4 workers: with this much the workers start, with slightly less they do not.
pub(super) const READINESS_BYTES: Locked = Locked {
    worker: 104 << 10,
    start: 8 << 10,
};
/// Locked memory with the backend `registered`, which adds the companion ring and its slots.
const REGISTERED_BYTES: Locked = Locked {
    worker: 192 << 10,
    start: 128 << 10,
};
/// The row asks for this many times the needed memory. The kernel returns the memory of closed rings late, so a restart holds
/// it twice for a while.
const MARGIN: u64 = 2;
/// The bit of `CAP_IPC_LOCK` in `CapEff`.
const CAP_IPC_LOCK: u64 = 1 << 14;

/// Bytes of locked memory.
pub(super) struct Locked {
    /// Bytes for each worker.
    worker: u64,
    /// Bytes needed once, at the start.
    pub(super) start: u64,
}

pub(super) fn locked_memory(host: &impl HostReader, config: &Config) -> Row {
    let workers = config.workers() as u64;
    let bytes = |locked: &Locked| workers.saturating_mul(locked.worker).saturating_add(locked.start);
    // With `auto`, the workers start if there is memory for `readiness`. They need more memory to use `registered`.
    let (needed, preferred) = match config.ingest.backend {
        BackendKind::Readiness => (&READINESS_BYTES, &READINESS_BYTES),
        BackendKind::Registered => (&REGISTERED_BYTES, &REGISTERED_BYTES),
        BackendKind::Auto if host.registered_refused().is_none() => (&READINESS_BYTES, &REGISTERED_BYTES),
        BackendKind::Auto => (&READINESS_BYTES, &READINESS_BYTES),
    };
    let needed = bytes(needed);
    let wanted = bytes(preferred).saturating_mul(MARGIN);
    let limit = host.locked_memory().soft;
    let mut value = limit.map_or_else(|| "unlimited".to_owned(), |bytes| format!("{} KiB", bytes / 1024));
    // The row shows the limit even if the limit does not apply.
    let exempt = exemption(host, config);
    if let Some(reason) = exempt {
        value = format!("{value} ({reason})");
    }
    let row = Row::new(
        "locked memory",
        value,
        format!(
            ">= {} KiB for {workers} worker{}",
            wanted / 1024,
            if workers == 1 { "" } else { "s" }
        ),
        "the memory of the io_uring rings counts towards the user's limit of locked memory; if the limit is too low, a \
         worker does not start (\"Cannot allocate memory\")",
    );
    let level = match limit {
        Some(bytes) if exempt.is_none() && bytes < needed => Level::Fail,
        Some(bytes) if exempt.is_none() && bytes < wanted => Level::Warn,
        _ => return row,
    };
    row.fix_with(
        level,
        format!("sudo prlimit --pid $$ --memlock={wanted}:{wanted}"),
    )
}

/// Returns why the limit of locked memory does not apply; `None` if it applies.
fn exemption(host: &impl HostReader, config: &Config) -> Option<&'static str> {
    let ring = config.ingest.driver != DriverKind::Epoll || config.ingest.backend == BackendKind::Registered;
    if !ring || !host.io_uring_works() {
        return Some("io_uring is not used");
    }
    // The capability has an effect only in the first user namespace, whose user ids are mapped to themselves.
    let first_namespace = host
        .file("/proc/self/uid_map")
        .is_some_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    let capabilities = status(host, "CapEff:").and_then(|text| u64::from_str_radix(&text, 16).ok());
    if first_namespace && capabilities.is_some_and(|held| held & CAP_IPC_LOCK != 0) {
        return Some("CAP_IPC_LOCK: not limited");
    }
    let version = kernel(&host.file("/proc/sys/kernel/osrelease")?)?;
    ((5, 12)..(6, 14))
        .contains(&version)
        .then_some("this kernel does not count rings")
}

#[cfg(test)]
mod tests {
    use super::super::host::Limit;
    use super::super::imitated::{Imitated, config};
    use super::*;

    #[test]
    fn locked_memory_for_each_worker() {
        let mut host = Imitated::good();
        let mut config = config();
        config.ingest.backend = BackendKind::Readiness;
        for (kib, level) in [
            (None, Level::Ok),
            (Some(848), Level::Ok),
            (Some(847), Level::Warn),
            (Some(424), Level::Warn),
            (Some(423), Level::Fail),
        ] {
            let limit = kib.map(|kib: u64| kib * 1024);
            host.locked_memory = Limit {
                soft: limit,
                hard: limit,
            };
            let row = locked_memory(&host, &config);
            assert_eq!(row.level, level, "{row:?}");
            assert_eq!(row.command.is_some(), level != Level::Ok);
        }
        let command = locked_memory(&host, &config).command;
        assert_eq!(
            command.as_deref(),
            Some("sudo prlimit --pid $$ --memlock=868352:868352")
        );
        // With `auto`, the row asks for the memory of `registered`.
        config.ingest.backend = BackendKind::Auto;
        for (kib, level) in [
            (1792, Level::Ok),
            (1791, Level::Warn),
            (424, Level::Warn),
            (423, Level::Fail),
        ] {
            host.locked_memory.soft = Some(kib * 1024);
            assert_eq!(locked_memory(&host, &config).level, level, "{kib}");
        }
        host.registered_refused = Some("the kernel lacks it".to_owned());
        host.locked_memory.soft = Some(848 * 1024);
        assert_eq!(locked_memory(&host, &config).level, Level::Ok);
    }

    #[test]
    fn locked_memory_where_it_does_not_count() {
        let small = || {
            let mut host = Imitated::good();
            host.locked_memory = Limit {
                soft: Some(65536),
                hard: Some(65536),
            };
            host
        };
        let expect = |host: &Imitated, config: &Config, value: &str| {
            let row = locked_memory(host, config);
            assert_eq!((row.level, row.value.as_str()), (Level::Ok, value));
        };
        let mut host = small();
        host.write("/proc/sys/kernel/osrelease", "6.8.0-51-generic");
        expect(&host, &config(), "64 KiB (this kernel does not count rings)");
        let mut host = small();
        host.write("/proc/self/status", "CapEff:\t000001ffffffffff");
        expect(&host, &config(), "64 KiB (CAP_IPC_LOCK: not limited)");
        // In a container of an ordinary user, the capability has no effect.
        host.write("/proc/self/uid_map", "0 1000 1");
        assert_eq!(locked_memory(&host, &config()).level, Level::Fail);
        let mut epoll = config();
        epoll.ingest.driver = DriverKind::Epoll;
        expect(&small(), &epoll, "64 KiB (io_uring is not used)");
    }
}
