//! The files of the page, as part of the binary.

use crate::control::etag::etag_of;

/// A file of the page.
pub(super) struct Asset {
    /// Its path below `/page/`.
    pub path: &'static str,
    /// Its content type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

impl Asset {
    /// Its ETag. Equal content has an equal ETag.
    pub fn etag(&self) -> String {
        etag_of(self.bytes)
    }
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! asset {
    ($path:literal, $content_type:expr) => {
        Asset {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/", $path)),
        }
    };
}

/// The document that `/` shows.
pub(super) static INDEX: Asset = asset!("index.html", HTML);

/// All other files.
pub(super) static ASSETS: &[Asset] = &[
    asset!("style.css", CSS),
    asset!("icon.svg", SVG),
    asset!("app/main.js", SCRIPT),
    asset!("app/html.js", SCRIPT),
    asset!("app/address.js", SCRIPT),
    asset!("app/ask.js", SCRIPT),
    asset!("app/poll.js", SCRIPT),
    asset!("app/rates.js", SCRIPT),
    asset!("app/words.js", SCRIPT),
    asset!("app/frame.js", SCRIPT),
    asset!("app/table.js", SCRIPT),
    asset!("app/chart.js", SCRIPT),
    asset!("app/attention.js", SCRIPT),
    asset!("app/overview.js", SCRIPT),
    asset!("app/router.js", SCRIPT),
    asset!("app/peer.js", SCRIPT),
    asset!("app/timeline.js", SCRIPT),
    asset!("app/search.js", SCRIPT),
    asset!("app/prefix.js", SCRIPT),
    asset!("app/message.js", SCRIPT),
    asset!("app/past.js", SCRIPT),
    asset!("app/events.js", SCRIPT),
    asset!("app/listen.js", SCRIPT),
    asset!("app/tail.js", SCRIPT),
    asset!("app/bmp.js", SCRIPT),
    asset!("app/malformed.js", SCRIPT),
    asset!("app/workers.js", SCRIPT),
    asset!("vendor/preact.mjs", SCRIPT),
    asset!("vendor/preact.LICENSE", TEXT),
    asset!("vendor/htm.mjs", SCRIPT),
    asset!("vendor/htm.LICENSE", TEXT),
    asset!("vendor/uPlot.iife.min.js", SCRIPT),
    asset!("vendor/uPlot.min.css", CSS),
    asset!("vendor/uPlot.LICENSE", TEXT),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn files_below(directory: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                files_below(&entry.path(), &format!("{name}/"), found);
            } else if !name.ends_with("README.md") {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut files = BTreeSet::new();
        files_below(&folder, "", &mut files);
        let listed: BTreeSet<_> = ASSETS
            .iter()
            .chain([&INDEX])
            .map(|asset| asset.path.to_owned())
            .collect();
        assert_eq!(listed, files);
    }

    /// The only addresses of other hosts: names of XML languages, and a comment of uPlot.
    const NAMES: [&str; 4] = [
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/1998/Math/MathML",
        "https://github.com/leeoniya/uPlot (v",
    ];

    #[test]
    fn no_file_refers_to_another_host() {
        for asset in ASSETS
            .iter()
            .chain([&INDEX])
            .filter(|asset| asset.content_type != TEXT)
        {
            let mut text = String::from_utf8(asset.bytes.to_vec()).unwrap();
            for name in NAMES {
                text = text.replace(name, "");
            }
            for foreign in [
                "http://", "https://", "ws://", "wss://", "url(", "=\"//", "='//", "@import",
            ] {
                assert!(!text.contains(foreign), "{} contains {foreign}", asset.path);
            }
        }
    }

    #[test]
    fn the_document_has_no_script_and_no_style_of_its_own() {
        let text = std::str::from_utf8(INDEX.bytes).unwrap();
        for inline in [
            "<style",
            "style=",
            "<script>",
            "onload=",
            "onclick=",
            "javascript:",
        ] {
            assert!(!text.contains(inline), "{inline}");
        }
    }

    #[test]
    fn the_document_and_the_scripts_load_only_files_that_are_there() {
        let index = std::str::from_utf8(INDEX.bytes).unwrap();
        let named = index.split('"').filter_map(|part| part.strip_prefix("page/"));
        for path in named {
            assert!(
                ASSETS.iter().any(|asset| asset.path == path),
                "index.html: {path}"
            );
        }
        for asset in ASSETS.iter().filter(|asset| asset.path.starts_with("app/")) {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            let imports = text.lines().filter(|line| line.starts_with("import "));
            for import in imports {
                let from = import.split('"').nth(1).unwrap();
                let path = match from.strip_prefix("../") {
                    Some(path) => path.to_owned(),
                    None => from.replace("./", "app/"),
                };
                assert!(
                    ASSETS.iter().any(|asset| asset.path == path),
                    "{}: {from}",
                    asset.path
                );
            }
        }
    }
}
