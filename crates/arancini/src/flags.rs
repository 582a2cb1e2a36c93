//! Flags of the command line that set a setting.

use clap::ValueEnum;

use arancini_collector::config::FlagValue;

/// The setting that a flag sets.
pub(crate) struct Flag {
    /// The section of the setting.
    pub(crate) section: &'static str,
    /// The name of the setting in its section.
    pub(crate) key: &'static str,
    /// The flag, with its dashes.
    pub(crate) name: &'static str,
}

impl Flag {
    /// Returns the setting with this value; `None` if the flag was not given.
    pub(crate) fn value(self, text: Option<String>) -> Option<FlagValue> {
        text.map(|text| FlagValue {
            section: self.section,
            key: self.key,
            text,
            flag: self.name,
        })
    }

    /// Returns the setting with the values of a flag that can be repeated; `None` if the flag was not given.
    pub(crate) fn list(self, items: &[String]) -> Option<FlagValue> {
        self.value((!items.is_empty()).then(|| items.join(",")))
    }
}

/// Names the setting that a flag sets.
pub(crate) const fn flag(section: &'static str, key: &'static str, name: &'static str) -> Flag {
    Flag { section, key, name }
}

/// Returns the word that selects this value on the command line.
pub(crate) fn word(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Reads an AS number, written as `64500` or `AS64500`.
pub(crate) fn as_number(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("AS").unwrap_or(text);
    let wrong = || "write a number from 0 to 4294967295, like 64500 or AS64500".to_owned();
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::as_number;

    #[test]
    fn an_as_number_is_written_with_as_or_without() {
        for (text, read) in [
            ("64500", Some(64_500)),
            ("AS64500", Some(64_500)),
            ("AS4294967295", Some(u32::MAX)),
        ] {
            assert_eq!(as_number(text).ok(), read, "{text}");
        }
        for text in ["", "AS", "ASAS1", "+1", "-1", "4294967296", "1.1", "as-set"] {
            assert!(as_number(text).is_err(), "{text}");
        }
    }
}
