//! `arancini tail`: follow what is published.

use std::process::ExitCode;

use clap::Args;

use super::{flag, list_flag};
use crate::config::{Config, FlagValue};

/// Follow a stream or a segment directory and print its updates.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini tail --nats nats://127.0.0.1:4222 --origin-as 64512\n  \
    arancini tail --data-dir arancini-data --json --from-start"
)]
pub struct TailArgs {
    /// URL of a NATS server; may be repeated.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Directory of segment files, instead of a stream.
    #[arg(long, value_name = "DIR", conflicts_with = "nats")]
    pub data_dir: Option<String>,
    /// Print JSON Lines instead of text.
    #[arg(long)]
    pub json: bool,
}

impl TailArgs {
    /// The flags as settings.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        [
            list_flag("nats", "urls", "--nats", &self.nats),
            flag("nats", "stream", "--stream", self.stream.clone()),
            flag("file", "data_dir", "--data-dir", self.data_dir.clone()),
            flag(
                "publish",
                "sink",
                "--data-dir",
                self.data_dir.as_ref().map(|_| "file".to_owned()),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Follows until Ctrl-C.
#[must_use]
pub fn run(_config: &Config, _args: &TailArgs) -> ExitCode {
    eprintln!("tail is not in this build yet");
    ExitCode::from(super::FAILED)
}
