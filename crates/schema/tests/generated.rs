//! Checks that the generated Rust in the repository matches the schema. `UPDATE_GOLDEN=1` renews it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn the_generated_file_is_the_schema_s() {
    if !matches!(Command::new("capnp").arg("--version").output(), Ok(done) if done.status.success()) {
        println!("skipped: no `capnp` tool (Debian package capnproto)");
        return;
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked_in = here.join("src/generated/update_capnp.rs");
    let directory = tempfile::tempdir().unwrap();
    let compiled = capnpc::CompilerCommand::new()
        .src_prefix(here)
        .file(here.join("update.capnp"))
        .output_path(directory.path())
        .run();
    compiled.unwrap();
    let generated = fs::read_to_string(directory.path().join("update_capnp.rs")).unwrap();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&checked_in, &generated).unwrap();
    }
    let present = fs::read_to_string(&checked_in).unwrap();
    assert!(
        without_versions(&present) == without_versions(&generated),
        "src/generated/update_capnp.rs is not what update.capnp generates; renew it with UPDATE_GOLDEN=1"
    );
}

/// The file without its header, which has the versions of the tools. Those may differ.
fn without_versions(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}
