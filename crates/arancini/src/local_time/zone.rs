//! The time zone of this host, read from its zone file (TZif, RFC 9636).

use std::path::{Path, PathBuf};

use super::posix_rule::PosixRule;

/// Where zone files are.
const ZONES: &str = "/usr/share/zoneinfo";
/// The zone file of the host.
const HOST_ZONE: &str = "/etc/localtime";
const HEADER_BYTES: usize = 44;

/// A time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Zone {
    /// When the offset changed, in seconds since the Unix epoch, with the new offset in seconds east of UTC.
    changes: Vec<(i64, i32)>,
    /// The offset before the first change.
    first: i32,
    /// The rule for the time behind the last change.
    rule: Option<PosixRule>,
}

impl Zone {
    /// The zone that `TZ` names: a file or a rule; without `TZ`, that of the host. UTC if it can't be read.
    pub(super) fn of_host(tz: Option<&str>) -> Self {
        let read = |path: &Path| Self::parse(&std::fs::read(path).ok()?);
        let found = match tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz)) {
            None => read(Path::new(HOST_ZONE)),
            Some(tz) => zone_file(tz)
                .and_then(|path| read(&path))
                .or_else(|| Self::of_rule(tz)),
        };
        found.unwrap_or_default()
    }

    fn of_rule(text: &str) -> Option<Self> {
        Some(Self {
            rule: Some(PosixRule::parse(text)?),
            ..Self::default()
        })
    }

    /// Seconds east of UTC at a time.
    pub(super) fn offset_at(&self, unix_s: i64) -> i32 {
        let behind = self.changes.partition_point(|(at, _)| *at <= unix_s);
        if behind == self.changes.len()
            && let Some(rule) = self.rule
        {
            return rule.offset_at(unix_s);
        }
        match behind.checked_sub(1).and_then(|last| self.changes.get(last)) {
            Some((_, offset)) => *offset,
            None => self.first,
        }
    }

    /// Reads a zone file; `None` if it is none.
    fn parse(file: &[u8]) -> Option<Self> {
        let first = Block::parse(file, 4)?;
        if file.get(4)? < &b'2' {
            return first.zone("");
        }
        let file = file.get(first.end..)?;
        let second = Block::parse(file, 8)?;
        let footer = std::str::from_utf8(file.get(second.end..)?).ok()?;
        second.zone(footer.trim_matches('\n'))
    }
}

/// The path of a zone by its name. A name can't lead out of the directory of zones.
fn zone_file(name: &str) -> Option<PathBuf> {
    if name.starts_with('/') {
        return Some(name.into());
    }
    let is_inside = !name.is_empty() && name.split('/').all(|part| !part.starts_with('.'));
    is_inside.then(|| Path::new(ZONES).join(name))
}

/// One of the two data blocks of a zone file: the first has times of 4 octets, the second of 8.
struct Block<'f> {
    times: &'f [u8],
    indices: &'f [u8],
    types: &'f [u8],
    time_bytes: usize,
    /// Where the block ends in the file.
    end: usize,
}

impl<'f> Block<'f> {
    fn parse(file: &'f [u8], time_bytes: usize) -> Option<Self> {
        let header = file.get(..HEADER_BYTES)?;
        header.starts_with(b"TZif").then_some(())?;
        let mut counts = [0; 6];
        for (count, octets) in counts.iter_mut().zip(header[20..].as_chunks::<4>().0) {
            *count = u32::from_be_bytes(*octets) as usize;
        }
        let [is_ut, is_std, leaps, times, types, names] = counts;
        let mut at = HEADER_BYTES;
        let mut take = |length: usize| {
            let part = file.get(at..at.checked_add(length)?);
            at += length;
            part
        };
        let block_times = take(times.checked_mul(time_bytes)?)?;
        let indices = take(times)?;
        let block_types = take(types.checked_mul(6)?)?;
        take(names)?;
        take(leaps.checked_mul(time_bytes + 4)?)?;
        take(is_std)?;
        take(is_ut)?;
        Some(Self {
            times: block_times,
            indices,
            types: block_types,
            time_bytes,
            end: at,
        })
    }

    fn zone(&self, footer: &str) -> Option<Zone> {
        let offset = |index: usize| {
            let octets = self.types.get(6 * index..)?.first_chunk()?;
            Some(i32::from_be_bytes(*octets))
        };
        let times = self
            .times
            .chunks_exact(self.time_bytes)
            .map(|octets| match octets {
                [a, b, c, d] => i64::from(i32::from_be_bytes([*a, *b, *c, *d])),
                octets => octets
                    .first_chunk()
                    .map_or(0, |octets| i64::from_be_bytes(*octets)),
            });
        let changes: Option<Vec<_>> = times
            .zip(self.indices)
            .map(|(at, index)| Some((at, offset(usize::from(*index))?)))
            .collect();
        Some(Zone {
            changes: changes?,
            first: offset(0)?,
            rule: PosixRule::parse(footer),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone file with one change, from UTC to one hour east.
    fn file(footer: &str) -> Vec<u8> {
        let block = |time: &[u8]| {
            let counts = [0_u32, 0, 0, 1, 2, 4].map(u32::to_be_bytes).concat();
            let types = [
                &0_i32.to_be_bytes()[..],
                &[0, 0],
                &3600_i32.to_be_bytes(),
                &[0, 0],
            ]
            .concat();
            [b"TZif2", &[0; 15][..], &counts, time, &[1], &types, b"UTC\0"].concat()
        };
        let (first, second) = (block(&1000_i32.to_be_bytes()), block(&1000_i64.to_be_bytes()));
        [first, second, format!("\n{footer}\n").into_bytes()].concat()
    }

    #[test]
    fn a_zone_file_tells_each_offset_and_the_rule_behind_them() {
        let offsets = |footer: &str, times: [i64; 3]| {
            Zone::parse(&file(footer)).map(|zone| times.map(|at| zone.offset_at(at)))
        };
        assert_eq!(offsets("", [999, 1000, i64::MAX / 2]), Some([0, 3600, 3600]));
        assert_eq!(offsets("XXX-2", [999, 1000, 2000]), Some([0, 7200, 7200]));
    }

    #[test]
    fn a_damaged_zone_file_is_none() {
        let whole = file("XXX-2");
        for length in 0..whole.len() - 8 {
            assert_eq!(Zone::parse(&whole[..length]), None, "{length}");
        }
        assert_eq!(Zone::parse(b"TZif2\xff\xff\xff\xff"), None);
        let mut counts = whole;
        counts[20..44].fill(0xff);
        assert_eq!(Zone::parse(&counts), None);
    }
}
