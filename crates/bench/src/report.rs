//! What a bench found, as text and as JSON: the same shape whatever was measured.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::spread::{Spread, ratio};

/// What a bench found.
#[derive(Debug)]
pub struct Report {
    scenario: &'static str,
    machine: Machine,
    cases: Vec<Case>,
}

/// What was found with one load and one collector's settings.
#[derive(Debug, Default)]
pub struct Case {
    /// In words.
    title: String,
    /// The same for machines: one object.
    subject: Value,
    figures: Vec<Figure>,
    runs: Vec<Value>,
}

/// One figure: the same in each run.
#[derive(Debug)]
struct Figure {
    what: What,
    values: Vec<f64>,
    beside: Option<(String, Option<f64>)>,
}

/// What a figure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct What {
    /// Its name in JSON.
    pub key: String,
    /// Its name in the text.
    pub name: String,
    /// How many decimals it deserves.
    pub decimals: usize,
}

impl What {
    /// A figure.
    pub fn new(key: impl Into<String>, name: impl Into<String>, decimals: usize) -> Self {
        Self {
            key: key.into(),
            name: name.into(),
            decimals,
        }
    }
}

impl Case {
    /// Of a subject, in words and as an object.
    #[must_use]
    pub fn new(title: String, subject: Value) -> Self {
        Self {
            title,
            subject,
            ..Self::default()
        }
    }

    /// One more value of a figure.
    pub fn add(&mut self, what: What, value: f64) {
        self.figure(what).values.push(value);
    }

    /// Says what stands beside a figure: its limit or its goal, and the number of that if it was measured.
    pub fn beside(&mut self, what: What, words: impl Into<String>, value: Option<f64>) {
        self.figure(what).beside = Some((words.into(), value));
    }

    /// One more run, as an object.
    pub fn add_run(&mut self, run: Value) {
        self.runs.push(run);
    }

    /// How often it was measured.
    fn runs(&self) -> usize {
        let most = self.figures.iter().map(|figure| figure.values.len()).max();
        most.unwrap_or(0).max(self.runs.len())
    }

    /// The median of a figure; 0 where there is none.
    #[must_use]
    pub fn median(&self, key: &str) -> f64 {
        let figure = self.figures.iter().find(|figure| figure.what.key == key);
        figure.map_or(0.0, |figure| figure.spread().median)
    }

    /// What was added last of a figure; 0 where there is none.
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

    /// `first` is what the others are compared with.
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
    /// Of a scenario of which these cases were measured.
    #[must_use]
    pub fn new(scenario: &'static str, cases: Vec<Case>) -> Self {
        Self {
            scenario,
            machine: Machine::this(),
            cases,
        }
    }

    /// One object with everything: where, what was sent, each run, and the spread of each figure.
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
        writeln!(f, "measured {}", self.scenario)?;
        writeln!(f, "machine  {}", self.machine)?;
        for (place, case) in self.cases.iter().enumerate() {
            case.write(f, self.cases.first().filter(|_| place > 0))?;
        }
        Ok(())
    }
}

/// A number with so many decimals and its thousands set apart.
pub(crate) fn digits(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let (sign, text) = text.split_at(usize::from(text.starts_with('-')));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = sign.to_owned();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(digits(0.0, 0), "0");
        assert_eq!(digits(999.4, 0), "999");
        assert_eq!(digits(1000.0, 0), "1,000");
        assert_eq!(digits(-123.25, 1), "-123.2");
        assert_eq!(digits(-1234.0, 0), "-1,234");
        assert_eq!(digits(1_234_567.25, 2), "1,234,567.25");
        assert_eq!(digits(0.1875, 3), "0.188");
    }

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
