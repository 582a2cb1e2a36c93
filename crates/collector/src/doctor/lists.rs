//! Lists of numbers as the kernel writes them, like `0-2,5`.

use std::collections::BTreeSet;

/// Parses a list: `0-2,5` becomes 0, 1, 2, 5.
pub(super) fn read_list(text: &str) -> BTreeSet<usize> {
    text.trim()
        .split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
        })
        .flatten()
        .collect()
}

/// Writes a list of sorted numbers: 0, 1, 2, 5 becomes `0-2,5`.
pub(super) fn write_list<'a>(numbers: impl IntoIterator<Item = &'a usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let texts: Vec<String> = ranges
        .iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        let list = read_list("0-2,5,8-9\n");
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), [0, 1, 2, 5, 8, 9]);
        assert_eq!(write_list(&list), "0-2,5,8-9");
        assert!(read_list("").is_empty());
        assert_eq!(write_list(&[]), "");
    }
}
