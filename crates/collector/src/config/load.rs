//! Loads the layers: defaults, file, environment, flags. Remembers for each value where it was given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigErrors, Place};
use super::listen_default::{default_address, has_ipv6};
use super::nearest::nearest;
use super::settings::{Config, Refused, table};
use super::validate::{UsedBy, validate};
use super::value::Value;

/// Prefix of the environment variables that set a setting.
const VARIABLE_PREFIX: &str = "ARANCINI_";

/// Variables with the prefix that are not settings: the path of the configuration file, and variables of the tests.
const OTHER_VARIABLES: [&str; 6] = [
    "ARANCINI_BIN",
    "ARANCINI_CONFIG",
    "ARANCINI_CORPUS",
    "ARANCINI_JUDGE",
    "ARANCINI_NATS_SERVER",
    "ARANCINI_PYTHON",
];

/// systemd sets this variable for a unit with `StateDirectory=`.
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
/// The default of `file.data_dir` within the state directory of a service.
const DATA_DIRECTORY: &str = "data";
/// systemd sets this variable for a unit with `ConfigurationDirectory=`.
const CONFIGURATION_DIRECTORY: &str = "CONFIGURATION_DIRECTORY";
/// The name of the configuration file of a service.
const SERVICE_FILE: &str = "arancini.toml";

/// A setting given by a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagValue {
    /// The section of the setting.
    pub section: &'static str,
    /// The name of the setting in its section.
    pub key: &'static str,
    /// The value as text.
    pub text: String,
    /// The flag, with its dashes.
    pub flag: &'static str,
}

/// Loads all layers and validates the result, as a collector that starts with these settings. `environment` is normally [`std::env::vars`].
///
/// # Errors
/// Returns every problem found in any layer, or else every conflict between settings.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[FlagValue],
) -> Result<Config, ConfigErrors> {
    load_for(UsedBy::Collector, file, environment, flags)
}

/// As [`load`], for a command that asks a collector: it need not be allowed to read the collector's tokens and private key.
///
/// # Errors
/// As [`load`].
pub fn load_to_ask(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[FlagValue],
) -> Result<Config, ConfigErrors> {
    load_for(UsedBy::Asker, file, environment, flags)
}

fn load_for(
    used_by: UsedBy,
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[FlagValue],
) -> Result<Config, ConfigErrors> {
    let mut layers = Layers::default();
    if let Some(path) = file {
        layers.read_file(path);
    }
    let environment: Vec<(String, String)> = environment.into_iter().collect();
    let state_directory = environment
        .iter()
        .find(|(name, _)| name == STATE_DIRECTORY)
        .and_then(|(_, directories)| first_directory(directories));
    layers.read_environment(environment);
    for FlagValue {
        section,
        key,
        text,
        flag,
    } in flags
    {
        layers.set(section, key, &Value::Raw(text.clone()), Place::Flag(flag));
    }
    let Layers {
        mut config,
        places,
        mut errors,
    } = layers;
    if !places.contains_key("listen.address") {
        config.listen.address = vec![default_address(has_ipv6())];
    }
    if let Some(state) = state_directory
        && !places.contains_key("file.data_dir")
    {
        config.file.data_dir = state.join(DATA_DIRECTORY);
    }
    if !places.contains_key("nats.duplicate_window_s") && config.nats.max_age_s > 0 {
        config.nats.duplicate_window_s = config.nats.duplicate_window_s.min(config.nats.max_age_s);
    }
    if errors.is_empty() {
        errors = validate(&config, &places, used_by);
    }
    if errors.is_empty() {
        Ok(config)
    } else {
        Err(ConfigErrors(errors))
    }
}

/// Returns the configuration file of a service: `arancini.toml` in the directory that systemd names for a unit with
/// `ConfigurationDirectory=`. `None` if there is no such directory or file. A file that can't be looked at counts as present, so
/// that [`load`] reports why.
#[must_use]
pub fn service_file(environment: impl IntoIterator<Item = (String, String)>) -> Option<PathBuf> {
    let (_, directories) = environment
        .into_iter()
        .find(|(name, _)| name == CONFIGURATION_DIRECTORY)?;
    let file = first_directory(&directories)?.join(SERVICE_FILE);
    file.try_exists().unwrap_or(true).then_some(file)
}

/// Returns the first of the directories that systemd lists in a variable, separated by colons.
fn first_directory(directories: &str) -> Option<PathBuf> {
    let first = directories.split(':').next().filter(|first| !first.is_empty());
    first.map(PathBuf::from)
}

#[derive(Default)]
struct Layers {
    config: Config,
    /// The place where each setting (`section.key`) was given last.
    places: BTreeMap<String, Place>,
    errors: Vec<ConfigError>,
}

