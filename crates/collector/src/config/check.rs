//! Collects the problems that the validation finds.

use std::collections::BTreeMap;
use std::path::Path;

use super::bounds::bounds_of;
use super::error::{ConfigError, Place};
use crate::token::read_token;

/// Collects the problems.
pub(super) struct Check<'a> {
    places: &'a BTreeMap<String, Place>,
    errors: Vec<ConfigError>,
}

impl<'a> Check<'a> {
    /// Starts without problems. `places` tells for each setting where its value was given.
    pub(super) const fn new(places: &'a BTreeMap<String, Place>) -> Self {
        Self {
            places,
            errors: Vec::new(),
        }
    }

    /// Returns the collected problems.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }

    /// Adds a problem of a setting.
    pub(super) fn fail(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.errors.push(ConfigError {
            place: self.places.get(key).cloned().unwrap_or(Place::Default),
            key: key.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// Checks that a number lies within the bounds of its setting.
    pub(super) fn bounds(&mut self, key: &str, value: usize) {
        if let Some((least, most)) = bounds_of(key) {
            self.within(key, value, least, most);
        }
    }

    /// Checks that a number lies within these bounds.
    pub(super) fn within(&mut self, key: &str, value: usize, least: usize, most: usize) {
        if value < least {
            self.fail(
                key,
                format!("{value} is too small"),
                format!("write at least {least}"),
            );
        } else if value > most {
            self.fail(
                key,
                format!("{value} is too large"),
                format!("write at most {most}"),
            );
        }
    }

    /// Checks that a file has a token that can be used.
    pub(super) fn token(&mut self, key: &str, path: Option<&Path>) {
        if let Some(Err(error)) = path.map(read_token) {
            self.fail(key, error.problem, error.remedy);
        }
    }

    /// Checks that a file can be read.
    pub(super) fn readable(&mut self, key: &str, path: Option<&Path>) {
        let Some(path) = path else { return };
        if let Err(error) = std::fs::File::open(path) {
            let problem = format!("{} can't be read: {error}", path.display());
            self.fail(
                key,
                problem,
                "check the path, and that the user of the collector may read the file",
            );
        }
    }
}
