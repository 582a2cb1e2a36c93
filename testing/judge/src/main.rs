//! `arancini-judge`: reads a published stream, and prints the tables that follow from it and the promises that it breaks.
#![forbid(unsafe_code)]

mod print;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use arancini_judge::attributes::Attributes;
use arancini_judge::source::{PublishedStream, SegmentDirectory};
use arancini_judge::{Judge, MapBook, Rule, Rules};
use clap::{ArgGroup, Parser};

/// Judges a published stream and prints the tables that follow from it
///
/// Prints one JSON object a line: {"route": …} for each route that consumers of the stream hold, {"finding": …} for some of
/// the promises that the stream breaks, and {"summary": …} with all counts. Exits 0 if the stream breaks no promise, 1 if it
/// breaks one, 2 if the stream can't be read.
#[derive(Debug, Parser)]
#[command(name = "arancini-judge", group = ArgGroup::new("source").required(true))]
struct Arguments {
    /// Read from this nats-server; may be repeated for a cluster
    #[arg(long, value_name = "URL", group = "source")]
    nats: Vec<String>,
    /// Read the segment files in this directory
    #[arg(long, value_name = "DIR", group = "source")]
    segments: Option<PathBuf>,
    /// Name of the stream
    #[arg(long, default_value = "ARANCINI")]
    stream: String,
    /// Base of the stream's subjects
    #[arg(long, default_value = "arancini")]
    base: String,
    /// Print no routes
    #[arg(long)]
    findings_only: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let judge = match judge(&arguments) {
        Ok(judge) => judge,
        Err(error) => {
            eprintln!("arancini-judge: {error}");
            return ExitCode::from(2);
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = print(&judge, &arguments, &mut out).and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("arancini-judge: the tables can't be printed: {error}");
            ExitCode::from(2)
        }
        _ if judge.findings.counts.sum() == 0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn judge(arguments: &Arguments) -> io::Result<Judge<MapBook<Attributes>>> {
    let book = MapBook::default();
    if let Some(directory) = &arguments.segments {
        let rules = Rules {
            barriers: Rule::Unknown,
            ..Rules::default()
        };
        let mut judge = Judge::new(book, rules);
        SegmentDirectory::new(directory).read(&mut judge)?;
        return Ok(judge);
    }
    let mut judge = Judge::new(book, Rules::default());
    PublishedStream::new(arguments.nats.clone(), &arguments.stream, &arguments.base)?.read(&mut judge)?;
    Ok(judge)
}

fn print(judge: &Judge<MapBook<Attributes>>, arguments: &Arguments, out: &mut impl Write) -> io::Result<()> {
    if !arguments.findings_only {
        for (route, held) in &judge.book.routes {
            writeln!(out, "{}", print::route(route, held))?;
        }
    }
    for finding in judge.findings.kept() {
        writeln!(out, "{}", print::finding(finding))?;
    }
    writeln!(out, "{}", print::summary(judge))
}
