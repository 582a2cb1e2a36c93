//! The pages for people who use the program, and the command lines in them.

use std::path::{Path, PathBuf};

/// A line of a page, for messages.
pub struct Said {
    pub place: String,
    pub text: String,
}

/// Root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages for people who use the program.
pub fn pages() -> Vec<(String, String)> {
    let mut files = vec![root().join("README.md"), root().join("RELEASING.md")];
    files.extend(
        std::fs::read_dir(root().join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    let named = files.into_iter().map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    });
    named.collect()
}

/// The commands behind `$ ` in a page. A line that ends with `\` goes on in the next one.
pub fn commands(page: &str, text: &str) -> Vec<Said> {
    let mut found: Vec<Said> = Vec::new();
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let part = line.strip_suffix('\\');
        let command = part.unwrap_or(line).trim_end();
        if goes_on {
            let last = found.last_mut().unwrap();
            last.text.push(' ');
            last.text.push_str(command);
            goes_on = part.is_some();
        } else if let Some(command) = command.strip_prefix("$ ") {
            found.push(Said {
                place: format!("{page}:{}", number + 1),
                text: command.to_owned(),
            });
            goes_on = part.is_some();
        }
    }
    found
}
