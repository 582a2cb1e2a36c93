//! The report of a bench as text and as JSON. All scenarios use the same form.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::digits::digits;
use crate::machine::Machine;
use crate::spread::{Spread, ratio};

/// The report of a scenario.
#[derive(Debug)]
pub struct Report {
    scenario: &'static str,
    machine: Machine,
    cases: Vec<Case>,
}

/// The figures of one case: one load and one way to start the collector.
#[derive(Debug, Default)]
pub struct Case {
    /// The case in words.
    title: String,
    /// The case as a JSON object.
    subject: Value,
    figures: Vec<Figure>,
    runs: Vec<Value>,
}

/// One figure with its value in each run.
#[derive(Debug)]
struct Figure {
    what: What,
    values: Vec<f64>,
    beside: Option<(String, Option<f64>)>,
}

/// The description of a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct What {
    /// The name of the figure in JSON.
    pub key: String,
    /// The name of the figure in the text.
    pub name: String,
    /// How many decimals the text shows.
    pub decimals: usize,
}

impl What {
    /// Describes a figure.
    pub fn new(key: impl Into<String>, name: impl Into<String>, decimals: usize) -> Self {
        Self {
            key: key.into(),
            name: name.into(),
            decimals,
        }
    }
}

impl Case {
    /// Starts a case, described in words and as a JSON object.
    #[must_use]
    pub fn new(title: String, subject: Value) -> Self {
        Self {
            title,
            subject,
            ..Self::default()
        }
    }

    /// Adds the value of a figure in one more run.
    pub fn add(&mut self, what: What, value: f64) {
        self.figure(what).values.push(value);
    }

    /// Sets what the report shows next to a figure: its limit or its goal, with the value if there is one.
    pub fn beside(&mut self, what: What, words: impl Into<String>, value: Option<f64>) {
        self.figure(what).beside = Some((words.into(), value));
    }

    /// Adds one more run as a JSON object.
    pub fn add_run(&mut self, run: Value) {
        self.runs.push(run);
    }

    /// Returns the number of runs.
    fn runs(&self) -> usize {
        let most = self.figures.iter().map(|figure| figure.values.len()).max();
        most.unwrap_or(0).max(self.runs.len())
    }

    /// Returns the median of a figure; 0 if there is no such figure.
    #[must_use]
    pub fn median(&self, key: &str) -> f64 {
        let figure = self.figures.iter().find(|figure| figure.what.key == key);
        figure.map_or(0.0, |figure| figure.spread().median)
    }

    /// Returns the last value of a figure; 0 if there is none.
    #[must_use]
    pub fn last(&self, key: &str) -> f64 {
        let figure = self.figures.iter().find(|figure| figure.what.key == key);
        figure
            .and_then(|figure| figure.values.last())
            .copied()
            .unwrap_or(0.0)
    }

    fn figure(&mut self, what: What) -> &mut Figure {
        let place = self.figures.iter().position(|figure| figure.what.key == what.key);
        let place = place.unwrap_or(self.figures.len());
        if place == self.figures.len() {
            self.figures.push(Figure {
                what,
                values: Vec::new(),
                beside: None,
            });
        }
        &mut self.figures[place]
    }

    fn to_json(&self) -> Value {
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|figure| (figure.what.key.clone(), figure.to_json()))
            .collect();
        let mut object = self.subject.clone();
        object["figures"] = Value::Object(figures);
        object["runs"] = json!(self.runs);
        object
    }

    /// Writes the case as text. `first` is the case that this one is compared with.
    fn write(&self, f: &mut fmt::Formatter<'_>, first: Option<&Self>) -> fmt::Result {
        writeln!(f, "\n{}\nruns     {}\n", self.title, self.runs())?;
        let against = if first.is_some() { "× first" } else { "" };
        writeln!(
            f,
            "{:<34}{:>14}{:>14}{:>14}{against:>10}",
            "", "median", "min", "max"
        )?;
        for figure in &self.figures {
            let Spread { median, min, max } = figure.spread();
            if min == 0.0 && max == 0.0 && figure.beside.is_none() {
                continue;
            }
            let number = |number| digits(number, figure.what.decimals);
            let times = first.map(|first| ratio(median, first.median(&figure.what.key)));
            let times = times.map_or_else(String::new, |times| digits(times, 2));
            write!(
                f,
                "{:<34}{:>14}{:>14}{:>14}{times:>10}",
                figure.what.name,
                number(median),
                number(min),
                number(max)
            )?;
            match &figure.beside {
                Some((words, Some(value))) => writeln!(f, "   {words}: {}", number(*value))?,
                Some((words, None)) => writeln!(f, "   {words}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

impl Figure {
    fn spread(&self) -> Spread {
        Spread::of(self.values.iter().copied())
    }

    fn to_json(&self) -> Value {
        let Spread { median, min, max } = self.spread();
        let mut object = json!({"median": median, "min": min, "max": max});
        if let Some((words, value)) = &self.beside {
            object["beside"] = json!({"what": words, "value": value});
        }
        object
    }
}

impl Report {
    /// Makes the report of a scenario from its cases.
    #[must_use]
    pub fn new(scenario: &'static str, cases: Vec<Case>) -> Self {
        Self {
            scenario,
            machine: Machine::this(),
            cases,
        }
    }

    /// Returns the report as one JSON object: the host, the load, each run, and the spread of each figure.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "scenario": self.scenario,
            "machine": {"cpu": self.machine.cpu, "cores": self.machine.cores, "kernel": self.machine.kernel},
            "cases": self.cases.iter().map(Case::to_json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scenario {}", self.scenario)?;
        writeln!(f, "machine  {}", self.machine)?;
        for (place, case) in self.cases.iter().enumerate() {
            case.write(f, self.cases.first().filter(|_| place > 0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_same_in_all_runs_and_cases_are_compared_with_the_first() {
        let case = |values: [f64; 3]| {
            let mut case = Case::new("some load".to_owned(), json!({"load": 1}));
            for value in values {
                case.add(What::new("rate", "rate, 1/s", 0), value);
            }
            case.beside(What::new("rate", "rate, 1/s", 0), "limit", Some(10.0));
            case
        };
        let report = Report::new("something", vec![case([3.0, 1.0, 2.0]), case([4.0, 6.0, 5.0])]);
        let json = report.to_json();
        assert_eq!(
            json["cases"][0]["figures"]["rate"],
            json!({"median": 2.0, "min": 1.0, "max": 3.0, "beside": {"what": "limit", "value": 10.0}})
        );
        assert_eq!(json["cases"][0]["load"], 1);
        let text = report.to_string();
        let second = text.lines().last().unwrap_or_default();
        assert!(second.contains("2.50   limit: 10"), "{text}");
    }
}
