//! Reads real routing tables from files.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;

use arancini_generate::Prefix;

/// Reads a table: each line holds a prefix and its origin AS. A file ending in `.zst` is decompressed.
///
/// # Errors
/// Fails if the file can't be read, or if a line is not a prefix and an AS.
pub fn read_table(path: &Path) -> io::Result<Vec<(Prefix, u32)>> {
    let file = File::open(path)?;
    let reader: Box<dyn BufRead> = match path.extension() {
        Some(ending) if ending == "zst" => Box::new(BufReader::new(zstd::Decoder::new(file)?)),
        _ => Box::new(BufReader::new(file)),
    };
    let mut table = Vec::new();
    for (number, line) in reader.lines().enumerate() {
        let line = line?;
        let wrong = || io::Error::other(format!("line {} is not a prefix and an AS: {line}", number + 1));
        table.push(table_line(&line).ok_or_else(wrong)?);
    }
    Ok(table)
}

/// Parses one line of a table.
fn table_line(line: &str) -> Option<(Prefix, u32)> {
    let (prefix, origin) = line.split_once([' ', '\t'])?;
    let (address, length) = prefix.split_once('/')?;
    let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (length <= most).then_some(())?;
    Some((Prefix::new(address, length), origin.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_line_by_line() {
        let prefix = |text: &str| table_line(text).map(|(prefix, origin)| (prefix.length, origin));
        assert_eq!(prefix("192.0.2.0/24 64496"), Some((24, 64_496)));
        assert_eq!(prefix("2001:db8::/32\t64497"), Some((32, 64_497)));
        for wrong in ["", "192.0.2.0/33 1", "192.0.2.0 1", "192.0.2.0/24", "x/8 1"] {
            assert_eq!(prefix(wrong), None, "{wrong}");
        }
    }
}