impl Layers {
    fn read_file(&mut self, path: &Path) {
        let whole_file = Place::File {
            path: path.to_owned(),
            line: 0,
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.error(
                    whole_file,
                    "",
                    format!("the file can't be read: {error}"),
                    "check the path given with --config and the permissions of the file".to_owned(),
                );
                return;
            }
        };
        let place = |offset: usize| Place::File {
            path: path.to_owned(),
            line: line_of(&text, offset),
        };
        let document = match DeTable::parse(&text) {
            Ok(document) => document,
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let problem = format!("this is not TOML: {}", error.message().trim().replace('\n', ", "));
                self.error(
                    place(offset),
                    "",
                    problem,
                    "correct the line; https://toml.io describes the syntax".to_owned(),
                );
                return;
            }
        };
        for (name, value) in document.get_ref().iter() {
            let name_place = place(name.span().start);
            match value.get_ref() {
                DeValue::Table(entries) if is_section(name.get_ref()) => {
                    for (key, value) in entries.iter() {
                        let value = Value::from_toml(value.get_ref());
                        self.set(name.get_ref(), key.get_ref(), &value, place(key.span().start));
                    }
                }
                DeValue::Table(_) => self.unknown_section(name.get_ref(), name_place),
                other if is_section(name.get_ref()) => {
                    let problem = format!("this is a section, but {} was given", article(other.type_str()));
                    let remedy = format!("write [{}] and its settings below", name.get_ref());
                    self.error(name_place, name.get_ref(), problem, remedy);
                }
                other => self.set("", name.get_ref(), &Value::from_toml(other), name_place),
            }
        }
    }

    fn read_environment(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        let known: BTreeMap<String, (&'static str, &'static str)> = table()
            .iter()
            .flat_map(|section| &section.settings)
            .map(|setting| (setting.variable(), (setting.section, setting.key)))
            .collect();
        let mut given: Vec<_> = environment
            .into_iter()
            .filter(|(name, text)| {
                // An empty variable counts as not set, because container files can't leave out a variable they declare.
                name.starts_with(VARIABLE_PREFIX)
                    && !OTHER_VARIABLES.contains(&name.as_str())
                    && !text.is_empty()
            })
            .collect();
        given.sort();
        for (name, text) in given {
            let place = Place::Variable(name.clone());
            if let Some((section, key)) = known.get(&name) {
                self.set(section, key, &Value::Raw(text), place);
            } else {
                let remedy = did_you_mean(nearest(&name, known.keys().map(String::as_str)));
                self.error(place, "", "no setting has this variable".to_owned(), remedy);
            }
        }
    }

    fn set(&mut self, section: &str, key: &str, value: &Value, place: Place) {
        let path = if section.is_empty() {
            key.to_owned()
        } else {
            format!("{section}.{key}")
        };
        match self.config.set(section, key, value) {
            Ok(()) => {
                self.places.insert(path, place);
            }
            Err(Refused::Expected(expected)) => {
                let found = describe(&path, value);
                self.error(
                    place,
                    &path,
                    format!("{found} was given"),
                    format!("expected {expected}"),
                );
            }
            Err(Refused::Unknown) => {
                let sections = table();
                let all: Vec<_> = sections
                    .iter()
                    .flat_map(|section| &section.settings)
                    .map(|s| s.path())
                    .collect();
                let remedy = did_you_mean(nearest(&path, all.iter().map(String::as_str)));
                self.error(place, &path, "there is no such setting".to_owned(), remedy);
            }
        }
    }

    fn unknown_section(&mut self, name: &str, place: Place) {
        let sections = table();
        let known = sections
            .iter()
            .map(|section| section.name)
            .filter(|name| !name.is_empty());
        let remedy = match nearest(name, known) {
            Some(nearest) => format!("did you mean [{nearest}]? `arancini config schema` lists all"),
            None => "`arancini config schema` lists all".to_owned(),
        };
        self.error(place, name, "there is no such section".to_owned(), remedy);
    }

    fn error(&mut self, place: Place, key: &str, problem: String, remedy: String) {
        self.errors.push(ConfigError {
            place,
            key: key.to_owned(),
            problem,
            remedy,
        });
    }
}

fn is_section(name: &str) -> bool {
    table()
        .iter()
        .any(|section| !section.name.is_empty() && section.name == name)
}

/// Returns the number of the line that contains the byte at `offset`, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn did_you_mean(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest}? `arancini config schema` lists all"),
        None => "`arancini config schema` lists all".to_owned(),
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// Describes the given value in a few words. The value of a setting that may be secret is not repeated.
fn describe(path: &str, value: &Value) -> String {
    let secret = ["password", "token", "urls"]
        .iter()
        .any(|word| path.ends_with(word));
    match value {
        _ if secret => "something else".to_owned(),
        Value::Raw(text) | Value::Text(text) => super::value::quote(text),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| describe(path, item)).collect();
            format!("the list [{}]", items.join(", "))
        }
        Value::Table(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("{} = {}", super::value::quote(key), describe(path, value)))
                .collect();
            format!("the table {{ {} }}", entries.join(", "))
        }
        Value::Other => "a number with a fraction or a date".to_owned(),
    }
}
