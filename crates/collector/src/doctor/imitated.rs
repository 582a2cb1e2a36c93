//! A host for tests, made of files and limits in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::host::{HostReader, Limit};
use super::sysctl;
use crate::config::Config;

/// A host with the properties that a test sets. Without changes it is a good host.
pub(super) struct Imitated {
    pub files: BTreeMap<String, String>,
    pub open_files: Limit,
    pub locked_memory: Limit,
    pub allowed_cores: Vec<usize>,
    pub parallelism: usize,
    pub io_uring_works: bool,
    pub registered_refused: Option<String>,
}

impl Imitated {
    /// Makes a host with four cores on one NUMA node and one network card. Each of the four queues of the card interrupts a
    /// core of its own.
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

/// Returns the default configuration with one worker for each core of the good host.
pub(super) fn config() -> Config {
    let mut config = Config::default();
    config.listen.workers = 4;
    config
}
