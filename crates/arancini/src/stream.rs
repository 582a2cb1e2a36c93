//! `arancini stream`: the JetStream stream with the right settings.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use arancini_publish::nats::stream::{self, Deviation, StreamReport};
use arancini_publish::{NatsSettings, Trouble};

use super::{FAILED, flag, list_flag};
use arancini_collector::config::{Config, FlagValue};

/// Create, check or show the JetStream stream that the collector publishes to.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini stream create --nats nats://192.0.2.1:4222\n  \
    arancini --config /etc/arancini.toml stream check"
)]
pub struct StreamArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StreamCommand,
    /// URL of a NATS server; may be repeated.
    #[arg(long, global = true, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, global = true, value_name = "NAME")]
    pub stream: Option<String>,
}

/// What can be done with the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum StreamCommand {
    /// Create the stream; one that is there is left as it is and checked.
    #[command(after_help = "Example:\n  arancini stream create --nats nats://192.0.2.1:4222")]
    Create,
    /// List each setting that is not as it should be, and how to mend it. Exit code 1 if there is one.
    #[command(after_help = "Example:\n  arancini --config /etc/arancini.toml stream check")]
    Check,
    /// Print the settings and state of the stream.
    #[command(after_help = "Example:\n  arancini stream show --nats nats://192.0.2.1:4222 --stream ARANCINI")]
    Show,
}

impl StreamArgs {
    /// The flags as settings.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        [
            flag("publish", "sink", "arancini stream", Some("nats".to_owned())),
            list_flag("nats", "urls", "--nats", &self.nats),
            flag("nats", "stream", "--stream", self.stream.clone()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Does it.
#[must_use]
pub fn run(config: &Config, args: &StreamArgs) -> ExitCode {
    match super::block_on(execute(&config.nats_settings(), args.command)) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::from(FAILED)
        }
    }
}

async fn execute(settings: &NatsSettings, command: StreamCommand) -> Result<ExitCode, Trouble> {
    match command {
        StreamCommand::Create => {
            let report = stream::create(settings).await?;
            let deviations = stream::check(settings).await?;
            println!("{}: there", report.name);
            Ok(list(&deviations))
        }
        StreamCommand::Check => {
            let deviations = stream::check(settings).await?;
            if deviations.is_empty() {
                println!("{}: ok", settings.stream.name);
            }
            Ok(list(&deviations))
        }
        StreamCommand::Show => {
            print_report(&stream::show(settings).await?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints what deviates; a failure if anything does.
fn list(deviations: &[Deviation]) -> ExitCode {
    for deviation in deviations {
        let Deviation {
            setting,
            found,
            wanted,
            serious,
            remedy,
        } = deviation;
        let weight = if *serious { "fail" } else { "warn" };
        println!("{weight}: {setting} is {found}, should be {wanted}; {remedy}");
    }
    if deviations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn print_report(report: &StreamReport) {
    let limit = |limit: i64, unit: &str| {
        if limit > 0 {
            format!("{limit} {unit}")
        } else {
            "none".to_owned()
        }
    };
    let rows = [
        ("stream", report.name.clone()),
        ("subjects", report.subjects.join(", ")),
        ("storage", report.storage.to_owned()),
        ("retention", report.retention.to_owned()),
        ("discard", report.discard.to_owned()),
        ("replicas", report.replicas.to_string()),
        ("size limit", limit(report.max_bytes, "bytes")),
        ("age limit", limit(report.max_age_seconds.cast_signed(), "s")),
        (
            "duplicate window",
            format!("{} s", report.duplicate_window_seconds),
        ),
        ("messages", report.messages.to_string()),
        ("bytes", report.bytes.to_string()),
        (
            "sequences",
            format!("{} to {}", report.first_sequence, report.last_sequence),
        ),
        ("distinct subjects", report.subject_count.to_string()),
        ("consumers", report.consumers.to_string()),
    ];
    for (name, value) in rows {
        println!("{name:<18}{value}");
    }
}
