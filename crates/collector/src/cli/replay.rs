//! `arancini replay`: send recorded BMP streams to a collector.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// Send recorded BMP streams (raw, `.zst` or pcap) to a collector.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini replay --to 127.0.0.1:4000 capture.bmp.zst\n  \
    arancini replay --to 127.0.0.1:4000 --from 127.0.0.2,127.0.0.3 --paced --speed 10 capture.pcap"
)]
pub struct ReplayArgs {
    /// The streams.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The collector.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4000")]
    pub to: std::net::SocketAddr,
}

/// Sends them.
#[must_use]
pub fn run(_args: &ReplayArgs) -> ExitCode {
    eprintln!("replay is not in this build yet");
    ExitCode::from(super::FAILED)
}
