//! `arancini export`: writes what was published into a file that other tools read.

use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use arancini_client::StreamSource;
use arancini_collector::config::{Config, FlagValue, SinkKind};
use arancini_export::{
    Destination, Existing, ExportError, Filter, Finished, JsonLines, MessageWriter, MrtMessages, MrtTables,
    OutputError, OutputFile, Parquet, Problems, export_segments, export_stream,
};
use arancini_schema::MessageKind;
use arancini_schema::update_capnp::RibView;
use clap::{Args, ValueEnum};

use crate::exit::{FAILED, MISCONFIGURED, fail, tell_nothing_of};
use crate::flags::flag;
use crate::runtime::block_on;
use crate::snapshot::SnapshotRoutes;
use crate::tail::{ago, unix_ns_before_now};
use crate::terminal::print_problem;
use crate::units::counted;

/// Write stored updates into a file that other tools read: JSON Lines, Parquet or MRT.
///
/// Reads the segment files of a collector with the sink `file`, a NATS stream up to its present end, or the newest snapshot. The
/// file gets its name when it is whole. What can't be read is told on standard error and left out, everything else is written,
/// and the exit code is 1.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini export --data-dir /var/lib/arancini/data --format parquet --output updates.parquet\n  \
    arancini export --nats nats://127.0.0.1:4222 --format mrt --output updates.mrt\n  \
    arancini export --snapshot --data-dir arancini-data --format mrt --output table.mrt\n  \
    arancini export --data-dir arancini-data --format json --output - | jq .prefix"
)]
pub struct ExportArgs {
    /// URL of a NATS server; may be repeated. Reads the stream, or with --snapshot the snapshots in NATS.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["snapshot", "data_dir"])]
    pub stream: Option<String>,
    /// Data directory of the collector; reads its segment files, or with --snapshot its snapshots.
    #[arg(long, value_name = "DIR", conflicts_with = "nats")]
    pub data_dir: Option<String>,
    /// Read the routes of the newest snapshot instead of updates.
    #[arg(long)]
    pub snapshot: bool,
    /// Name of the collector whose snapshots are read from NATS.
    #[arg(long, value_name = "NAME", requires = "snapshot")]
    pub collector: Option<String>,
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
    /// Write only updates of this view. An MRT file has one view: without this flag, adj-rib-in-pre.
    #[arg(long)]
    pub view: Option<View>,
    /// Write only updates received at most this long ago, like 90s, 10m, 2h or 1d.
    #[arg(long, value_name = "TIME", value_parser = ago, conflicts_with = "snapshot")]
    pub since: Option<Duration>,
}

/// The formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One object of JSON a line, as `arancini tail --json` prints it.
    Json,
    /// Parquet, one row for each update.
    Parquet,
    /// MRT: BGP4MP_ET messages; with --snapshot, TABLE_DUMP_V2.
    Mrt,
}

/// The views, with their names in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum View {
    /// Received from the peer, before policy.
    AdjRibInPre,
    /// Received from the peer, after policy.
    AdjRibInPost,
    /// For the peer, before policy.
    AdjRibOutPre,
    /// For the peer, after policy.
    AdjRibOutPost,
    /// The router's own table.
    LocRib,
}

impl View {
    const fn of_schema(self) -> RibView {
        match self {
            Self::AdjRibInPre => RibView::AdjRibInPre,
            Self::AdjRibInPost => RibView::AdjRibInPost,
            Self::AdjRibOutPre => RibView::AdjRibOutPre,
            Self::AdjRibOutPost => RibView::AdjRibOutPost,
            Self::LocRib => RibView::LocRib,
        }
    }
}

