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
