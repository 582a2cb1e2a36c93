//! Rows about io_uring: whether the host allows it, what refuses it otherwise, and which receive backend is used.

use super::host::HostReader;
use super::kernel::{kernel, status};
use super::locked_memory::READINESS_BYTES;
use super::report::{Level, Row};
use crate::config::{BackendKind, Config, DriverKind};

const DISABLED: &str = "/proc/sys/kernel/io_uring_disabled";
pub(super) fn io_uring(host: &impl HostReader, config: &Config) -> Row {
    const CHECK: &str = "io_uring";
    const WANTED: &str = "allowed";
    const WHY: &str = "the workers wait on io_uring; if it is refused, they use epoll, or do not start if \
                       ingest.driver = \"io_uring\"";
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
    Row::new(CHECK, reason, WANTED, WHY).fix_with(level, command)
}

/// Returns what refuses io_uring, and the command that changes it.
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
            "docker run --security-opt seccomp=arancini-seccomp.json … (docs/tuning.md shows how to make the profile)"
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
    ("refused for an unknown reason".to_owned(), command.to_owned())
}

pub(super) fn backend(host: &impl HostReader, config: &Config) -> Row {
    let row = |value: &str| {
        Row::new(
            "receive backend",
            value,
            "the backend that ingest.backend names",
            "`registered` needs Linux 6.12 and io_uring; if this host does not support it, the collector uses `readiness` \
             with ingest.backend = \"auto\", and does not start with \"registered\"",
        )
    };
    match config.ingest.backend {
        BackendKind::Readiness => row("readiness"),
        BackendKind::Auto if !uses_io_uring(host, config) => row("readiness: the workers wait on epoll"),
        named => match host.registered_refused() {
            None => row("registered"),
            Some(reason) if named == BackendKind::Auto => row(&format!(
                "readiness: this host does not support registered: {reason}"
            )),
            Some(reason) => row(&format!("this host does not support registered: {reason}"))
                .fix_with(Level::Fail, "ARANCINI_INGEST__BACKEND=auto arancini run"),
        },
    }
}

/// Returns whether the workers will wait on io_uring.
fn uses_io_uring(host: &impl HostReader, config: &Config) -> bool {
    config.ingest.driver != DriverKind::Epoll && host.io_uring_works()
}

#[cfg(test)]
mod tests {
    use super::super::host::Limit;
    use super::super::imitated::{Imitated, config};
    use super::super::locked_memory::locked_memory;
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
            (
                Level::Fail,
                "this host does not support registered: the kernel lacks it"
            )
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
                "readiness: this host does not support registered: the kernel lacks it"
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
}
