//! `arancini run`: runs the collector until a signal stops it.

use std::cell::RefCell;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use arancini_collector::config::{Config, ConfigErrors, CurationKind, FlagValue, LogFormat, SinkKind};
use arancini_collector::{Collector, StartError};

use crate::exit::{FAILED, INTERRUPTED, fail};
use crate::flags::{flag, word};
use crate::service_manager::ServiceManager;
use crate::settings::{read, with_config};
use crate::stop_signals::StopSignals;

/// Run the collector: receive BMP from routers and publish curated updates.
///
/// Needs no configuration: without any, the collector listens on `[::]:4000` and writes segment files below
/// ./arancini-data. With --nats it publishes to NATS JetStream instead. SIGTERM, SIGQUIT or Ctrl-C stops the collector after it
/// has published everything it has received. A second signal ends it at once. SIGHUP makes it read the configuration again:
/// limits.allow, log.level, and token and certificate of the control port change at once, other settings at the next start. SIGUSR1 and SIGUSR2 are
/// ignored. A flag overrides the environment and the configuration file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini run\n  arancini run --nats nats://192.0.2.1:4222 --workers 4\n  \
    arancini --config /etc/arancini/arancini.toml run --log-format json"
)]
pub struct RunArgs {
    /// Address to listen on for routers; may be repeated [default: `[::]:4000`].
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// Number of worker threads; 0 starts one per core [default: 0].
    #[arg(long, value_name = "N")]
    pub workers: Option<u16>,
    /// Where updates are published [default: nats if a NATS server is given, else file].
    #[arg(long)]
    pub sink: Option<SinkKind>,
    /// URL of a NATS server; may be repeated. Selects the sink `nats` unless another sink is set.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Directory for segment files, snapshots and spool [default: arancini-data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// What counts as a change of a route [default: attributes].
    #[arg(long)]
    pub curation: Option<CurationKind>,
    /// Address of the HTTP port for metrics and health [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", conflicts_with = "no_control")]
    pub control: Option<String>,
    /// Open no HTTP port.
    #[arg(long)]
    pub no_control: bool,
    /// Format of log lines [default: human].
    #[arg(long)]
    pub log_format: Option<LogFormat>,
}

impl RunArgs {
    /// Returns the settings that the given flags set.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        let workers = self.workers.map(|workers| workers.to_string());
        let control_enabled = self.no_control.then(|| "false".to_owned());
        [
            flag("listen", "address", "--listen").list(&self.listen),
            flag("listen", "workers", "--workers").value(workers),
            flag("publish", "sink", "--sink").value(self.sink.map(word)),
            flag("nats", "urls", "--nats").list(&self.nats),
            flag("file", "data_dir", "--data-dir").value(self.data_dir.clone()),
            flag("curation", "mode", "--curation").value(self.curation.map(word)),
            flag("control", "address", "--control").value(self.control.clone()),
            flag("control", "enabled", "--no-control").value(control_enabled),
            flag("log", "format", "--log-format").value(self.log_format.map(word)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// How often the main thread checks whether the sink has ended by itself or a signal has arrived.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// How often the line in `systemctl status` is renewed, in checks.
const CHECKS_PER_STATUS: u32 = 50;

/// Loads the configuration, and runs the collector until a signal or the end of its sink stops it.
#[must_use]
pub fn run(file: Option<&Path>, args: &RunArgs) -> ExitCode {
    let flags = args.flags();
    with_config(file, &flags, |config| collect(&config, &|| read(file, &flags)))
}

/// Runs the collector. `read_again` loads the configuration anew, for SIGHUP.
fn collect(config: &Config, read_again: &dyn Fn() -> Result<Config, ConfigErrors>) -> ExitCode {
    crate::log::init(&config.log);
    let mut signals = match StopSignals::install() {
        Ok(signals) => signals,
        Err(error) => return fail(format_args!("can't install the signal handlers: {error}")),
    };
    arancini_collector::doctor::raise_open_files();
    crate::doctor::warn_of_failures(config);
    let mut manager = ServiceManager::from_environment();
    manager.status("restoring the tables; routers can connect afterwards");
    let cancelled = RefCell::new(&mut signals);
    let collector = match Collector::start_unless(config, &|| cancelled.borrow_mut().first().is_some()) {
        Ok(collector) => collector,
        Err(StartError::Cancelled) => return ExitCode::SUCCESS,
        Err(error) => return fail(error),
    };
    manager.ready();
    let telemetry = collector.telemetry();
    for check in (0..CHECKS_PER_STATUS).cycle() {
        if check == 0 {
            manager.status(telemetry.status_line());
        }
        manager.still_alive(telemetry.turns_of_workers());
        if collector.sink_ended(CHECK_INTERVAL) {
            break;
        }
        let signal = signals.first();
        if signals.take_reload() {
            manager.status("reading the configuration again");
            reload(&collector, read_again());
        }
        if let Some(signal) = signal {
            tracing::info!(
                signal,
                "signal received, the collector is stopping; a second signal ends it at once"
            );
            break;
        }
    }
    manager.stopping();
    std::thread::spawn(move || {
        if signals.wait_for_another() {
            arancini_collector::log_queue::flush();
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    let report = collector.stop(Duration::from_millis(config.publish.drain_deadline_ms));
    if report.lost_messages == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

/// Applies what a running collector can apply of a configuration that was read again, and logs what it can't.
fn reload(collector: &Collector, read: Result<Config, ConfigErrors>) {
    let config = match read {
        Ok(config) => config,
        Err(errors) => {
            tracing::error!(%errors, "configuration not read again: it has errors, so all settings stay as they are");
            return;
        }
    };
    crate::log::set_level(&config.log.level);
    let need_restart = collector.reload(&config);
    tracing::info!(
        "configuration read again; limits.allow, log.level, and token and certificate of the control port are in use"
    );
    if !need_restart.is_empty() {
        tracing::warn!(
            settings = %need_restart.join(", "),
            "settings changed that are used only at the start; restart the collector to apply them"
        );
    }
}
