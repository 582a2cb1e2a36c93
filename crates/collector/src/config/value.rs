//! Reads the value of a setting from a file, the environment or a flag, and writes it as TOML.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use toml::de::DeValue;

use super::types::{
    AttributesKind, BackendKind, ClientsMay, CompressionKind, CurationKind, DriverKind, FormatKind,
    IdentifyBy, IdentityKind, IpPrefix, LogFormat, OnFull, SameIdentity, Secret, SinkKind, StoreKind,
};

/// A value as one layer gave it, before it is matched to a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text from the environment or a flag. Any type can be parsed from it; a list is separated by commas.
    Raw(String),
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i128),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array.
    List(Vec<Value>),
    /// A TOML table.
    Table(Vec<(String, Value)>),
    /// A TOML type that no setting has.
    Other,
}

impl Value {
    /// Converts a parsed TOML value and drops its position in the file.
    pub(crate) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) => {
                i128::from_str_radix(number.as_str(), number.radix()).map_or(Self::Other, Self::Integer)
            }
            DeValue::Boolean(flag) => Self::Boolean(*flag),
            DeValue::Array(items) => {
                Self::List(items.iter().map(|item| Self::from_toml(item.get_ref())).collect())
            }
            DeValue::Table(entries) => Self::Table(
                entries
                    .iter()
                    .map(|(key, value)| (key.get_ref().to_string(), Self::from_toml(value.get_ref())))
                    .collect(),
            ),
            DeValue::Float(_) | DeValue::Datetime(_) => Self::Other,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Raw(text) | Self::Text(text) => Some(text.trim()),
            _ => None,
        }
    }
}

/// A type that a setting can have.
pub(crate) trait SettingValue: Sized {
    /// Describes the accepted values; completes the sentence "expected …".
    fn expected() -> String;
    /// Parses the value; `None` if the type does not accept it.
    fn read(value: &Value) -> Option<Self>;
    /// Writes the value as TOML; `None` if it is not set.
    fn write(&self) -> Option<String>;
    /// Writes the value as TOML with every secret replaced by `***`.
    fn write_masked(&self) -> Option<String> {
        self.write()
    }
}

/// Writes the text as a TOML basic string.
pub(crate) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

