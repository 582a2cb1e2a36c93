//! The segments of a file sink as a source.

use std::io;
use std::path::Path;

use arancini_client::records::Records;
use arancini_client::segments::{Segment, list, segment_path};
use arancini_client::tail::since::read_segment;
use arancini_schema::MessageKind;

use crate::error::ExportError;
use crate::payload::Destination;

/// Exports the segments of a directory: the updates last, because events of peers tell what updates mean.
///
/// Segments that the sink has ended and the one that it writes now are read alike. A damaged segment is a problem; the
/// records before and behind the damage are exported.
///
/// # Errors
/// The directory or a segment cannot be read, or the file cannot be written.
pub fn export_segments(directory: &Path, destination: &mut Destination<'_>) -> Result<(), ExportError> {
    let unreadable = |path: &Path, error| ExportError::Segments {
        path: path.to_owned(),
        error,
    };
    let mut kinds = MessageKind::ALL;
    kinds.sort_by_key(|kind| *kind == MessageKind::Updates);
    for kind in kinds {
        let segments = list(directory, kind).map_err(|error| unreadable(directory, error))?;
        let mut next = segments.first().map_or(1, |segment| segment.number);
        let last = segments.last().map_or(0, |segment| segment.number);
        for segment in &segments {
            if segment.number != next {
                let missing = segment_path(directory, kind, next);
                destination.problems.add(format_args!(
                    "{} is missing, and what it held is not exported; a segment that was set aside has .damaged behind its name \
                     (docs/operating.md#lost-segments)",
                    missing.display()
                ));
            }
            next = segment.number + 1;
            if segment
                .file()
                .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            {
                destination.problems.add(format_args!(
                    "{} was removed while the export read the directory, and is not exported; export again, or raise file.keep_bytes \
                     and file.keep_age_s",
                    segment.path.display()
                ));
                continue;
            }
            export_segment(segment, segment.number == last, destination)?;
        }
    }
    Ok(())
}

fn export_segment(
    segment: &Segment,
    is_last: bool,
    destination: &mut Destination<'_>,
) -> Result<(), ExportError> {
    let name = segment.path.display();
    let mut messages = 0;
    let mut written = Ok(());
    let damage = read_segment(segment, 0, &|| false, &mut |published| {
        if written.is_ok() {
            let place = |number| format!("{name}: message {}", messages + number + 1);
            written = destination.take(segment.kind, published.payload, place);
            messages += Records::new(published.payload).count() as u64;
        }
    })
    .map_err(|error| ExportError::Segments {
        path: segment.path.clone(),
        error,
    })?;
    written?;
    match damage {
        None => {}
        Some(damage) if damage.is_at_end && is_last => destination.problems.note(format_args!(
            "{name} ends within a message at byte {}: the collector is writing it, or was killed; everything before is exported",
            damage.at
        )),
        Some(damage) => destination.problems.add(format_args!(
            "{name} is damaged at byte {}; what can be read before and behind the damage is exported \
             (docs/operating.md#lost-segments)",
            damage.at
        )),
    }
    Ok(())
}
