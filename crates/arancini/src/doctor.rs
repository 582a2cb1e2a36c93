//! `arancini doctor`: checks whether this host suits the collector, and names the command that fixes each problem.

use std::process::ExitCode;

use clap::Args;

use arancini_collector::config::Config;
use arancini_collector::doctor::{Host, Level, OpenSecret, examine, open_secrets, sysctl};

use crate::exit::FAILED;
use crate::output::{print_command, print_line, print_text, print_words};

/// Check this host: io_uring, limits, cores, network cards, kernel settings.
///
/// Prints ok, warn or fail for each check, with the command that fixes the problem. Changes nothing. `fail` means that this
/// host can't run the collector as it is configured; the exit code is 1 then. `warn` means that the collector works, but
/// slower or with load spread less evenly. The limits are those of the process that runs the check, so run it like the
/// collector: as the same user, in the same service or container.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini doctor\n  arancini --config /etc/arancini/arancini.toml doctor --json | jq .rows\n  \
    arancini doctor --print-sysctl | sudo tee /etc/sysctl.d/60-arancini.conf && sudo sysctl --system"
)]
pub struct DoctorArgs {
    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Print the file of recommended kernel settings for /etc/sysctl.d, and check nothing.
    #[arg(long, conflicts_with = "json")]
    pub print_sysctl: bool,
}

/// Before the command of a row.
const FIX: &str = "fix:";

/// Prints the file of recommended kernel settings.
#[must_use]
pub fn print_sysctl() -> ExitCode {
    print_text(sysctl::file());
    ExitCode::SUCCESS
}

/// Checks this host and prints the result.
#[must_use]
pub fn run(config: &Config, args: &DoctorArgs) -> ExitCode {
    let report = examine(&Host::default(), config);
    if args.json {
        print_line(format_args!("{:#}", report.json()));
    } else {
        for line in report.to_string().lines() {
            if line.trim_start().starts_with(FIX) {
                print_command(line);
            } else {
                print_words(line);
            }
        }
        if sysctl::WANTED.iter().any(|setting| {
            report
                .rows
                .iter()
                .any(|row| row.check == setting.name && row.level != Level::Ok)
        }) {
            print_words("to install all recommended kernel settings permanently:");
            print_command(
                "      arancini doctor --print-sysctl | sudo tee /etc/sysctl.d/60-arancini.conf && sudo sysctl --system",
            );
        }
    }
    if report.fails() {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// Logs which checks fail on this host, and which secrets everybody can read. Called once before the collector starts.
pub fn warn_of_failures(config: &Config) {
    let report = examine(&Host::default(), config);
    let failed: Vec<&str> = report.of(Level::Fail).map(|row| row.check.as_str()).collect();
    if !failed.is_empty() {
        tracing::warn!(
            failed = failed.len(),
            checks = %failed.join(", "),
            "this host can't run the collector as configured; run `arancini doctor` for the remedies"
        );
    }
    for OpenSecret { setting, file } in open_secrets(config) {
        tracing::warn!(
            setting,
            file = %file.display(),
            "every user of this host can read a file with a secret; run `chmod o-rwx` on it"
        );
    }
}
