//! io_uring: whether the host allows it, who refuses it if not, and the memory its rings may lock.

use super::{HostReader, Level, Row};
use crate::config::{BackendKind, Config, DriverKind};

const DISABLED: &str = "/proc/sys/kernel/io_uring_disabled";
/// What a worker's ring locks, and what the tests for io_uring at start lock beside it. Measured on 6.18 with 1, 2 and 4
/// workers: that much is enough for them to start, and little less is not.
const READINESS_BYTES: Locked = Locked {
    worker: 104 << 10,
    start: 8 << 10,
};
/// The same with the companion ring and its slots.
const REGISTERED_BYTES: Locked = Locked {
    worker: 192 << 10,
    start: 128 << 10,
};
/// So many times what is needed is asked for: the kernel gives the memory of closed rings back late, so that a restart
/// holds it twice.
const MARGIN: u64 = 2;
/// The bit of `CAP_IPC_LOCK` in `CapEff`.
const CAP_IPC_LOCK: u64 = 1 << 14;

/// Bytes of locked memory.
struct Locked {
    /// For each worker.
    worker: u64,
    /// Once.
    start: u64,
}

pub(super) fn io_uring(host: &impl HostReader, config: &Config) -> Row {
    const CHECK: &str = "io_uring";
    const WANTED: &str = "allowed";
    const WHY: &str = "the workers wait on io_uring; where it is refused they fall back to epoll, \
                       unless ingest.driver = \"io_uring\": then they don't start";
    if config.ingest.driver == DriverKind::Epoll {
        return Row::new(CHECK, "not used: ingest.driver = \"epoll\"", WANTED, WHY);
    }
    if host.io_uring_works() {
        return Row::new(CHECK, "allowed", WANTED, WHY);
    }
    let level = match config.ingest.driver {
        DriverKind::IoUring => Level::Fail,
        DriverKind::Auto | DriverKind::Epoll => Level::Warn,
    };
    let (reason, command) = refusal(host);
    Row::new(CHECK, reason, WANTED, WHY).mend(level, command)
}

/// Who refuses io_uring, and what mends that.
fn refusal(host: &impl HostReader) -> (String, String) {
    const ENABLE: &str = "sudo sysctl -w kernel.io_uring_disabled=0";
    match host.file(DISABLED).as_deref() {
        Some("2") => {
            return (
                "refused: kernel.io_uring_disabled = 2".to_owned(),
                ENABLE.to_owned(),
            );
        }
        Some("1") => {
            let reason =
                "refused: kernel.io_uring_disabled = 1 and the process is not in kernel.io_uring_group";
            return (reason.to_owned(), ENABLE.to_owned());
        }
        _ => {}
    }
    if status(host, "Seccomp:").is_some_and(|mode| mode != "0") {
        return (
            "refused: a seccomp filter, probably the default profile of a container".to_owned(),
            "docker run --security-opt seccomp=arancini-seccomp.json … (docs/tuning.md makes the profile)"
                .to_owned(),
        );
    }
    if let Some(bytes) = host
        .locked_memory()
        .soft
        .filter(|&bytes| bytes < READINESS_BYTES.start)
    {
        return (
            format!("refused: only {bytes} bytes of locked memory"),
            "sudo prlimit --pid $$ --memlock=8388608:8388608".to_owned(),
        );
    }
    if let Some(release) = host.file("/proc/sys/kernel/osrelease") {
        if kernel(&release).is_some_and(|version| version < (5, 6)) {
            let reason = format!("refused: kernel {release} is too old, 5.6 or newer is needed");
            return (reason, "ARANCINI_INGEST__DRIVER=epoll arancini run".to_owned());
        }
        return (
            format!("refused by kernel {release}, or switched off by MONOIO_FORCE_LEGACY_DRIVER"),
            "ARANCINI_INGEST__DRIVER=epoll arancini run".to_owned(),
        );
    }
    let command = "ARANCINI_INGEST__DRIVER=epoll arancini run";
    ("refused, and nothing says by whom".to_owned(), command.to_owned())
}

