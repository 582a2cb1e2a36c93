//! How many descriptors the process may have: each session of a router takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{HostReader, Level, Row};
use crate::config::Config;

/// Descriptors of the process beside sessions: log, segment files, NATS, the control port and its clients.
const PROCESS_FILES: u64 = 128;
/// Descriptors of a worker beside its listeners: its ring or epoll, the event it is woken by, its timer.
const WORKER_FILES: u64 = 8;

fn wanted(config: &Config) -> u64 {
    let workers = config.workers() as u64;
    let listeners = config.listen.address.len() as u64;
    (config.limits.max_sessions as u64)
        .saturating_add(workers.saturating_mul(WORKER_FILES.saturating_add(listeners)))
        .saturating_add(PROCESS_FILES)
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
        "each session takes a descriptor: with fewer, routers are refused before limits.max_sessions is reached; \
         `run` raises the soft limit to the hard one by itself",
    );
    if limit.hard.is_none_or(|hard| hard >= wanted) {
        row
    } else {
        row.mend(
            Level::Fail,
            format!("sudo prlimit --pid $$ --nofile={wanted}:{wanted}"),
        )
    }
}

fn text(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

/// Raises this process's soft limit of descriptors to the hard one. Shells and systemd give a soft limit of 1024 for
/// the sake of programs that use `select`; this one does not.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Raising up to the hard limit is always allowed; where it is not, the row `open files` has said so.
    let _ = setrlimit(Resource::Nofile, raised);
}

#[cfg(test)]
mod tests {
    use super::super::host::imitated::{Imitated, config};
    use super::super::{Level, Limit};
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
