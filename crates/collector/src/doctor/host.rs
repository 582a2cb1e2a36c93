//! What can be read of a host: files, limits, allowed cores, and whether io_uring works.

use std::cell::OnceCell;

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};

use crate::ingest::backend::Backend;

/// A resource limit; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The limit in force.
    pub soft: Option<u64>,
    /// How far the process may raise it by itself.
    pub hard: Option<u64>,
}

/// A host that can be examined.
pub trait HostReader {
    /// A file's text without the white space around it; nothing where it can't be read.
    fn file(&self, path: &str) -> Option<String>;
    /// The sorted names in a directory; none where it can't be read.
    fn directory(&self, path: &str) -> Vec<String>;
    /// How many descriptors this process may have (`RLIMIT_NOFILE`).
    fn open_files(&self) -> Limit;
    /// How many bytes this process may lock (`RLIMIT_MEMLOCK`).
    fn locked_memory(&self) -> Limit;
    /// The cores this process may run on, in order.
    fn allowed_cores(&self) -> Vec<usize>;
    /// How many threads may run at once: the allowed cores, or fewer where a CPU quota says so.
    fn parallelism(&self) -> usize;
    /// Whether an io_uring with the operations that are needed can be made.
    fn io_uring_works(&self) -> bool;
    /// Why the backend `registered` can't be had; nothing where it can.
    fn registered_refused(&self) -> Option<String>;
}

/// The host this process runs on.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// Asked once, and before any ring was made: the kernel gives locked memory back late, and the next ring may then lack it.
    io_uring_works: OnceCell<bool>,
    /// Asked once, after that.
    registered_refused: OnceCell<Option<String>>,
}

impl HostReader for Host {
    fn file(&self, path: &str) -> Option<String> {
        Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
    }

    fn directory(&self, path: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(path) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    fn open_files(&self) -> Limit {
        limit(Resource::Nofile)
    }

    fn locked_memory(&self) -> Limit {
        limit(Resource::Memlock)
    }

    fn allowed_cores(&self) -> Vec<usize> {
        match sched_getaffinity(None) {
            Ok(allowed) => (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect(),
            Err(_) => (0..self.parallelism()).collect(),
        }
    }

    fn parallelism(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    fn io_uring_works(&self) -> bool {
        *self.io_uring_works.get_or_init(monoio::utils::detect_uring)
    }

    fn registered_refused(&self) -> Option<String> {
        self.io_uring_works();
        self.registered_refused
            .get_or_init(Backend::registered_refused)
            .clone()
    }
}

fn limit(resource: Resource) -> Limit {
    let limit = getrlimit(resource);
    Limit {
        soft: limit.current,
        hard: limit.maximum,
    }
}

/// A host made of what a test puts into it; a good one until something is changed.
#[cfg(test)]
pub(super) mod imitated {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{HostReader, Limit};
    use crate::config::Config;
    use crate::doctor::sysctl;

    pub struct Imitated {
        pub files: BTreeMap<String, String>,
        pub open_files: Limit,
        pub locked_memory: Limit,
        pub allowed_cores: Vec<usize>,
        pub parallelism: usize,
        pub io_uring_works: bool,
        pub registered_refused: Option<String>,
    }

    impl Imitated {
        /// Four cores on one node, one card with four queues that interrupt a core each.
        pub fn good() -> Self {
            let unlimited = Limit {
                soft: None,
                hard: None,
            };
            let mut host = Self {
                files: BTreeMap::new(),
                open_files: unlimited,
                locked_memory: unlimited,
                allowed_cores: vec![0, 1, 2, 3],
                parallelism: 4,
                io_uring_works: true,
                registered_refused: None,
            };
            for setting in sysctl::WANTED {
                host.write(&setting.path(), setting.value);
            }
            host.write("/proc/sys/kernel/io_uring_disabled", "0");
            host.write("/proc/sys/kernel/osrelease", "6.14.0-1-generic");
            host.write(
                "/proc/self/status",
                "Name:\tarancini\nCapEff:\t0000000000000000\nSeccomp:\t0",
            );
            host.write("/proc/self/uid_map", "         0          0 4294967295");
            host.write(
                "/sys/kernel/mm/transparent_hugepage/enabled",
                "always [madvise] never",
            );
            host.write("/sys/devices/system/node/node0/cpulist", "0-3");
            host.write("/sys/class/net/eth0/device/numa_node", "0");
            host.write("/sys/class/net/eth0/operstate", "up");
            let mut interrupts = "           CPU0       CPU1       CPU2       CPU3\n".to_owned();
            for queue in 0..4 {
                host.write(&format!("/sys/class/net/eth0/queues/rx-{queue}/rps_cpus"), "0");
                host.write(&format!("/sys/class/net/eth0/queues/tx-{queue}/xps_cpus"), "0");
                host.write(
                    &format!("/sys/class/net/eth0/device/msi_irqs/{}", 40 + queue),
                    "msix",
                );
                let mut counts = [0; 4];
                counts[queue] = 1000;
                interrupts += &format!(
                    " {}: {} {} {} {} PCI-MSIX-0000:00:03.0 {queue}-edge eth0-{queue}\n",
                    40 + queue,
                    counts[0],
                    counts[1],
                    counts[2],
                    counts[3]
                );
            }
            host.write("/proc/interrupts", &interrupts);
            host.write("/sys/class/net/lo/operstate", "unknown");
            host
        }

        pub fn write(&mut self, path: &str, text: &str) {
            self.files.insert(path.to_owned(), text.to_owned());
        }

        pub fn remove(&mut self, beginning: &str) {
            self.files.retain(|path, _| !path.starts_with(beginning));
        }
    }

    impl HostReader for Imitated {
        fn file(&self, path: &str) -> Option<String> {
            self.files.get(path).cloned()
        }

        fn directory(&self, path: &str) -> Vec<String> {
            let path = format!("{path}/");
            let names: BTreeSet<_> = self
                .files
                .keys()
                .filter_map(|file| file.strip_prefix(&path)?.split('/').next())
                .collect();
            names.into_iter().map(str::to_owned).collect()
        }

        fn open_files(&self) -> Limit {
            self.open_files
        }

        fn locked_memory(&self) -> Limit {
            self.locked_memory
        }

        fn allowed_cores(&self) -> Vec<usize> {
            self.allowed_cores.clone()
        }

        fn parallelism(&self) -> usize {
            self.parallelism
        }

        fn io_uring_works(&self) -> bool {
            self.io_uring_works
        }

        fn registered_refused(&self) -> Option<String> {
            self.registered_refused.clone()
        }
    }

    /// The defaults, with as many workers as the good host has cores, whatever the machine of the test has.
    pub fn config() -> Config {
        let mut config = Config::default();
        config.listen.workers = 4;
        config
    }
}
