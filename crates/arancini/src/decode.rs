//! `arancini decode`: decodes recordings with the core of the collector, without a network.

use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use arancini_core::BatchKind;
use arancini_rib::CurationMode;
use clap::Args;

use arancini_collector::offline::{Decoder, write_json};
use arancini_collector::replay::Recording;

use crate::exit::FAILED;
use crate::output::quiet_if_closed;

/// Decode recorded BMP streams: raw, `.zst` or pcap; also MRT files.
///
/// Prints every route event as one line of JSON. An MRT file is decoded as one session, with a Peer Up made for each peer. Nothing is suppressed unless --curate is given. Each stream is decoded as
/// one session: in a capture, the session of the sender; else of the address given with --router. If a stream can't be read
/// to its end, the reason is printed on standard error and the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  arancini decode capture.bmp | jq .prefix\n  \
    arancini decode --summary capture.bmp.zst\n  \
    bzcat rib.bz2 | arancini decode - | jq .asPath")]
pub struct DecodeArgs {
    /// Files with the recorded streams; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print only what the collector would publish, with unchanged routes suppressed.
    #[arg(long)]
    pub curate: bool,
    /// Print one JSON object with counts instead of the events.
    #[arg(long)]
    pub summary: bool,
    /// Also print events of peers and routers, statistics, and malformed messages.
    #[arg(long)]
    pub all: bool,
    /// Address of the router, for streams that do not contain it.
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub router: IpAddr,
}

/// Decodes the files.
#[must_use]
pub fn run(args: &DecodeArgs) -> ExitCode {
    match decode(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => quiet_if_closed(Err(error)).err().unwrap_or(ExitCode::SUCCESS),
    }
}

/// Decodes every file. Returns whether every stream was read to its end.
fn decode(args: &DecodeArgs) -> io::Result<bool> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut decoder = Decoder::new(if args.curate {
        CurationMode::Attributes
    } else {
        CurationMode::Off
    });
    let mut whole = true;
    for file in &args.files {
        let recordings = match Recording::read(file) {
            Ok(recordings) => recordings,
            Err(error) => {
                eprintln!("arancini: {error}");
                whole = false;
                continue;
            }
        };
        for recording in &recordings {
            for note in &recording.notes {
                eprintln!("arancini: {}: {note}", recording.name);
            }
            whole &= recording.is_whole;
            let router = recording.source.unwrap_or(args.router);
            let ended = decoder.decode(recording, router, |batch| {
                if args.summary || !(args.all || batch.kind == BatchKind::Updates) {
                    return Ok(());
                }
                write_json(batch, &mut out)
            })?;
            if let Some(reason) = ended {
                eprintln!("arancini: {}: {reason}", recording.name);
                whole = false;
            }
        }
    }
    if args.summary {
        writeln!(out, "{}", decoder.summary())?;
    }
    out.flush()?;
    Ok(whole)
}
