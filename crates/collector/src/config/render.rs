//! The table of settings as text: the effective values, a commented template, the documentation.

use std::fmt::Write as _;

use super::settings::{Config, SettingInfo, table};

/// The effective configuration as TOML, secrets masked. What is not set stands there as a comment.
#[must_use]
pub fn show(config: &Config) -> String {
    let mut text = String::new();
    for section in table() {
        open_section(&mut text, section.name);
        for setting in &section.settings {
            // Writing to a String can't fail.
            let _ = match config.shown(setting.section, setting.key) {
                Some(value) => writeln!(text, "{} = {value}", setting.key),
                None => writeln!(text, "# {} is not set", setting.key),
            };
        }
    }
    text
}

/// A file with every setting, its explanation, and its default commented out.
#[must_use]
pub fn template() -> String {
    let mut text = String::from(
        "# Arancini: every setting with its default. Made by `arancini config schema`.\n\
         # Later wins: defaults, this file, environment (ARANCINI_SECTION__KEY), flags.\n\n",
    );
    for section in table() {
        if !section.name.is_empty() {
            let _ = writeln!(text, "# {}", one_line(section.doc));
        }
        open_section(&mut text, section.name);
        for setting in &section.settings {
            let _ = writeln!(text, "# {}", one_line(setting.doc));
            let _ = writeln!(text, "# Expected: {}.", setting.expected);
            let default = setting.default.as_deref().unwrap_or("\"\"");
            let unset = if setting.default.is_none() {
                " # not set"
            } else {
                ""
            };
            let _ = writeln!(text, "# {} = {default}{unset}\n", setting.key);
        }
    }
    text
}

/// `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for section in table() {
        if section.name.is_empty() {
            let _ = writeln!(text, "\n## Top level\n\n{}", one_line(section.doc));
        } else {
            let _ = writeln!(text, "\n## `[{}]`\n\n{}", section.name, one_line(section.doc));
        }
        let _ = writeln!(text, "\n| setting | default | what it does |\n|---|---|---|");
        for setting in &section.settings {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} Expected: {}. |",
                setting.key,
                default_cell(setting),
                one_line(setting.doc),
                setting.expected.replace('|', "\\|"),
            );
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Configuration

Arancini runs without any configuration: it listens on `[::]:4000` and writes to `./arancini-data`.

Settings come from four layers; the later one wins:

1. the defaults below;
2. a TOML file, given with `--config FILE` or the variable `ARANCINI_CONFIG`;
3. the environment: `ARANCINI_SECTION__KEY`, two underscores between the section and the key, like
   `ARANCINI_NATS__URLS=nats://192.0.2.1:4222,nats://192.0.2.2:4222`. Lists have commas between their items, the
   table `routers.identity` is written `10.0.0.1=192.0.2.1,10.0.0.2=192.0.2.2`, and an empty variable counts as not set;
4. flags, see `arancini run --help`.

An unknown key in the file or an unknown `ARANCINI_` variable is an error that names the nearest known one.
Configuration errors end the program with exit code 2.

| command | does |
|---|---|
| `arancini config check FILE` | says what is wrong with a file |
| `arancini config show` | prints the effective settings, with secrets masked |
| `arancini config schema` | prints every setting as a commented TOML file, which is `packaging/arancini.example.toml` |

This page is made from the table in `crates/collector/src/config/settings.rs`; a test compares them. To write it anew:
`UPDATE_GOLDEN=1 cargo test -p arancini --test documentation`.
";

fn open_section(text: &mut String, name: &str) {
    if !name.is_empty() {
        if !text.is_empty() && !text.ends_with("\n\n") && !text.ends_with(".\n") {
            text.push('\n');
        }
        let _ = writeln!(text, "[{name}]");
    }
}

fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn default_cell(setting: &SettingInfo) -> String {
    setting
        .default
        .as_deref()
        .map_or_else(|| "not set".to_owned(), |default| format!("`{default}`"))
}
