//! The host to examine: its files, limits, allowed cores, and whether io_uring works.

use std::cell::OnceCell;

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};

use crate::ingest::backend::Backend;

/// A resource limit; `None` means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The limit in effect.
    pub soft: Option<u64>,
    /// The value up to which the process may raise the limit by itself.
    pub hard: Option<u64>,
}

/// A host that can be examined.
pub trait HostReader {
    /// Returns the text of a file without surrounding white space; `None` if the file can't be read.
    fn file(&self, path: &str) -> Option<String>;
    /// Returns the sorted names in a directory; empty if the directory can't be read.
    fn directory(&self, path: &str) -> Vec<String>;
    /// Returns how many file descriptors this process may have (`RLIMIT_NOFILE`).
    fn open_files(&self) -> Limit;
    /// Returns how many bytes of memory this process may lock (`RLIMIT_MEMLOCK`).
    fn locked_memory(&self) -> Limit;
    /// Returns the cores that this process may run on, in order.
    fn allowed_cores(&self) -> Vec<usize>;
    /// Returns how many threads can run at once: the number of allowed cores, or less if a CPU quota applies.
    fn parallelism(&self) -> usize;
    /// Returns whether this process can create an io_uring that supports the needed operations.
    fn io_uring_works(&self) -> bool;
    /// Returns why this host does not support the backend `registered`; `None` if it does.
    fn registered_refused(&self) -> Option<String>;
}

/// The host that this process runs on.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// Checked once, before any other ring is created. The kernel returns the locked memory of a closed ring late, so a second
    /// check could fail only because of the first.
    io_uring_works: OnceCell<bool>,
    /// Checked once, after `io_uring_works`.
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
