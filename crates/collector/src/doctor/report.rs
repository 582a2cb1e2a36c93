//! The report of `arancini doctor`: rows with their levels, as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

/// The level of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The host has what is wanted.
    Ok,
    /// The collector works, but slower or with load spread less evenly.
    Warn,
    /// This host can't run the collector as it is configured.
    Fail,
}

impl Level {
    /// Returns the name of the level in lower case.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the check.
    pub check: String,
    /// The level of the result.
    pub level: Level,
    /// The value found on this host.
    pub value: String,
    /// The wanted value.
    pub wanted: String,
    /// Why the value is wanted.
    pub why: &'static str,
    /// The command that fixes the problem; `None` if there is none.
    pub command: Option<String>,
}

impl Row {
    /// Makes a row with the level `ok`. [`Row::fix_with`] sets another level.
    pub(super) fn new(
        check: impl Into<String>,
        value: impl Into<String>,
        wanted: impl Into<String>,
        why: &'static str,
    ) -> Self {
        Self {
            check: check.into(),
            level: Level::Ok,
            value: value.into(),
            wanted: wanted.into(),
            why,
            command: None,
        }
    }

    /// Sets a level other than `ok`, and the command that fixes the problem.
    pub(super) fn fix_with(self, level: Level, command: impl Into<String>) -> Self {
        Self {
            level,
            command: Some(command.into()),
            ..self
        }
    }
}

/// All rows of an examination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The rows in the order in which they are shown.
    pub rows: Vec<Row>,
}

impl Report {
    /// Returns the rows of a level.
    pub fn of(&self, level: Level) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.level == level)
    }

    /// Returns whether any row has the level `fail`.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.of(Level::Fail).next().is_some()
    }

    /// Returns the report as JSON: `{"ok", "warn", "fail", "rows": [{"check", "level", "value", "wanted", "why", "command"}]}`.
    #[must_use]
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "check": row.check,
                    "level": row.level.label(),
                    "value": row.value,
                    "wanted": row.wanted,
                    "why": row.why,
                    "command": row.command,
                })
            })
            .collect();
        json!({
            "ok": self.of(Level::Ok).count(),
            "warn": self.of(Level::Warn).count(),
            "fail": self.of(Level::Fail).count(),
            "rows": rows,
        })
    }
}

/// Writes the report for people: rows with the level `ok` in one line, other rows with reason and remedy.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.check.len()).max().unwrap_or(0);
        for row in &self.rows {
            writeln!(f, "{:<5} {:<width$}  {}", row.level.label(), row.check, row.value)?;
            if let Some(command) = &row.command {
                writeln!(f, "      wanted: {}", row.wanted)?;
                writeln!(f, "      why:    {}", row.why)?;
                writeln!(f, "      fix:    {command}")?;
            }
        }
        write!(
            f,
            "{} ok, {} warn, {} fail",
            self.of(Level::Ok).count(),
            self.of(Level::Warn).count(),
            self.of(Level::Fail).count()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let row = Row::new("cores", "2", "4", "because");
        Report {
            rows: vec![row.clone(), row.fix_with(Level::Warn, "buy two")],
        }
    }

    #[test]
    fn people_see_the_remedy_of_what_is_not_ok() {
        assert_eq!(
            report().to_string(),
            "ok    cores  2\n\
             warn  cores  2\n      wanted: 4\n      why:    because\n      fix:    buy two\n\
             1 ok, 1 warn, 0 fail"
        );
    }

    #[test]
    fn json_has_every_field() {
        let json = report().json();
        assert_eq!(
            (&json["ok"], &json["warn"], &json["fail"]),
            (&json!(1), &json!(1), &json!(0))
        );
        assert_eq!(json["rows"][0]["command"], Value::Null);
        assert_eq!(
            json["rows"][1],
            json!({"check": "cores", "level": "warn", "value": "2", "wanted": "4", "why": "because", "command": "buy two"})
        );
    }
}
