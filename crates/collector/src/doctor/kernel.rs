//! The version of the kernel, and what the kernel says about this process.

use super::host::HostReader;

/// Returns the value of a line in `/proc/self/status`.
pub(super) fn status(host: &impl HostReader, name: &str) -> Option<String> {
    let status = host.file("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// Parses the version of a kernel release: `6.14.0-1-generic` becomes (6, 14).
pub(super) fn kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
