//! `arancini decode`: the same core, offline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// Decode recorded BMP streams: raw, `.zst` or pcap.
///
/// Prints every route event as JSON Lines, without curation unless --curate is given.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  arancini decode capture.bmp | jq .prefixAddr\n  \
    arancini decode --summary capture.bmp.zst")]
pub struct DecodeArgs {
    /// The streams; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Curate as the collector does: print only what it would publish.
    #[arg(long)]
    pub curate: bool,
    /// Print one JSON object of counts instead.
    #[arg(long)]
    pub summary: bool,
}

/// Decodes the files.
#[must_use]
pub fn run(_args: &DecodeArgs) -> ExitCode {
    eprintln!("decoding is not in this build yet");
    ExitCode::from(super::FAILED)
}
