//! `arancini run`: the collector.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{flag, list_flag};
use arancini_collector::config::{Config, CurationKind, FlagValue, LogFormat, SinkKind};
use arancini_collector::{Collector, StartError};

/// Run the collector: routers connect to it, curated updates leave it.
///
/// Works without any configuration: listens on `[::]:4000` and writes segment files under ./arancini-data, unless a NATS
/// server is given. SIGTERM and Ctrl-C stop it: what was decoded is published first.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini run\n  arancini run --nats nats://192.0.2.1:4222 --workers 4\n  \
    arancini --config /etc/arancini.toml run --log-format json"
)]
pub struct RunArgs {
    /// Address that routers connect to; may be repeated (default `[::]:4000`).
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// Number of worker threads; 0 is one per core.
    #[arg(long, value_name = "N")]
    pub workers: Option<u16>,
    /// Where updates go.
    #[arg(long)]
    pub sink: Option<SinkKind>,
    /// URL of a NATS server; may be repeated. Makes `nats` the sink unless --sink says otherwise.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Directory of the segment files.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// What counts as a change of a route.
    #[arg(long)]
    pub curation: Option<CurationKind>,
    /// Address of the HTTP port for metrics and health [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", conflicts_with = "no_control")]
    pub control: Option<String>,
    /// No HTTP port.
    #[arg(long)]
    pub no_control: bool,
    /// How log lines look.
    #[arg(long)]
    pub log_format: Option<LogFormat>,
}

impl RunArgs {
    /// The flags as settings.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        [
            list_flag("listen", "address", "--listen", &self.listen),
            flag(
                "listen",
                "workers",
                "--workers",
                self.workers.map(|workers| workers.to_string()),
            ),
            flag("publish", "sink", "--sink", word(self.sink)),
            list_flag("nats", "urls", "--nats", &self.nats),
            flag("file", "data_dir", "--data-dir", self.data_dir.clone()),
            flag("curation", "mode", "--curation", word(self.curation)),
            flag("control", "address", "--control", self.control.clone()),
            flag(
                "control",
                "enabled",
                "--no-control",
                self.no_control.then(|| "false".to_owned()),
            ),
            flag("log", "format", "--log-format", word(self.log_format)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn word<T: ValueEnum>(value: Option<T>) -> Option<String> {
    Some(value?.to_possible_value()?.get_name().to_owned())
}

/// How often it is looked whether the sink ended by itself or a signal came.
const LOOK: Duration = Duration::from_millis(100);
/// What a shell reports for a process ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs until it is told to stop.
#[must_use]
pub fn run(config: Config) -> ExitCode {
    super::init_log(&config.log);
    let mut signals = match Signals::new([SIGTERM, SIGINT]) {
        Ok(signals) => signals,
        Err(error) => return super::fail(format_args!("signals can't be caught: {error}")),
    };
    arancini_collector::doctor::raise_open_files();
    super::doctor::warn_of_failures(&config);
    let mut signals_meanwhile = || signals.pending().next().is_some();
    let cancelled = std::cell::RefCell::new(&mut signals_meanwhile);
    let collector = match Collector::start_unless(&config, &|| (cancelled.borrow_mut())()) {
        Ok(collector) => collector,
        Err(StartError::Cancelled) => return ExitCode::SUCCESS,
        Err(error) => return super::fail(format_args!("{error}")),
    };
    while !collector.sink_ended(LOOK) {
        if let Some(signal) = signals.pending().next() {
            tracing::info!(signal, "stopping; a second signal ends at once");
            break;
        }
    }
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    let report = collector.stop(Duration::from_millis(config.publish.drain_deadline_ms));
    if report.lost_messages == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::FAILED)
    }
}
