//! The row about open files, and raising the limit at the start. Each session takes one file descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::host::HostReader;
use super::report::{Level, Row};
use crate::config::{Config, IdentityKind};

/// File descriptors that the process needs besides sessions: log, segment files, NATS, the control port and its clients.
const PROCESS_FILES: u64 = 128;
/// File descriptors of a port of its own for RIS Live, besides those of its websockets.
const RIS_PORT_FILES: u64 = 65;
/// File descriptors that a worker needs besides its listeners: its ring or epoll, the event that wakes it, its timer.
const WORKER_FILES: u64 = 8;

/// Returns how many file descriptors this configuration needs.
fn wanted(config: &Config) -> u64 {
    let workers = config.workers() as u64;
    let listeners = config.listen.address.len() as u64;
    // A socket has a second one until the header of the load balancer, or the sysName of the router, has come.
    let identify_by = &config.routers.identify_by;
    let each = if identify_by.uses(IdentityKind::Proxy) || identify_by.uses(IdentityKind::SysName) {
        2
    } else {
        1
    };
    (config.limits.max_sessions as u64)
        .saturating_mul(each)
        .saturating_add(workers.saturating_mul(WORKER_FILES.saturating_add(listeners)))
        .saturating_add(PROCESS_FILES)
        .saturating_add(config.control.ris_address.map_or(0, |_| RIS_PORT_FILES))
}

pub(super) fn open_files(host: &impl HostReader, config: &Config) -> Row {
    let limit = host.open_files();
    let wanted = wanted(config);
    let row = Row::new(
        "open files",
        format!("soft {}, hard {}", text(limit.soft), text(limit.hard)),
        format!(
            "hard >= {wanted} for limits.max_sessions = {}",
            config.limits.max_sessions
        ),
        "each session takes a file descriptor, and two while a PROXY protocol header or a sysName is awaited; with fewer, routers are refused before limits.max_sessions is reached; \
         `arancini run` raises the soft limit to the hard limit by itself",
    );
    if limit.hard.is_none_or(|hard| hard >= wanted) {
        row
    } else {
        row.fix_with(
            Level::Fail,
            format!("sudo prlimit --pid $$ --nofile={wanted}:{wanted}"),
        )
    }
}

fn text(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

/// Raises the soft limit of file descriptors to the hard limit. Shells and systemd set a soft limit of 1024 because of
/// programs that use `select`; the collector does not use it.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // A process may always raise its soft limit up to the hard limit. If that fails anyway, the row `open files` shows it.
    let _ = setrlimit(Resource::Nofile, raised);
}

#[cfg(test)]
mod tests {
    use super::super::host::Limit;
    use super::super::imitated::{Imitated, config};
    use super::*;

    #[test]
    fn the_hard_limit_decides() {
        let mut host = Imitated::good();
        let config = config();
        assert_eq!(wanted(&config), 4096 + 4 * 9 + 128);
        for (hard, level) in [
            (None, Level::Ok),
            (Some(4260), Level::Ok),
            (Some(4259), Level::Fail),
        ] {
            host.open_files = Limit {
                soft: Some(1024),
                hard,
            };
            let row = open_files(&host, &config);
            assert_eq!(row.level, level, "{row:?}");
            assert_eq!(row.value, format!("soft 1024, hard {}", text(hard)));
        }
        let command = open_files(&host, &config).command;
        assert_eq!(
            command.as_deref(),
            Some("sudo prlimit --pid $$ --nofile=4260:4260")
        );
    }

    #[test]
    fn fewer_sessions_need_fewer_files() {
        let mut host = Imitated::good();
        let mut config = config();
        host.open_files = Limit {
            soft: Some(1024),
            hard: Some(1024),
        };
        assert_eq!(open_files(&host, &config).level, Level::Fail);
        config.limits.max_sessions = 500;
        assert_eq!(open_files(&host, &config).level, Level::Ok);
    }
}