macro_rules! whole_numbers {
    ($($number:ty),*) => { $(
        impl SettingValue for $number {
            fn expected() -> String {
                if <$number>::BITS < 64 {
                    format!("a whole number from 0 to {}", <$number>::MAX)
                } else {
                    "a whole number, 0 or more".to_owned()
                }
            }
            fn read(value: &Value) -> Option<Self> {
                match value {
                    Value::Integer(number) => <$number>::try_from(*number).ok(),
                    Value::Raw(text) => text.trim().replace('_', "").parse().ok(),
                    _ => None,
                }
            }
            fn write(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )* };
}
whole_numbers!(u16, u32, u64, usize);

impl SettingValue for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(flag) => Some(*flag),
            Value::Raw(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Implements [`SettingValue`] for types that are written as one TOML string.
macro_rules! texts {
    ($($text:ty: $expected:literal;)*) => { $(
        impl SettingValue for $text {
            fn expected() -> String {
                $expected.to_owned()
            }
            fn read(value: &Value) -> Option<Self> {
                value.text().filter(|text| !text.is_empty()).and_then(|text| text.parse().ok())
            }
            fn write(&self) -> Option<String> {
                Some(quote(&self.to_string()))
            }
        }
    )* };
}
texts! {
    IpAddr: "an IP address in quotes, like \"192.0.2.1\"";
    SocketAddr: "an address with a port in quotes, like \"127.0.0.1:8080\" or \"[::]:4000\"";
    IpPrefix: "an IP prefix in quotes, like \"192.0.2.0/24\"";
}

impl SettingValue for String {
    fn expected() -> String {
        "text in quotes".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        value.text().filter(|text| !text.is_empty()).map(str::to_owned)
    }
    fn write(&self) -> Option<String> {
        Some(quote(self))
    }
    /// Masks the credentials of a URL, which may contain `user:password@`.
    fn write_masked(&self) -> Option<String> {
        Some(quote(&super::types::mask_url(self)))
    }
}

impl SettingValue for PathBuf {
    fn expected() -> String {
        "a path in quotes".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        String::read(value).map(Self::from)
    }
    fn write(&self) -> Option<String> {
        Some(quote(&self.to_string_lossy()))
    }
}

impl SettingValue for Secret {
    fn expected() -> String {
        "text in quotes".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        String::read(value).map(Self::new)
    }
    fn write(&self) -> Option<String> {
        self.write_masked()
    }
    fn write_masked(&self) -> Option<String> {
        Some(quote("***"))
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    fn expected() -> String {
        T::expected()
    }
    fn read(value: &Value) -> Option<Self> {
        T::read(value).map(Some)
    }
    fn write(&self) -> Option<String> {
        self.as_ref().and_then(T::write)
    }
    fn write_masked(&self) -> Option<String> {
        self.as_ref().and_then(T::write_masked)
    }
}

/// A list. A single value may be written without brackets; [`Value::Raw`] text is split at its commas.
impl<T: SettingValue> SettingValue for Vec<T> {
    fn expected() -> String {
        format!("{}, or a list of them", T::expected())
    }
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::List(items) => items.iter().map(T::read).collect(),
            Value::Raw(text) => text
                .split(',')
                .filter(|item| !item.trim().is_empty())
                .map(|item| T::read(&Value::Raw(item.trim().to_owned())))
                .collect(),
            one => T::read(one).map(|item| vec![item]),
        }
    }
    fn write(&self) -> Option<String> {
        let items: Vec<_> = self.iter().filter_map(T::write).collect();
        Some(format!("[{}]", items.join(", ")))
    }
    fn write_masked(&self) -> Option<String> {
        let items: Vec<_> = self.iter().filter_map(T::write_masked).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

/// One word, or a table with a word for each listener.
impl SettingValue for IdentifyBy {
    fn expected() -> String {
        format!(
            "{}, or a table of addresses to listen on, like {{ \"[::]:4001\" = \"proxy\" }}",
            IdentityKind::expected()
        )
    }
    fn read(value: &Value) -> Option<Self> {
        let by_listener = match value {
            Value::Table(entries) => entries
                .iter()
                .map(|(listener, kind)| Some((listener.parse().ok()?, IdentityKind::read(kind)?)))
                .collect::<Option<_>>()?,
            Value::Raw(text) if text.contains('=') => text
                .split(',')
                .filter(|entry| !entry.trim().is_empty())
                .map(|entry| {
                    let (listener, kind) = entry.split_once('=')?;
                    let kind = IdentityKind::read(&Value::Raw(kind.to_owned()))?;
                    Some((listener.trim().parse().ok()?, kind))
                })
                .collect::<Option<_>>()?,
            word => return IdentityKind::read(word).map(Self::Everywhere),
        };
        Some(Self::ByListener(by_listener))
    }
    fn write(&self) -> Option<String> {
        let kinds = match self {
            Self::Everywhere(kind) => return kind.write(),
            Self::ByListener(kinds) => kinds,
        };
        let entries: Vec<_> = kinds
            .iter()
            .filter_map(|(listener, kind)| {
                Some(format!("{} = {}", quote(&listener.to_string()), kind.write()?))
            })
            .collect();
        Some(format!("{{ {} }}", entries.join(", ")))
    }
}

/// Implements [`SettingValue`] for enums. The words are the ones that `clap` accepts for the flags.
macro_rules! words {
    ($($kind:ty),*) => { $(
        impl SettingValue for $kind {
            fn expected() -> String {
                let words: Vec<_> = <$kind>::value_variants()
                    .iter()
                    .filter_map(|word| word.to_possible_value())
                    .map(|word| quote(word.get_name()))
                    .collect();
                match words.as_slice() {
                    [one] => format!("{one}, the only choice so far"),
                    _ => format!("one of {}", words.join(", ")),
                }
            }
            fn read(value: &Value) -> Option<Self> {
                value.text().and_then(|text| <$kind as ValueEnum>::from_str(text, false).ok())
            }
            fn write(&self) -> Option<String> {
                self.to_possible_value().map(|word| quote(word.get_name()))
            }
        }
    )* };
}
words!(
    BackendKind,
    DriverKind,
    IdentityKind,
    SameIdentity,
    CurationKind,
    AttributesKind,
    ClientsMay,
    SinkKind,
    OnFull,
    FormatKind,
    CompressionKind,
    StoreKind,
    LogFormat
);
