//! `arancini stream`: the JetStream stream with the right settings.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{flag, list_flag};
use crate::config::{Config, FlagValue};

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
    /// Create the stream; nothing is changed if it is there.
    Create,
    /// List each setting that is not as it should be, and how to mend it. Exit code 1 if there is one.
    Check,
    /// Print the settings and state of the stream.
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
pub fn run(_config: &Config, _args: &StreamArgs) -> ExitCode {
    eprintln!("streams are not in this build yet");
    ExitCode::from(super::FAILED)
}