pub(super) fn backend(host: &impl HostReader, config: &Config) -> Row {
    let row = |value: &str| {
        Row::new(
            "receive backend",
            value,
            "what ingest.backend names",
            "`registered` needs Linux 6.12 and io_uring; where it is named and can't be had, the collector does not start; \
             with \"auto\" it takes `readiness` then",
        )
    };
    match config.ingest.backend {
        BackendKind::Readiness => row("readiness"),
        BackendKind::Auto if !uses_io_uring(host, config) => row("readiness: the workers wait on epoll"),
        named => match host.registered_refused() {
            None => row("registered"),
            Some(reason) if named == BackendKind::Auto => {
                row(&format!("readiness: registered is not to be had: {reason}"))
            }
            Some(reason) => row(&format!("registered is not to be had: {reason}"))
                .mend(Level::Fail, "ARANCINI_INGEST__BACKEND=auto arancini run"),
        },
    }
}

/// Whether the workers will wait on io_uring.
fn uses_io_uring(host: &impl HostReader, config: &Config) -> bool {
    config.ingest.driver != DriverKind::Epoll && host.io_uring_works()
}

pub(super) fn locked_memory(host: &impl HostReader, config: &Config) -> Row {
    let workers = config.workers() as u64;
    let bytes = |locked: &Locked| workers.saturating_mul(locked.worker).saturating_add(locked.start);
    // With `auto` the workers start with the memory for `readiness`; to be `registered` they need more.
    let (needed, liked) = match config.ingest.backend {
        BackendKind::Readiness => (&READINESS_BYTES, &READINESS_BYTES),
        BackendKind::Registered => (&REGISTERED_BYTES, &REGISTERED_BYTES),
        BackendKind::Auto if host.registered_refused().is_none() => (&READINESS_BYTES, &REGISTERED_BYTES),
        BackendKind::Auto => (&READINESS_BYTES, &READINESS_BYTES),
    };
    let needed = bytes(needed);
    let wanted = bytes(liked).saturating_mul(MARGIN);
    let limit = host.locked_memory().soft;
    let mut value = limit.map_or_else(|| "unlimited".to_owned(), |bytes| format!("{} KiB", bytes / 1024));
    // Where the limit does not count, its value is said all the same.
    let exempt = exemption(host, config);
    if let Some(reason) = exempt {
        value = format!("{value} ({reason})");
    }
    let row = Row::new(
        "locked memory",
        value,
        format!(">= {} KiB for {workers} workers", wanted / 1024),
        "the rings' memory counts against the user's limit of locked memory; with less, a worker does not start \
         (\"Cannot allocate memory\")",
    );
    let level = match limit {
        Some(bytes) if exempt.is_none() && bytes < needed => Level::Fail,
        Some(bytes) if exempt.is_none() && bytes < wanted => Level::Warn,
        _ => return row,
    };
    row.mend(
        level,
        format!("sudo prlimit --pid $$ --memlock={wanted}:{wanted}"),
    )
}

/// Why the limit of locked memory does not count, if it does not.
fn exemption(host: &impl HostReader, config: &Config) -> Option<&'static str> {
    let ring = config.ingest.driver != DriverKind::Epoll || config.ingest.backend == BackendKind::Registered;
    if !ring || !host.io_uring_works() {
        return Some("io_uring is not used");
    }
    // The capability counts only in the first user namespace, whose ids are mapped to themselves.
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

