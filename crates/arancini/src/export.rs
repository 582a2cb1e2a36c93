//! `arancini export`: writes what was published into a file that other tools read.

use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use arancini_collector::config::{Config, FlagValue, SinkKind};
use arancini_export::{
    Existing, Filter, JsonLines, MessageWriter, OutputFile, Parquet, Problems, export_segments, export_stream,
};
use clap::{Args, ValueEnum};

use crate::exit::{FAILED, MISCONFIGURED, fail};
use crate::flags::flag;
use crate::runtime::block_on;
use crate::tail::{ago, unix_ns_before_now};
use crate::terminal::print_problem;
use crate::units::counted;

/// Write stored updates into a file: JSON Lines or Parquet.
///
/// Reads the segment files of a collector with the sink `file`, or a NATS stream up to its present end. The file gets its name when it is whole. What can't be read is told on standard error and
/// left out, everything else is written, and the exit code is 1.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini export --data-dir /var/lib/arancini/data --format parquet --output updates.parquet\n  \
    arancini export --data-dir arancini-data --format json --output - | jq .prefix"
)]
pub struct ExportArgs {
    /// URL of a NATS server; may be repeated. Reads the stream.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Data directory of the collector; reads its segment files.
    #[arg(long, value_name = "DIR", conflicts_with = "nats")]
    pub data_dir: Option<String>,
    /// Format of the file.
    #[arg(long)]
    pub format: Format,
    /// The file to write; `-` is standard output.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
    /// With JSON, also write events of peers and routers, statistics, and malformed messages.
    #[arg(long)]
    pub all: bool,
    /// Write only updates of this router.
    #[arg(long, value_name = "ADDR")]
    pub router: Option<IpAddr>,
    /// Write only updates received at most this long ago, like 90s, 10m, 2h or 1d.
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub since: Option<Duration>,
}

/// The formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One object of JSON a line, as `arancini tail --json` prints it.
    Json,
    /// Parquet, one row for each update.
    Parquet,
}

impl ExportArgs {
    /// Returns the settings that the given flags set.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        let file = self.data_dir.as_ref().map(|_| "file".to_owned());
        let nats = (!self.nats.is_empty()).then(|| "nats".to_owned());
        [
            flag("nats", "urls", "--nats").list(&self.nats),
            flag("nats", "stream", "--stream").value(self.stream.clone()),
            flag("file", "data_dir", "--data-dir").value(self.data_dir.clone()),
            flag("publish", "sink", "--data-dir").value(file),
            flag("publish", "sink", "--nats").value(nats),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn filter(&self) -> Filter {
        Filter {
            router: self.router,
            since_unix_ns: self.since.map_or(0, unix_ns_before_now),
            ..Filter::default()
        }
    }

    fn is_to_standard_output(&self) -> bool {
        self.output == Path::new("-")
    }
}

/// Exports, and says how many updates the file has.
#[must_use]
pub fn run(config: &Config, args: &ExportArgs) -> ExitCode {
    if args.all && args.format != Format::Json {
        print_problem("arancini: --all is for --format json; the other formats have no place for events");
        return ExitCode::from(MISCONFIGURED);
    }
    let outcome = if args.is_to_standard_output() {
        write_to(config, args, io::stdout())
    } else {
        write_file(config, args)
    };
    match outcome {
        Ok(Outcome { messages, is_whole }) => {
            if !args.is_to_standard_output() {
                print_problem(format_args!(
                    "{} in {}",
                    counted(messages, "message"),
                    args.output.display()
                ));
            }
            if is_whole {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(FAILED)
            }
        }
        Err(problem) => fail(problem),
    }
}

/// What was exported.
struct Outcome {
    messages: u64,
    /// Whether everything could be read.
    is_whole: bool,
}

fn write_file(config: &Config, args: &ExportArgs) -> Result<Outcome, String> {
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let file = OutputFile::create(&args.output, existing).map_err(|error| error.to_string())?;
    let handle = file.handle().map_err(|error| error.to_string())?;
    let outcome = write_to(config, args, handle)?;
    file.finish().map_err(|error| error.to_string())?;
    Ok(outcome)
}

fn write_to(config: &Config, args: &ExportArgs, out: impl Write + Send + 'static) -> Result<Outcome, String> {
    let failed = |error: io::Error| unwritable(&args.output, &error);
    let mut writer: Box<dyn MessageWriter> = match args.format {
        Format::Json if args.all => Box::new(JsonLines::of_all(BufWriter::new(out))),
        Format::Json => Box::new(JsonLines::of_updates(BufWriter::new(out))),
        Format::Parquet => Box::new(Parquet::new(out).map_err(failed)?),
    };
    let mut problems = Problems::new(|text| print_problem(format_args!("arancini: {text}")));
    read(config, args, &mut *writer, &mut problems)?;
    let messages = writer.finish().map_err(failed)?;
    Ok(Outcome {
        messages,
        is_whole: problems.none(),
    })
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!(
        "can't write {}: {error}; check the room on its disk",
        path.display()
    )
}

/// Reads the source into the writer.
fn read(
    config: &Config,
    args: &ExportArgs,
    writer: &mut dyn MessageWriter,
    problems: &mut Problems,
) -> Result<(), String> {
    let filter = args.filter();
    let read = match config.sink() {
        SinkKind::File => export_segments(&config.file_settings().directory, &filter, writer, problems),
        SinkKind::Nats => {
            let source = config.nats_settings().source();
            block_on(export_stream(&source, &filter, writer, problems))
        }
        SinkKind::Stdout | SinkKind::Null => {
            return Err(
                "the configured sink stores no messages to export; give --nats URL or --data-dir DIR"
                    .to_owned(),
            );
        }
    };
    read.map_err(|error| error.to_string())
}
