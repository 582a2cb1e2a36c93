//! The scenarios other than throughput: stages, stops, latency, sustained, questions.

use std::path::Path;
use std::time::Duration;

use arancini_bench::{
    AskedLoad, BenchError, Broker, Case, EndlessLoad, Load, LoadSettings, PacedLoad, Report, Subject,
    run_latency, run_questions, run_stages, run_stops, run_sustained,
};
use arancini_collector::config::{Config, SinkKind};

use super::cases::cases;
use super::command::{ScenarioArgs, StreamArgs};
use super::start::Start;

impl ScenarioArgs {
    pub(super) fn stages(&self, config: Option<&Path>) -> Result<Report, BenchError> {
        let default = LoadSettings {
            prefixes: 100_000,
            ..LoadSettings::default()
        };
        self.report("stages", &default, |load, start, case| {
            run_stages(load, case, || start.start(config))
        })
    }

    pub(super) fn stops(&self, config: Option<&Path>) -> Result<Report, BenchError> {
        let default = LoadSettings {
            peers: 5,
            prefixes: 1_000_000,
            prefixes_per_update: 10,
            churn_rounds: 0,
            ..LoadSettings::default()
        };
        self.report("stops", &default, |load, start, case| {
            run_stops(load, case, &start.start(config)?)
        })
    }

    pub(super) fn latency(
        &self,
        config: Option<&Path>,
        stream: &StreamArgs,
        rates: &[u32],
        linger_ms: Option<u64>,
    ) -> Result<Report, BenchError> {
        let default = LoadSettings {
            prefixes: 25_000,
            ..LoadSettings::default()
        };
        let linger = Duration::from_millis(linger_ms.unwrap_or(Config::default().publish.linger_ms));
        let mut loads = Vec::new();
        for mut settings in self.load.loads(&default)? {
            // Each message changes one route.
            settings.prefixes_per_update = 1;
            loads.extend(rates.iter().map(|&rate| PacedLoad {
                settings: settings.clone(),
                rate,
                seconds: stream.seconds,
                linger,
            }));
        }
        let starts: Vec<Start> = self
            .collector
            .starts()
            .into_iter()
            .map(|start| start.with_linger(linger_ms))
            .collect();
        let measure = |load: &PacedLoad, start: &Start, case: &mut Case| {
            with_broker(stream, config, start, |broker, subject| {
                run_latency(load, case, broker, subject)
            })
        };
        Ok(Report::new(
            "latency",
            cases(&loads, &starts, self.runs, measure)?,
        ))
    }

    pub(super) fn sustained(&self, config: Option<&Path>, stream: &StreamArgs) -> Result<Report, BenchError> {
        let default = LoadSettings {
            prefixes: 50_000,
            ..LoadSettings::default()
        };
        let load = |settings| EndlessLoad {
            settings,
            seconds: stream.seconds,
        };
        let loads: Vec<EndlessLoad> = self.load.loads(&default)?.into_iter().map(load).collect();
        let measure = |load: &EndlessLoad, start: &Start, case: &mut Case| {
            with_broker(stream, config, start, |broker, subject| {
                run_sustained(load, case, broker, subject)
            })
        };
        Ok(Report::new(
            "sustained",
            cases(&loads, &self.collector.starts(), self.runs, measure)?,
        ))
    }

    pub(super) fn questions(
        &self,
        config: Option<&Path>,
        rate: u32,
        seconds: u32,
        clients: &[u16],
    ) -> Result<Report, BenchError> {
        let default = LoadSettings {
            peers: 10,
            prefixes: 1_000_000,
            prefixes_per_update: 10,
            ..LoadSettings::default()
        };
        let load = |settings| AskedLoad {
            settings,
            rate,
            seconds,
            clients: clients.to_vec(),
        };
        let loads: Vec<AskedLoad> = self.load.loads(&default)?.into_iter().map(load).collect();
        let starts: Vec<Start> = self
            .collector
            .starts()
            .into_iter()
            .map(|start| start.without_sink().with_attributes())
            .collect();
        let measure = |load: &AskedLoad, start: &Start, case: &mut Case| {
            run_questions(load, case, &start.start(config)?)
        };
        Ok(Report::new(
            "questions",
            cases(&loads, &starts, self.runs, measure)?,
        ))
    }

    fn report(
        &self,
        scenario: &'static str,
        default: &LoadSettings,
        measure: impl FnMut(&Load, &Start, &mut Case) -> Result<String, BenchError>,
    ) -> Result<Report, BenchError> {
        let loads: Vec<Load> = self.load.loads(default)?.iter().map(LoadSettings::make).collect();
        let starts: Vec<Start> = self
            .collector
            .starts()
            .into_iter()
            .map(Start::without_sink)
            .collect();
        Ok(Report::new(scenario, cases(&loads, &starts, self.runs, measure)?))
    }
}

/// Measures with a new NATS server and a new collector that publishes to it.
fn with_broker<T>(
    stream: &StreamArgs,
    config: Option<&Path>,
    start: &Start,
    measure: impl FnOnce(&Broker, &Subject) -> Result<T, BenchError>,
) -> Result<T, BenchError> {
    let scratch = std::env::temp_dir().join(format!("arancini-bench-{}", std::process::id()));
    let broker = Broker::start(stream.nats_server.as_deref(), &scratch)?;
    let start = start
        .clone()
        .with_sink(SinkKind::Nats, Some(&broker.url()), &scratch);
    let subject = start.start(config)?;
    measure(&broker, &subject)
}
