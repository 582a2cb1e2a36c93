//! The tokens of the API, in files.

use std::fmt;
use std::path::Path;

use crate::small_file;

/// Fewest characters of a token. A shorter one could be guessed.
const LEAST_TOKEN: usize = 16;

/// Why a file has no token that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    /// What is wrong, with the name of the file.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

/// Reads the token in a file, without the space around it.
///
/// # Errors
/// The file can't be read, or its content is no token.
pub fn read_token(file: &Path) -> Result<String, TokenError> {
    let place = file.display();
    let bytes = small_file::read(file).map_err(|error| TokenError {
        problem: format!("{place} can't be read: {error}"),
        remedy: "check the path, and that the user of the collector may read the file".to_owned(),
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let token = text.trim();
    if token.len() < LEAST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError {
            problem: format!("{place} has no token of at least {LEAST_TOKEN} visible ASCII characters"),
            remedy: "make one with `openssl rand -hex 32`".to_owned(),
        });
    }
    Ok(token.to_owned())
}
