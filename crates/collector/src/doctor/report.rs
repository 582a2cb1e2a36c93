//! The rows and what can be said of them together.

use std::fmt;

use serde_json::{Value, json};

/// How good a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As wanted.
    Ok,
    /// Works, only slower or less evenly.
    Warn,
    /// The configuration can't be kept on this host.
    Fail,
}

impl Level {
    /// Its name in lower case.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What was looked at.
    pub check: String,
    /// How good it is.
    pub level: Level,
    /// What was found.
    pub value: String,
    /// What should be there.
    pub wanted: String,
    /// Why.
    pub why: &'static str,
    /// The command that mends it; nothing where it is ok.
    pub command: Option<String>,
}

impl Row {
    /// A row that is ok; [`Row::mend`] makes it another.
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

    /// The same row, not ok, with what mends it.
    pub(super) fn mend(self, level: Level, command: impl Into<String>) -> Self {
        Self {
            level,
            command: Some(command.into()),
            ..self
        }
    }
}

/// All rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In the order they are shown.
    pub rows: Vec<Row>,
}

impl Report {
    /// The rows of a level.
    pub fn of(&self, level: Level) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.level == level)
    }

    /// Whether any row fails.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.of(Level::Fail).next().is_some()
    }

    /// As JSON: `{"ok", "warn", "fail", "rows": [{"check", "level", "value", "wanted", "why", "command"}]}`.
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

/// For people: what is ok in one line, the rest with reason and remedy.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.check.len()).max().unwrap_or(0);
        for row in &self.rows {
            writeln!(f, "{:<5} {:<width$}  {}", row.level.label(), row.check, row.value)?;
            if let Some(command) = &row.command {
                writeln!(f, "      wanted: {}", row.wanted)?;
                writeln!(f, "      why:    {}", row.why)?;
                writeln!(f, "      mend:   {command}")?;
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
            rows: vec![row.clone(), row.mend(Level::Warn, "buy two")],
        }
    }

    #[test]
    fn people_see_the_remedy_of_what_is_not_ok() {
        assert_eq!(
            report().to_string(),
            "ok    cores  2\n\
             warn  cores  2\n      wanted: 4\n      why:    because\n      mend:   buy two\n\
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
