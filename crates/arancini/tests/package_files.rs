//! `arancini package-files`: what a package installs beside the program.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory;

fn written() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_arancini"))
        .arg("package-files")
        .arg(directory.path())
        .status()
        .unwrap();
    assert!(status.success());
    directory
}

/// The names of the man pages of a command and of its visible subcommands.
fn pages_of(command: &clap::Command, name: &str, pages: &mut BTreeSet<String>) {
    pages.insert(format!("{name}.1"));
    let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
    for subcommand in visible.filter(|command| command.get_name() != "help") {
        pages_of(subcommand, &format!("{name}-{}", subcommand.get_name()), pages);
    }
}

#[test]
fn each_command_has_a_man_page() {
    let directory = written();
    let found: BTreeSet<String> = std::fs::read_dir(directory.path().join("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains("-help"))
        .collect();
    let mut expected = BTreeSet::new();
    pages_of(&arancini::Cli::command(), "arancini", &mut expected);
    assert_eq!(found, expected);
    let page = std::fs::read_to_string(directory.path().join("man/arancini-run.1")).unwrap();
    for text in ["\\-\\-listen", "SIGTERM", "arancini run"] {
        assert!(page.contains(text), "{text} is not in\n{page}");
    }
}

#[test]
fn the_man_pages_are_without_faults() {
    let directory = written();
    let page = directory.path().join("man/arancini-tail.1");
    let command = Command::new("man")
        .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
        .arg(page)
        .output();
    match command {
        Ok(said) if said.status.success() => {
            assert_eq!(String::from_utf8_lossy(&said.stderr), "");
        }
        _ => println!("skipped: no man with groff"),
    }
}

#[test]
fn the_completions_are_shell_code_and_know_the_commands() {
    let directory = written();
    let completions = directory.path().join("completions");
    for name in ["arancini.bash", "_arancini", "arancini.fish"] {
        let text = std::fs::read_to_string(completions.join(name)).unwrap();
        assert!(text.contains("snapshot") && text.contains("from-start"), "{name}");
        assert!(!text.contains("package-files"), "{name} has the hidden command");
    }
    let checked = Command::new("bash")
        .arg("-n")
        .arg(completions.join("arancini.bash"))
        .status()
        .unwrap();
    assert!(checked.success());
}

#[test]
fn configuration_and_kernel_settings_are_those_in_packaging() {
    let directory = written();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    for (written, kept) in [
        ("arancini.toml", "arancini.example.toml"),
        ("60-arancini.conf", "60-arancini.conf"),
    ] {
        let written = std::fs::read_to_string(directory.path().join(written)).unwrap();
        let kept = std::fs::read_to_string(packaging.join(kept)).unwrap();
        assert!(written == kept);
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let said = Command::new(env!("CARGO_BIN_EXE_arancini"))
        .args(["package-files", "/dev/null/files"])
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("can't write to /dev/null/files: "));
}
