//! The generated pages of settings match the table of settings.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use arancini_collector::config::{load, markdown, table, template};

fn compare(path: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "{} differs from the table of settings; generate it again with \
         UPDATE_GOLDEN=1 cargo test -p arancini-collector --test documentation",
        path.display()
    );
}

#[test]
fn the_page_is_made_from_the_settings() {
    compare("docs/configuration.md", &markdown());
}

#[test]
fn the_example_is_made_from_the_settings() {
    compare("packaging/arancini.example.toml", &template());
}

#[test]
fn the_example_with_every_default_switched_on_is_the_default() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("all.toml");
    let known: Vec<_> = table().into_iter().flat_map(|section| section.settings).collect();
    let text: String = template()
        .lines()
        .map(|line| {
            let setting = line.strip_prefix("# ").filter(|rest| {
                !rest.ends_with("# not set")
                    && known
                        .iter()
                        .any(|known| rest.starts_with(&format!("{} = ", known.key)))
            });
            format!("{}\n", setting.unwrap_or(line))
        })
        .collect();
    std::fs::write(&path, &text).unwrap();
    let switched_on = text
        .lines()
        .filter(|line| !line.starts_with(['#', '[']) && !line.is_empty())
        .count();
    assert_eq!(
        switched_on,
        known.iter().filter(|setting| setting.default.is_some()).count()
    );
    // The sink has no default, so that a NATS URL selects the sink `nats`.
    assert_eq!(load(Some(&path), [], &[]).unwrap(), load(None, [], &[]).unwrap());
}

#[test]
fn every_setting_is_explained() {
    for setting in table().into_iter().flat_map(|section| section.settings) {
        assert!(setting.doc.trim().ends_with('.'), "{}", setting.path());
        assert!(setting.doc.trim().len() > 10, "{}", setting.path());
    }
}
