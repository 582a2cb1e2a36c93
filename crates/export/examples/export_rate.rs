//! Seconds and bytes of an export of segments: `export_rate DIRECTORY json|parquet|mrt`.

use std::fs::File;
use std::io::{BufWriter, Seek};
use std::path::Path;
use std::time::Instant;

use arancini_export::{
    Destination, Filter, JsonLines, MessageWriter, MrtMessages, Parquet, Problems, export_segments,
};
use arancini_schema::update_capnp::RibView;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, directory, format] = arguments.as_slice() else {
        return Err("give a directory of segments, and json, parquet or mrt".into());
    };
    let mut file = tempfile::tempfile()?;
    let out: File = file.try_clone()?;
    let mut writer: Box<dyn MessageWriter> = match format.as_str() {
        "json" => Box::new(JsonLines::of_updates(BufWriter::new(out))),
        "mrt" => Box::new(MrtMessages::new(BufWriter::new(out), RibView::AdjRibInPre)),
        _ => Box::new(Parquet::new(out)?),
    };
    let begun = Instant::now();
    let mut problems = Problems::new(|text| eprintln!("{text}"));
    let mut destination = Destination {
        filter: &Filter::default(),
        writer: &mut *writer,
        problems: &mut problems,
    };
    export_segments(Path::new(directory), &mut destination)?;
    let finished = writer.finish()?;
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = file.seek(std::io::SeekFrom::End(0))?;
    println!(
        "{format}: {} updates in {seconds:.1} s, {:.0} updates/s, {bytes} bytes, {:.1} bytes an update",
        finished.messages,
        finished.messages as f64 / seconds,
        bytes as f64 / finished.messages as f64
    );
    Ok(())
}
