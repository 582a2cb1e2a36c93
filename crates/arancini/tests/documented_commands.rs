//! The commands and settings that README, docs, packaging and the help texts name exist: each command line of the program is
//! parsed as the program parses it, each script is there, and each variable and setting is known.

#![allow(clippy::unwrap_used)]

mod pages;

use std::collections::BTreeSet;

use arancini_collector::config::table;
use clap::{CommandFactory, Parser};

use pages::{commands, pages, root};

/// Splits a line into its simple commands, each into words, as a shell does.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | ';' | '&') => {
                commands.last_mut().unwrap().extend(word.take());
                commands.push(Vec::new());
            }
            // The file of a redirection is a command of its own, which nobody looks at.
            (None, '<' | '>') => {
                commands.last_mut().unwrap().extend(word.take());
                commands.push(vec![character.to_string()]);
            }
            (None, ' ') => commands.last_mut().unwrap().extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    commands.last_mut().unwrap().extend(word);
    commands.retain(|command| !command.is_empty());
    commands
}

/// The arguments of a simple command, if it runs the program.
fn arguments(words: &[String]) -> Option<&[String]> {
    let is_prefix = |word: &String| word == "sudo" || word.contains('=') && !word.starts_with('-');
    let words = &words[words.iter().take_while(|word| is_prefix(word)).count()..];
    if let [cargo, run, release, dashes, rest @ ..] = words
        && [cargo, run, release, dashes] == ["cargo", "run", "--release", "--"]
    {
        return Some(rest);
    }
    let (program, rest) = words.split_first()?;
    let is_program = matches!(
        program.rsplit('/').next(),
        Some("arancini" | "arancini-old" | "$ARANCINI_BIN")
    );
    // A path that is written to, such as `docs/arancini`, has no program at its start.
    (is_program && !rest.is_empty() || program == "arancini").then_some(rest)
}

/// Parses the arguments of the program. Help and version are no errors.
fn is_understood(arguments: &[String]) -> Result<(), String> {
    let arguments = arguments.iter().filter(|word| *word != "…" && *word != "...");
    let words = std::iter::once("arancini").chain(arguments.map(String::as_str));
    match arancini::Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error) if !error.use_stderr() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn every_command_line_of_the_pages_is_understood() {
    let mut count = 0;
    let mut faults = Vec::new();
    for (page, text) in pages() {
        for said in commands(&page, &text) {
            for words in simple_commands(&said.text) {
                if let Some(arguments) = arguments(&words) {
                    count += 1;
                    if let Err(fault) = is_understood(arguments) {
                        faults.push(format!("{}: {}\n{fault}", said.place, said.text));
                    }
                }
                let script = words
                    .iter()
                    .find(|word| word.starts_with("scripts/") || word.starts_with("bench/"));
                if let Some(script) = script
                    && !root().join(script).exists()
                {
                    faults.push(format!("{}: {script} does not exist", said.place));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 40, "{count} command lines were found");
}

#[test]
fn every_command_has_an_example_in_its_help() {
    fn without(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string);
        if !help.is_some_and(|help| help.contains("  arancini ")) && !command.is_hide_set() {
            found.push(path.clone());
        }
        command
            .get_subcommands()
            .for_each(|command| without(command, &path, found));
    }
    let mut found = Vec::new();
    without(&arancini::Cli::command(), "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_example_of_the_help_texts_is_understood() {
    fn examples(command: &clap::Command, found: &mut Vec<String>) {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let lines = help.lines().map(str::trim);
        found.extend(
            lines
                .filter(|line| line.starts_with("arancini "))
                .map(str::to_owned),
        );
        command
            .get_subcommands()
            .for_each(|command| examples(command, found));
    }
    let mut found = Vec::new();
    examples(&arancini::Cli::command(), &mut found);
    assert!(found.len() > 30, "{found:#?}");
    for example in found {
        for words in simple_commands(&example) {
            if let Some(arguments) = arguments(&words) {
                is_understood(arguments).unwrap_or_else(|fault| panic!("{example}\n{fault}"));
            }
        }
    }
}

/// The words of a text that begin so, as far as they consist of these characters.
fn words_after<'t>(text: &'t str, beginning: &str, belongs: impl Fn(char) -> bool) -> Vec<&'t str> {
    let starts = text.match_indices(beginning).map(|(start, _)| start);
    let words = starts.map(|start| {
        let word = &text[start..];
        &word[..word.find(|character| !belongs(character)).unwrap_or(word.len())]
    });
    words.collect()
}

#[test]
fn every_variable_and_setting_that_is_named_exists() {
    let sections = table();
    let settings: BTreeSet<String> = sections
        .iter()
        .flat_map(|section| &section.settings)
        .map(|setting| setting.path())
        .collect();
    let variables: BTreeSet<String> = sections
        .iter()
        .flat_map(|section| &section.settings)
        .map(|setting| setting.variable())
        .collect();
    let mut texts = pages();
    for file in [
        "packaging/container/compose.yaml",
        "packaging/container/Dockerfile",
        "packaging/kubernetes/arancini.yaml",
        "packaging/secrets.conf",
        "packaging/arancini.service",
        "CHANGELOG.md",
    ] {
        texts.push((
            file.to_owned(),
            std::fs::read_to_string(root().join(file)).unwrap(),
        ));
    }
    let mut faults = Vec::new();
    for (page, text) in &texts {
        let capital = |character: char| character.is_ascii_uppercase() || character == '_';
        for variable in words_after(text, "ARANCINI_", capital) {
            let is_setting = variable.contains("__") && variable != "ARANCINI_SECTION__KEY";
            if is_setting && !variables.contains(variable) {
                faults.push(format!("{page}: no setting has the variable {variable}"));
            }
        }
        for section in sections.iter().filter(|section| !section.name.is_empty()) {
            let small =
                |character: char| character.is_ascii_lowercase() || "._0123456789".contains(character);
            for (start, _) in text.match_indices(&format!("`{}.", section.name)) {
                let setting = &text[start + 1..];
                let setting = &setting[..setting
                    .find(|character| !small(character))
                    .unwrap_or(setting.len())];
                let is_file = [".rs", ".md", ".js", ".py", ".toml", ".capnp"]
                    .iter()
                    .any(|end| setting.ends_with(end));
                if !is_file && !settings.contains(setting) {
                    faults.push(format!("{page}: there is no setting {setting}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
