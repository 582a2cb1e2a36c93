//! `arancini doctor`: what the host gives the collector, and what mends what is missing.

use std::process::ExitCode;

use clap::Args;

use arancini_collector::config::Config;
use arancini_collector::doctor::{Host, Level, examine, sysctl};

/// Check this host: io_uring, limits, cores, network cards, kernel settings.
///
/// Says ok, warn or fail for each, with the command that mends it, and changes nothing. Fail: the configuration can't be
/// kept on this host; the exit code is 1 then. Warn: it works, only slower or less evenly. Limits are those of this
/// process, so run it as the collector is run: same user, same service, same container.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini doctor\n  arancini --config /etc/arancini.toml doctor --json | jq .rows\n  \
    arancini doctor --print-sysctl | sudo tee /etc/sysctl.d/99-arancini.conf && sudo sysctl --system"
)]
pub struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print the file of kernel settings to install, and look at nothing.
    #[arg(long, conflicts_with = "json")]
    pub print_sysctl: bool,
}

/// Prints the file to install.
#[must_use]
pub fn print_sysctl() -> ExitCode {
    print!("{}", sysctl::file());
    ExitCode::SUCCESS
}

/// Examines this host.
#[must_use]
pub fn run(config: &Config, args: &DoctorArgs) -> ExitCode {
    let report = examine(&Host::default(), config);
    if args.json {
        println!("{:#}", report.json());
    } else {
        println!("{report}");
        if sysctl::WANTED.iter().any(|setting| {
            report
                .rows
                .iter()
                .any(|row| row.check == setting.name && row.level != Level::Ok)
        }) {
            println!(
                "all kernel settings, for good: arancini doctor --print-sysctl | \
                 sudo tee /etc/sysctl.d/99-arancini.conf && sudo sysctl --system"
            );
        }
    }
    if report.fails() {
        ExitCode::from(super::FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// Says once what fails here, before the collector starts.
pub fn warn_of_failures(config: &Config) {
    let report = examine(&Host::default(), config);
    let failed: Vec<&str> = report.of(Level::Fail).map(|row| row.check.as_str()).collect();
    if !failed.is_empty() {
        tracing::warn!(
            failed = failed.len(),
            checks = %failed.join(", "),
            "this host can't keep the configuration; `arancini doctor` says what mends it"
        );
    }
}
