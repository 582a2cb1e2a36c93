//! `fuzz-seeds DIRECTORY`: writes the seeds of every target below a directory.

use std::path::Path;

use arancini_fuzzing::{TARGETS, seeds};

fn main() -> std::io::Result<()> {
    let Some(directory) = std::env::args_os().nth(1) else {
        eprintln!("usage: fuzz-seeds DIRECTORY");
        std::process::exit(2);
    };
    let mut streams = seeds::streams(&seeds::root().join("testdata"));
    match seeds::corpus() {
        Some(corpus) => streams.extend(seeds::streams(&corpus)),
        None => println!("no corpus of full recordings: seeds are cut from testdata/ alone"),
    }
    for target in TARGETS {
        let place = Path::new(&directory).join(target.name);
        std::fs::create_dir_all(&place)?;
        let seeds = seeds::of(target.name, &streams);
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(place.join(format!("seed-{number:05}")), seed)?;
        }
        println!("{}: {} seeds", target.name, seeds.len());
    }
    Ok(())
}
