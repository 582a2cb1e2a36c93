//! The scenario without a name: throughput of a collector under the generated load.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use arancini_bench::{BenchError, Described, Load, LoadSettings, Report, Subject, run as run_once, run_with};
use arancini_collector::config::CurationKind;

use super::cases::cases;
use super::command::{BenchArgs, DEFAULT_RUNS};
use super::output::{Format, print};
use super::start::Start;
use crate::exit::fail;
use crate::output::print_line;

impl BenchArgs {
    /// Measures the throughput, or writes the streams if the command line says so.
    pub(super) fn run(&self, config: Option<&Path>) -> ExitCode {
        let loads = match self.loads() {
            Ok(loads) => loads,
            Err(error) => return fail(error),
        };
        if let Some(directory) = &self.write {
            return self.write(&loads, directory);
        }
        let scratch = std::env::temp_dir().join(format!("arancini-bench-{}", std::process::id()));
        let report = self.measure(config, &loads, &scratch);
        // An error does not matter: the directory is temporary, and most sinks write nothing to it.
        let _ = fs::remove_dir_all(&scratch);
        print(report, Format::of(self.json))
    }

    /// Returns the loads that the command line selects.
    fn loads(&self) -> Result<Vec<LoadSettings>, BenchError> {
        if self.named.is_empty() {
            self.load.loads(&LoadSettings::default())
        } else {
            Ok(self.named.loads(&self.load))
        }
    }

    /// Writes the streams to files. With several loads, the files of the last load remain.
    fn write(&self, loads: &[LoadSettings], directory: &Path) -> ExitCode {
        for load in loads {
            let load = load.make();
            if let Err(error) = load.write(directory) {
                return fail(format_args!("can't write to {}: {error}", directory.display()));
            }
            if self.json {
                print_line(format_args!("{:#}", load.to_json()));
            } else {
                print_line(&load);
            }
        }
        ExitCode::SUCCESS
    }

    fn measure(
        &self,
        config: Option<&Path>,
        loads: &[LoadSettings],
        scratch: &Path,
    ) -> Result<Report, BenchError> {
        let loads: Vec<Load> = loads.iter().map(LoadSettings::make).collect();
        let sink = |start: Start| start.with_sink(self.sink, self.nats.as_deref(), scratch);
        let starts: Vec<Start> = self.collector.starts().into_iter().map(sink).collect();
        let runs = match self.to {
            Some(_) => 1,
            None => self.runs.unwrap_or(DEFAULT_RUNS),
        };
        let cases = cases(&loads, &starts, runs, |load, start, case| {
            let run = self.measure_once(config, load, start)?;
            // The next run starts with an empty sink.
            let _ = fs::remove_dir_all(scratch);
            case.add_throughput(&run);
            Ok(run.line())
        })?;
        Ok(Report::new("throughput", cases))
    }

    fn measure_once(
        &self,
        config: Option<&Path>,
        load: &Load,
        start: &Start,
    ) -> Result<arancini_bench::Run, BenchError> {
        if let (Some(to), Some(control)) = (self.to, self.control) {
            return run_with(load, &Subject::running(to, control, self.pid));
        }
        let run = run_once(load, || start.start(config))?;
        // With another curation mode or with a configuration file, a correct collector may publish a different number.
        let is_checked =
            config.is_none() && matches!(self.collector.curation, None | Some(CurationKind::Attributes));
        if is_checked && run.collector.emitted != load.wanted.emitted {
            return Err(BenchError::Wrong {
                emitted: run.collector.emitted,
                wanted: load.wanted.emitted,
            });
        }
        Ok(run)
    }
}