impl ExportArgs {
    /// Returns the settings that the given flags set.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        let file = self.data_dir.as_ref().map(|_| "file".to_owned());
        let nats = (!self.nats.is_empty()).then(|| "nats".to_owned());
        let (sink, store) = if self.snapshot {
            ([None, None], nats)
        } else {
            ([file, nats], None)
        };
        let [sink_file, sink_nats] = sink;
        [
            flag("nats", "urls", "--nats").list(&self.nats),
            flag("nats", "stream", "--stream").value(self.stream.clone()),
            flag("file", "data_dir", "--data-dir").value(self.data_dir.clone()),
            flag("publish", "sink", "--data-dir").value(sink_file),
            flag("publish", "sink", "--nats").value(sink_nats),
            flag("snapshots", "store", "--nats").value(store),
            flag("", "collector_name", "--collector").value(self.collector.clone()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn filter(&self) -> Filter {
        Filter {
            // The collector writes IPv4 also for a router that connects as ::ffff:192.0.2.1.
            router: self.router.map(|address| address.to_canonical()),
            // An MRT file counts what it leaves out.
            view: self
                .view
                .filter(|_| self.format != Format::Mrt)
                .map(View::of_schema),
            since_unix_ns: self.since.map_or(0, unix_ns_before_now),
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
        Ok(Outcome { finished, is_whole }) => {
            for sentence in finished.left_out {
                print_problem(format_args!("arancini: {sentence}"));
            }
            if let Some(router) = args.router.filter(|_| finished.messages == 0) {
                tell_nothing_of(router, source_name(config, args));
            }
            if !args.is_to_standard_output() {
                print_problem(format_args!(
                    "{} in {}",
                    counted(finished.messages, "message"),
                    args.output.display()
                ));
            }
            if is_whole {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(FAILED)
            }
        }
        Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(Failure::Problem(problem)) => fail(problem),
    }
}

/// Names what is exported.
fn source_name(config: &Config, args: &ExportArgs) -> String {
    match config.sink() {
        _ if args.snapshot => "the newest snapshot".to_owned(),
        SinkKind::File => config.file_settings().directory.display().to_string(),
        _ => format!("the stream {}", config.nats.stream),
    }
}

/// Why an export ended early.
enum Failure {
    /// The reader of standard output has closed it, as `| head` does.
    OutputClosed,
    /// Cause and remedy.
    Problem(String),
}

impl Failure {
    /// The failure of an export that ended with this error of the output.
    fn of_output(error: &io::Error, problem: String) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Problem(problem)
        }
    }
}

/// What was exported.
struct Outcome {
    finished: Finished,
    /// Whether everything could be read.
    is_whole: bool,
}

fn write_file(config: &Config, args: &ExportArgs) -> Result<Outcome, Failure> {
    let failed = |error: OutputError| Failure::Problem(error.to_string());
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let file = OutputFile::create(&args.output, existing).map_err(failed)?;
    let handle = file
        .handle()
        .map_err(|error| Failure::Problem(error.to_string()))?;
    let outcome = write_to(config, args, handle)?;
    file.finish().map_err(failed)?;
    Ok(outcome)
}

fn write_to(
    config: &Config,
    args: &ExportArgs,
    out: impl Write + Send + 'static,
) -> Result<Outcome, Failure> {
    let source = Source::open(config, args).map_err(Failure::Problem)?;
    let unwritable = |error: io::Error| {
        let output = args.output.display();
        let problem = format!("can't write {output}: {error}; check the room on its disk");
        Failure::of_output(&error, problem)
    };
    let view = args.view.unwrap_or(View::AdjRibInPre).of_schema();
    let mut writer: Box<dyn MessageWriter> = match (args.format, &source) {
        (Format::Json, _) if args.all => Box::new(JsonLines::of_all(BufWriter::new(out))),
        (Format::Json, _) => Box::new(JsonLines::of_updates(BufWriter::new(out))),
        (Format::Parquet, _) => Box::new(Parquet::new(out).map_err(unwritable)?),
        (Format::Mrt, Source::Snapshot(routes)) => {
            let time = routes.completed_unix_ns();
            Box::new(MrtTables::new(BufWriter::new(out), view, time))
        }
        (Format::Mrt, _) => Box::new(MrtMessages::new(BufWriter::new(out), view)),
    };
    let mut problems = Problems::new(|text| print_problem(format_args!("arancini: {text}")));
    let mut destination = Destination {
        filter: &args.filter(),
        writer: &mut *writer,
        problems: &mut problems,
    };
    source.read(&mut destination).map_err(|error| match &error {
        ExportError::Output(output) => Failure::of_output(output, error.to_string()),
        _ => Failure::Problem(error.to_string()),
    })?;
    let finished = writer.finish().map_err(unwritable)?;
    Ok(Outcome {
        finished,
        is_whole: problems.none(),
    })
}

/// What is exported.
enum Source {
    Segments(PathBuf),
    Stream(Box<StreamSource>),
    Snapshot(Box<SnapshotRoutes>),
}

impl Source {
    fn open(config: &Config, args: &ExportArgs) -> Result<Self, String> {
        if args.snapshot {
            return SnapshotRoutes::load(config).map(|routes| Self::Snapshot(Box::new(routes)));
        }
        match config.sink() {
            SinkKind::File => Ok(Self::Segments(config.file_settings().directory)),
            SinkKind::Nats => Ok(Self::Stream(Box::new(config.nats_settings().source()))),
            SinkKind::Stdout | SinkKind::Null => Err(
                "the configured sink stores no messages to export; give --nats URL or --data-dir DIR"
                    .to_owned(),
            ),
        }
    }

    fn read(&self, destination: &mut Destination<'_>) -> Result<(), ExportError> {
        match self {
            Self::Segments(directory) => export_segments(directory, destination),
            Self::Stream(source) => block_on(export_stream(source, destination)),
            Self::Snapshot(routes) => routes.for_each(|route| {
                let place = |_| "a route of the snapshot";
                destination.take(MessageKind::Updates, route, place)?;
                Ok(())
            }),
        }
    }
}