/// A line of `/proc/self/status`.
fn status(host: &impl HostReader, name: &str) -> Option<String> {
    let status = host.file("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// `6.14.0-1-generic` → (6, 14)
fn kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::Limit;
    use super::super::host::imitated::{Imitated, config};
    use super::*;

    #[test]
    fn allowed_is_ok() {
        let row = io_uring(&Imitated::good(), &config());
        assert_eq!(
            (row.level, row.value.as_str(), row.command),
            (Level::Ok, "allowed", None)
        );
    }

    #[test]
    fn refused_warns_unless_the_configuration_insists() {
        let mut host = Imitated::good();
        let mut config = config();
        host.io_uring_works = false;
        for (driver, level) in [
            (DriverKind::Auto, Level::Warn),
            (DriverKind::IoUring, Level::Fail),
            (DriverKind::Epoll, Level::Ok),
        ] {
            config.ingest.driver = driver;
            assert_eq!(io_uring(&host, &config).level, level);
        }
    }

    #[test]
    fn who_refuses_is_named_with_the_remedy() {
        let mut host = Imitated::good();
        host.io_uring_works = false;
        let mut expect = |path: &str, text: &str, reason: &str, remedy: &str| {
            host.write(path, text);
            let row = io_uring(&host, &config());
            assert!(row.value.contains(reason), "{row:?}");
            assert!(
                row.command
                    .as_ref()
                    .is_some_and(|command| command.contains(remedy)),
                "{row:?}"
            );
        };
        let release = "/proc/sys/kernel/osrelease";
        expect(release, "6.14.0", "refused by kernel 6.14.0", "DRIVER=epoll");
        expect(release, "4.18.0-553.el8", "too old", "DRIVER=epoll");
        expect(
            "/proc/self/status",
            "Seccomp:\t2",
            "seccomp",
            "--security-opt seccomp=",
        );
        expect(
            DISABLED,
            "1",
            "io_uring_group",
            "sysctl -w kernel.io_uring_disabled=0",
        );
        expect(
            DISABLED,
            "2",
            "io_uring_disabled = 2",
            "sysctl -w kernel.io_uring_disabled=0",
        );
    }

    #[test]
    fn a_limit_that_no_ring_fits_in_is_named() {
        let mut host = Imitated::good();
        host.io_uring_works = false;
        host.locked_memory.soft = Some(4096);
        let row = io_uring(&host, &config());
        assert_eq!(row.value, "refused: only 4096 bytes of locked memory");
        assert!(row.command.is_some_and(|command| command.contains("--memlock=")));
    }

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
        // What `auto` would rather have.
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
    fn the_registered_backend_needs_more_and_can_be_refused() {
        let mut host = Imitated::good();
        let mut config = config();
        host.locked_memory = Limit {
            soft: Some(847 << 10),
            hard: None,
        };
        assert_eq!(locked_memory(&host, &config).level, Level::Warn);
        config.ingest.backend = BackendKind::Registered;
        assert_eq!(locked_memory(&host, &config).level, Level::Fail);
        assert_eq!(backend(&host, &config).level, Level::Ok);
        host.registered_refused = Some("the kernel lacks it".to_owned());
        let row = backend(&host, &config);
        assert_eq!(
            (row.level, row.value.as_str()),
            (Level::Fail, "registered is not to be had: the kernel lacks it")
        );
        assert!(
            row.command
                .is_some_and(|command| command.contains("BACKEND=auto"))
        );
        config.ingest.backend = BackendKind::Auto;
        let row = backend(&host, &config);
        assert_eq!(
            (row.level, row.value.as_str()),
            (
                Level::Ok,
                "readiness: registered is not to be had: the kernel lacks it"
            )
        );
        host.registered_refused = None;
        assert_eq!(backend(&host, &config).value, "registered");
        config.ingest.driver = DriverKind::Epoll;
        assert_eq!(
            backend(&host, &config).value,
            "readiness: the workers wait on epoll"
        );
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
        // In a container of an ordinary user the capability is worth nothing.
        host.write("/proc/self/uid_map", "0 1000 1");
        assert_eq!(locked_memory(&host, &config()).level, Level::Fail);
        let mut epoll = config();
        epoll.ingest.driver = DriverKind::Epoll;
        expect(&small(), &epoll, "64 KiB (io_uring is not used)");
    }
}
