//! The memory of this process, and how much it may have.

use std::path::Path;

/// Bytes of this process that are in memory; `None` where the kernel does not tell.
pub(super) fn resident_bytes() -> Option<u64> {
    kibibytes_of(&read("/proc/self/status")?, "VmRSS:")
}

/// Bytes that this process may have: the memory of the host, or less if its control group has a limit (cgroup v2, as of systemd and
/// of containers).
pub(super) fn memory_limit_bytes() -> Option<u64> {
    let of_host = kibibytes_of(&read("/proc/meminfo")?, "MemTotal:")?;
    let group = read("/proc/self/cgroup").and_then(|text| {
        text.lines()
            .find_map(|line| line.strip_prefix("0::").map(str::to_owned))
    });
    let limits = group.iter().flat_map(|group| {
        let mut groups = Vec::new();
        let mut group = Path::new(group.trim_start_matches('/'));
        loop {
            groups.push(Path::new("/sys/fs/cgroup").join(group).join("memory.max"));
            match group.parent() {
                Some(parent) => group = parent,
                None => return groups,
            }
        }
    });
    let limits = limits.filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    Some(limits.fold(of_host, u64::min))
}

fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

/// Reads a line like `VmRSS:     1234 kB`.
fn kibibytes_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_has_memory_within_its_limit() {
        let resident = resident_bytes().unwrap();
        let limit = memory_limit_bytes().unwrap();
        assert!(resident > 100_000 && resident < limit, "{resident} of {limit}");
    }

    #[test]
    fn a_line_that_is_no_number_is_none() {
        assert_eq!(
            kibibytes_of("VmPeak: 9 kB\nVmRSS:\t  12 kB\n", "VmRSS:"),
            Some(12288)
        );
        for text in [
            "",
            "VmRSS: many kB",
            "VmRSS: 12",
            "VmRSS: 99999999999999999999 kB",
        ] {
            assert_eq!(kibibytes_of(text, "VmRSS:"), None, "{text}");
        }
    }
}
