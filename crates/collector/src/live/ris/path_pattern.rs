//! Patterns of AS paths, as RIS Live writes them: `64500,64501`, `^64500`, `64501$`, `!64502`, `64500,[64501,64502]$`.

use std::fmt;

/// Most AS numbers in a pattern. An AS path of an UPDATE may be longer, but no pattern of a person is.
const MOST_NUMBERS: usize = 64;

/// A position of an AS path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// An AS.
    As(u32),
    /// An AS_SET, in the order of its numbers.
    Set(Vec<u32>),
}

impl Hop {
    /// An AS_SET of these numbers.
    #[must_use]
    pub fn set_of(mut members: Vec<u32>) -> Self {
        members.sort_unstable();
        members.dedup();
        // A subscription keeps its pattern, and a client may repeat one number thousands of times.
        members.shrink_to_fit();
        Self::Set(members)
    }
}

/// A pattern of AS paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    hops: Vec<Hop>,
    at_start: bool,
    at_end: bool,
    is_inverted: bool,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathPatternError {
    /// It has no AS number.
    Empty,
    /// It has an AS_SET without AS numbers.
    EmptySet,
    /// It has something else where an AS number belongs.
    NoNumber,
    /// It has too many AS numbers.
    TooLong,
}

impl fmt::Display for PathPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it has no AS number"),
            Self::EmptySet => f.write_str("it has an AS_SET without AS numbers"),
            Self::NoNumber => f.write_str("it has something else than AS numbers"),
            Self::TooLong => write!(f, "it has more than {MOST_NUMBERS} AS numbers"),
        }
    }
}

impl PathPattern {
    /// A pattern of these hops, anywhere in a path.
    ///
    /// # Errors
    /// There is no hop, an AS_SET is empty, or there are too many AS numbers.
    pub fn new(hops: Vec<Hop>) -> Result<Self, PathPatternError> {
        if hops.contains(&Hop::Set(Vec::new())) {
            return Err(PathPatternError::EmptySet);
        }
        let numbers = hops.iter().map(|hop| match hop {
            Hop::As(_) => 1,
            Hop::Set(members) => members.len(),
        });
        match numbers.sum::<usize>() {
            0 => Err(PathPatternError::Empty),
            1..=MOST_NUMBERS => Ok(Self {
                hops,
                at_start: false,
                at_end: false,
                is_inverted: false,
            }),
            _ => Err(PathPatternError::TooLong),
        }
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// The text is no pattern.
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        let inverted = text.strip_prefix('!');
        let rest = inverted.unwrap_or(text);
        let start = rest.strip_prefix('^');
        let rest = start.unwrap_or(rest);
        let end = rest.strip_suffix('$');
        let rest = end.unwrap_or(rest);
        Ok(Self {
            at_start: start.is_some(),
            at_end: end.is_some(),
            is_inverted: inverted.is_some(),
            ..Self::new(read_hops(rest)?)?
        })
    }

    /// Returns whether an AS path has this pattern. An AS number of the pattern also stands for an AS_SET that contains it.
    pub(super) fn matches(&self, path: &[Hop]) -> bool {
        let found = match (self.at_start, self.at_end) {
            (true, true) => path.len() == self.hops.len() && self.agrees(path),
            (true, false) => path
                .get(..self.hops.len())
                .is_some_and(|start| self.agrees(start)),
            (false, true) => {
                let start = path.len().checked_sub(self.hops.len());
                start.is_some_and(|start| self.agrees(&path[start..]))
            }
            (false, false) => path.windows(self.hops.len()).any(|window| self.agrees(window)),
        };
        found != self.is_inverted
    }

    /// An AS number that each path of this pattern contains, if there is one.
    pub(super) fn needed_as(&self) -> Option<u32> {
        if self.is_inverted {
            return None;
        }
        self.hops.iter().rev().find_map(|hop| match hop {
            Hop::As(asn) => Some(*asn),
            Hop::Set(members) => members.first().copied(),
        })
    }

    fn agrees(&self, path: &[Hop]) -> bool {
        self.hops
            .iter()
            .zip(path)
            .all(|(wanted, hop)| match (wanted, hop) {
                (Hop::As(wanted), Hop::Set(members)) => members.contains(wanted),
                _ => wanted == hop,
            })
    }
}

fn read_hops(text: &str) -> Result<Vec<Hop>, PathPatternError> {
    let mut hops = Vec::new();
    let mut rest = text;
    loop {
        let (hop, behind) = match rest.strip_prefix('[') {
            Some(set) => {
                let (members, behind) = set.split_once(']').ok_or(PathPatternError::NoNumber)?;
                let members: Result<Vec<_>, _> = members.split(',').map(read_number).collect();
                (Hop::set_of(members?), behind)
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (Hop::As(read_number(&rest[..end])?), &rest[end..])
            }
        };
        hops.push(hop);
        if hops.len() > MOST_NUMBERS {
            return Err(PathPatternError::TooLong);
        }
        rest = match behind.strip_prefix(',') {
            Some(next) => next,
            None if behind.is_empty() => return Ok(hops),
            None => return Err(PathPatternError::NoNumber),
        };
    }
}

fn read_number(text: &str) -> Result<u32, PathPatternError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(PathPatternError::Empty);
    }
    // `parse` accepts a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PathPatternError::NoNumber);
    }
    text.parse().map_err(|_| PathPatternError::NoNumber)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> Vec<Hop> {
        read_hops(text).unwrap()
    }

    #[test]
    fn a_pattern_finds_its_paths_and_no_others() {
        for (pattern, of, expected) in [
            ("789", "123,456,789", true),
            ("789", "123,456,7890", false),
            ("456,789", "123,456,789", true),
            ("123,789", "123,456,789", false),
            ("^123", "123,456,789", true),
            ("^456", "123,456,789", false),
            ("789$", "123,456,789", true),
            ("456$", "123,456,789", false),
            ("^123,456,789$", "123,456,789", true),
            ("^123,456$", "123,456,789", false),
            ("^123,456,789,1$", "123,456,789", false),
            ("!789$", "123,456,789", false),
            ("!6666$", "123,456,789", true),
            ("456,[10,20]$", "123,456,[20,10]", true),
            ("456,[10,21]$", "123,456,[20,10]", false),
            ("20$", "123,456,[20,10]", true),
            ("[456]", "123,456", false),
        ] {
            let parsed = PathPattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(&path(of)), expected, "{pattern} of {of}");
        }
    }

    #[test]
    fn a_path_without_hops_has_only_inverted_patterns() {
        assert!(!PathPattern::parse("1").unwrap().matches(&[]));
        assert!(PathPattern::parse("!1").unwrap().matches(&[]));
    }

    #[test]
    fn a_text_that_is_no_pattern_is_refused() {
        for text in ["", "^", "$", "!", "^$", ",", "1,", "[]"] {
            assert_eq!(PathPattern::parse(text), Err(PathPatternError::Empty), "{text}");
        }
        for text in [
            "a",
            "AS1",
            "1 2",
            "+1",
            "-1",
            "1.5",
            "4294967296",
            "[1",
            "1]",
            "[1]2",
            ".*1",
            "1$$",
        ] {
            assert_eq!(
                PathPattern::parse(text),
                Err(PathPatternError::NoNumber),
                "{text}"
            );
        }
        let long = vec!["1"; MOST_NUMBERS + 1].join(",");
        assert_eq!(PathPattern::parse(&long), Err(PathPatternError::TooLong));
        assert!(PathPattern::parse(&long[2..]).is_ok());
    }
}
