//! `arancini package-files`: writes what a package installs beside the program. Hidden in --help, because only `scripts/package`
//! and people who build packages use it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use arancini_collector::config;
use arancini_collector::doctor::sysctl;

use crate::exit::fail;

/// The shells with completions.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Write the files that a package installs beside the program: man pages, completions, configuration, kernel settings.
///
/// Writes man/*.1, completions/, arancini.toml with every setting commented out, and 60-arancini.conf for /etc/sysctl.d. Existing
/// files are replaced.
#[derive(Debug, Args)]
#[command(hide = true, after_help = "Example:\n  arancini package-files target/package")]
pub struct PackageFilesArgs {
    /// The directory to write to. It is created if it does not exist.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// Writes the files for this command line.
#[must_use]
pub fn run(args: &PackageFilesArgs, all: Command) -> ExitCode {
    match write(&args.directory, all) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!(
            "can't write to {}: {error}",
            args.directory.display()
        )),
    }
}

/// Returns the command line without its hidden commands, which clap_complete would offer.
fn visible_commands(all: &Command) -> Command {
    let visible = all.get_subcommands().filter(|command| !command.is_hide_set());
    Command::new("arancini")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .args(all.get_arguments().cloned())
        .subcommands(visible.cloned())
}

fn write(directory: &Path, all: Command) -> io::Result<()> {
    let man = directory.join("man");
    let completions = directory.join("completions");
    std::fs::create_dir_all(&man)?;
    std::fs::create_dir_all(&completions)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut visible_commands(&all), "arancini", &completions)?;
    }
    clap_mangen::generate_to(all, &man)?;
    std::fs::write(directory.join("arancini.toml"), config::template())?;
    std::fs::write(directory.join("60-arancini.conf"), sysctl::file())
}
