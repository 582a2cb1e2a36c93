//! `arancini stream`: creates, checks and shows the JetStream stream.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use arancini_client::Trouble;
use arancini_publish::NatsSettings;
use arancini_publish::nats::stream::{self, Deviation, Severity, StreamReport};

use arancini_collector::config::{Config, FlagValue};

use crate::exit::{FAILED, fail};
use crate::flags::flag;
use crate::output::print_words;
use crate::runtime::block_on;
use crate::units::{counted, duration, size};

/// Create, check or show the JetStream stream that the collector publishes to.
///
/// The stream needs certain settings, such as limits retention and a duplicate window, so that nothing is lost or
/// published twice. `create` makes a stream with these settings, `check` compares an existing stream with them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini stream create --nats nats://192.0.2.1:4222\n  \
    arancini --config /etc/arancini/arancini.toml stream check"
)]
pub struct StreamArgs {
    /// The action.
    #[command(subcommand)]
    pub command: StreamCommand,
    /// URL of a NATS server; may be repeated.
    #[arg(long, global = true, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, global = true, value_name = "NAME")]
    pub stream: Option<String>,
}

/// The actions on the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum StreamCommand {
    /// Create the stream. An existing stream is not changed, only checked.
    #[command(after_help = "Example:\n  arancini stream create --nats nats://192.0.2.1:4222")]
    Create,
    /// Report each setting that differs from what the collector needs, with the reason and the command that fixes it. `fail`:
    /// the collector does not publish; `warn`: a promise is weaker; `note`: it only differs. Exit code 1 if any differs.
    #[command(after_help = "Example:\n  arancini --config /etc/arancini/arancini.toml stream check")]
    Check,
    /// Print the settings and the state of the stream.
    #[command(after_help = "Example:\n  arancini stream show --nats nats://192.0.2.1:4222 --stream ARANCINI")]
    Show,
}

impl StreamArgs {
    /// Returns the settings that the given flags set.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        [
            flag("publish", "sink", "arancini stream").value(Some("nats".to_owned())),
            flag("nats", "urls", "--nats").list(&self.nats),
            flag("nats", "stream", "--stream").value(self.stream.clone()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Runs the action.
#[must_use]
pub fn run(config: &Config, args: &StreamArgs) -> ExitCode {
    block_on(execute(&config.nats_settings(), args.command)).unwrap_or_else(fail)
}

async fn execute(settings: &NatsSettings, command: StreamCommand) -> Result<ExitCode, Trouble> {
    match command {
        StreamCommand::Create => {
            // If the server can't be reached, `create` says so.
            let existed = stream::show(settings).await.is_ok();
            let report = stream::create(settings).await?;
            let deviations = stream::check(settings).await?;
            let outcome = if existed {
                "exists already, not changed"
            } else {
                "created"
            };
            print_words(format_args!("{}: {outcome}", report.name));
            Ok(list(&deviations))
        }
        StreamCommand::Check => {
            let deviations = stream::check(settings).await?;
            if deviations.is_empty() {
                print_words(format_args!("{}: ok", settings.stream.name));
            }
            Ok(list(&deviations))
        }
        StreamCommand::Show => {
            print_report(&stream::show(settings).await?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints each deviation. Returns a failure if there is any.
fn list(deviations: &[Deviation]) -> ExitCode {
    for deviation in deviations {
        let Deviation {
            setting,
            found,
            wanted,
            severity,
            reason,
            remedy,
        } = deviation;
        let severity = match severity {
            Severity::Refused => "fail",
            Severity::Warned => "warn",
            Severity::Listed => "note",
        };
        print_words(format_args!(
            "{severity}: {setting} is {found}, but should be {wanted}: {reason}; {remedy}"
        ));
    }
    if deviations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

/// The sequences of the stored messages.
fn sequences(report: &StreamReport) -> String {
    if report.messages == 0 {
        return format!("none; the next is {}", report.last_sequence + 1);
    }
    format!("{} to {}", report.first_sequence, report.last_sequence)
}

fn print_report(report: &StreamReport) {
    let limit = |limit: i64, words: fn(u64) -> String| match u64::try_from(limit) {
        Ok(limit) if limit > 0 => words(limit),
        _ => "none".to_owned(),
    };
    let messages = |count| counted(count, "message");
    let rows = [
        ("stream", report.name.clone()),
        ("subjects", report.subjects.join(", ")),
        ("storage", report.storage.to_owned()),
        ("retention", report.retention.to_owned()),
        ("discard", report.discard.to_owned()),
        ("replicas", report.replicas.to_string()),
        ("size limit", limit(report.max_bytes, size)),
        ("per subject", limit(report.max_messages_per_subject, messages)),
        ("message size", limit(report.max_message_bytes, size)),
        ("age limit", limit(report.max_age_seconds.cast_signed(), duration)),
        ("duplicate window", duration(report.duplicate_window_seconds)),
        ("messages", report.messages.to_string()),
        ("size", size(report.bytes)),
        ("sequences", sequences(report)),
        ("distinct subjects", report.subject_count.to_string()),
        ("consumers", report.consumers.to_string()),
    ];
    for (name, value) in rows {
        print_words(format_args!("{name:<18}{value}"));
    }
}
