//! The sink `file`: rotating segment files with the same records that JetStream would get.
//!
//! A batch is durable when it is written and, with [`Fsync::Every`], synced. The sink waits for a full or failing disk.
//! Writes go to fixed places, so that a second attempt cannot double anything. A restart begins new segments, cuts off
//! what a crash has left incomplete at the end of the last ones, and closes them.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use arancini_client::segments::{list, list_strangers, series_name};
use arancini_client::{Reason, Trouble};
use arancini_core::{Batch, BatchKind, Position};
use tracing::{error, info, warn};

use super::mend::{Mended, mend};
use super::receipt::{Receipt, taken};
use super::series::{Series, close_left_open};
use crate::hooks::Hooks;
use crate::input::{BlockingInput, Given};
use crate::place::{CHECK_EVERY, Place};
use crate::settings::{FileSettings, Fsync, Retention};
use crate::status::SinkStatus;

/// Size at which the buffer of a series is written. It is also written when the bridge is empty.
const WRITE_AT_BYTES: usize = 1 << 20;
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Interval of retention. Retention by size also happens at each rotation.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// Runs the sink until the bridge is closed and everything is written.
pub(crate) fn run(
    settings: &FileSettings,
    bridge: &kanal::Receiver<Batch>,
    status: &SinkStatus,
    hooks: &Hooks,
) {
    let Some((place, series)) = begin(settings, bridge, status) else {
        return;
    };
    let mut writer = Writer::new(settings, place, series);
    status.set_position(writer.position());
    let mut input = BlockingInput::new(bridge);
    let work = |writer: &mut Writer, attempt: &mut dyn FnMut(&mut Writer) -> io::Result<()>| {
        // What was taken is not given up.
        let is_over = || false;
        let _ = wait_for(status, settings, is_over, || {
            writer.check_place(status, hooks)?;
            attempt(writer)
        });
    };
    loop {
        match input.take() {
            Given::Batch(batch) => {
                taken(status, hooks, &batch);
                work(&mut writer, &mut |writer| writer.make_room(&batch));
                writer.append(&batch);
                hooks.recycle(batch.payload);
            }
            Given::Nothing => {
                work(&mut writer, &mut Writer::write_out);
                writer.acknowledge_if_unsynced(status, hooks);
                input.wait(writer.patience());
            }
            Given::End => break,
        }
        if writer.sync_is_due() {
            work(&mut writer, &mut Writer::sync);
            writer.acknowledge(status, hooks);
        }
        if writer.has_old_segment() {
            work(&mut writer, &mut Writer::close_old);
        }
        writer.retain_if_due();
    }
    work(&mut writer, &mut Writer::sync);
    writer.acknowledge(status, hooks);
    writer.close_all();
}

/// Claims the directory and opens its series. `None` if the bridge is closed and empty before that works: nothing is
/// outstanding, so a stop need not wait for the disk.
fn begin(
    settings: &FileSettings,
    bridge: &kanal::Receiver<Batch>,
    status: &SinkStatus,
) -> Option<(Place, [Series; BatchKind::ALL.len()])> {
    let is_over = || bridge.is_terminated();
    let place = wait_for(status, settings, is_over, || Place::claim(&settings.directory))?;
    let series = wait_for(status, settings, is_over, || open_series(settings, status))?;
    Some((place, series))
}

/// Tries again until it works, or until `is_over`. Reports once why it does not work.
fn wait_for<T>(
    status: &SinkStatus,
    settings: &FileSettings,
    is_over: impl Fn() -> bool,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Option<T> {
    loop {
        match attempt() {
            Ok(value) => {
                if !status.is_ready() {
                    status.set_ready("file");
                }
                return Some(value);
            }
            Err(error) => {
                status.set_trouble("file", explain(&error, &settings.directory));
                if is_over() {
                    return None;
                }
                std::thread::sleep(RETRY_PAUSE);
            }
        }
    }
}

fn explain(error: &io::Error, directory: &Path) -> Trouble {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or lower the retention",
        io::ErrorKind::PermissionDenied => "give the collector's user write permission there",
        io::ErrorKind::ReadOnlyFilesystem => "mount it writable or choose another data directory",
        io::ErrorKind::ResourceBusy => "stop the other collector or choose another data directory",
        io::ErrorKind::NotFound => {
            "leave the files of a running collector in place; to free space, lower the retention"
        }
        _ => "check the disk, or choose another data directory",
    };
    Trouble::new(
        Reason::Io,
        format!("can't write segments in {}: {error}", directory.display()),
        remedy,
    )
}

/// Mends the last segment of each series, closes it, and finds the number of the next one.
fn open_series(settings: &FileSettings, status: &SinkStatus) -> io::Result<[Series; BatchKind::ALL.len()]> {
    let mut series = BatchKind::ALL.map(Series::new);
    for series in &mut series {
        for stranger in list_strangers(&settings.directory, series.kind)? {
            warn!(
                path = %stranger.display(),
                "ignored: it has the name of a segment, but it is no file that a collector has written; remove it"
            );
        }
        match mend(&settings.directory, series.kind)? {
            None => {}
            Some(Mended::Torn(bytes)) => warn!(
                series = series_name(series.kind),
                kept_bytes = bytes.kept,
                cut_bytes = bytes.lost,
                "cut off the message in which the last run ended; the messages before it are kept"
            ),
            Some(Mended::Damaged(bytes)) => {
                SinkStatus::add(&status.segments_lost, 1);
                error!(
                    series = series_name(series.kind),
                    kept_bytes = bytes.kept,
                    lost_bytes = bytes.lost,
                    "the last segment is damaged and is set aside; its readable messages are the next segment; check the disk"
                );
            }
        }
        close_left_open(&settings.directory, series.kind)?;
        if let Some(last) = list(&settings.directory, series.kind)?.last() {
            series.begin_after(last.number);
        }
        retain(&settings.directory, series.kind, settings.retention);
    }
    Ok(series)
}

/// Writes all series.
struct Writer {
    settings: FileSettings,
    place: Place,
    series: [Series; BatchKind::ALL.len()],
    /// Batches that are appended and not acknowledged yet.
    receipts: Vec<Receipt>,
    /// Time of the oldest append that is not synced.
    dirty_since: Option<Instant>,
    retained_at: Instant,
    /// Acknowledged messages are lost, and the routers are not resynced yet.
    is_resync_due: bool,
}

impl Writer {
    fn new(settings: &FileSettings, place: Place, series: [Series; BatchKind::ALL.len()]) -> Self {
        Self {
            settings: settings.clone(),
            place,
            series,
            receipts: Vec::new(),
            dirty_since: None,
            retained_at: Instant::now(),
            is_resync_due: false,
        }
    }

    /// Checks now and then that everything is in place. What was removed is given up: the sink goes on with a new directory
    /// or new segments, and all routers are resynced, because acknowledged messages are lost. Batches in a removed segment
    /// that were not synced yet are lost with it, and the resync repairs that too.
    ///
    /// # Errors
    /// Something was removed. The next call succeeds once the directory can be used again.
    fn check_place(&mut self, status: &SinkStatus, hooks: &Hooks) -> io::Result<()> {
        if !self.place.is_check_due() {
            return Ok(());
        }
        let directory = self.place.path().to_owned();
        let mut removed = (!self.place.has_lock()?).then(|| "the lock".to_owned());
        for series in &mut self.series {
            if series.is_removed(&directory)? {
                removed = Some(format!(
                    "the open segment of the series {}",
                    series_name(series.kind)
                ));
                series.give_up();
                SinkStatus::add(&status.segments_lost, 1);
                self.is_resync_due = true;
            }
        }
        if !self.place.has_directory()? {
            removed = Some("the directory".to_owned());
            self.is_resync_due = true;
        }
        let Some(removed) = removed else {
            self.place.note_checked();
            return Ok(());
        };
        if !self.place.has_lock()? {
            // This fails as long as another collector holds a new lock.
            self.place = Place::claim(&directory)?;
        }
        if std::mem::take(&mut self.is_resync_due) {
            error!(
                directory = %directory.display(),
                removed,
                "segments were removed while the collector wrote to them; all routers are resynced"
            );
            status.set_position(self.position());
            hooks.stream_is_emptied();
        }
        let what = format!("{removed} was removed or cut while the collector runs");
        Err(io::Error::new(io::ErrorKind::NotFound, what))
    }

    /// Writes and rotates so that the batch can be appended in memory.
    fn make_room(&mut self, batch: &Batch) -> io::Result<()> {
        let series = &mut self.series[batch.kind as usize];
        let room = self.settings.segment_bytes.saturating_sub(series.length());
        if series.length() > 0 && room < batch.payload.len() as u64 {
            series.close(&self.settings)?;
            retain(&self.settings.directory, series.kind, self.settings.retention);
        } else if series.waiting_bytes() >= WRITE_AT_BYTES {
            series.write_out()?;
        }
        series.open(&self.settings.directory)
    }

    fn append(&mut self, batch: &Batch) {
        self.series[batch.kind as usize].append(&batch.payload);
        self.receipts.push(Receipt::of(batch));
        self.dirty_since.get_or_insert_with(Instant::now);
    }

    fn write_out(&mut self) -> io::Result<()> {
        for series in &mut self.series {
            if series.waiting_bytes() > 0 {
                series.open(&self.settings.directory)?;
            }
            series.write_out()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.write_out()?;
        if let Fsync::Every(_) = self.settings.fsync {
            self.series.iter_mut().try_for_each(Series::sync)?;
        }
        Ok(())
    }

    fn has_old_segment(&self) -> bool {
        self.series.iter().any(|series| series.is_old(&self.settings))
    }

    /// Closes the segments that are open for long enough.
    fn close_old(&mut self) -> io::Result<()> {
        for series in &mut self.series {
            if series.is_old(&self.settings) {
                series.close(&self.settings)?;
            }
        }
        Ok(())
    }

    /// Closes all segments at the end. Everything is written already, so a failure is only logged.
    fn close_all(&mut self) {
        for series in &mut self.series {
            if let Err(error) = series.close(&self.settings) {
                warn!(
                    series = series_name(series.kind),
                    directory = %self.settings.directory.display(),
                    %error,
                    "can't close the segment; it keeps its ending .open until the next start of the collector closes it"
                );
            }
        }
    }

    fn sync_is_due(&self) -> bool {
        match (self.settings.fsync, self.dirty_since) {
            (Fsync::Every(period), Some(since)) => since.elapsed() >= period,
            (Fsync::Never, _) => self.receipts.len() >= 1024,
            (_, None) => false,
        }
    }

    /// Returns how long to wait for a batch before other work is due.
    fn patience(&self) -> Duration {
        match (self.settings.fsync, self.dirty_since) {
            (Fsync::Every(period), Some(since)) => period.saturating_sub(since.elapsed()).min(CHECK_EVERY),
            _ => CHECK_EVERY,
        }
    }

    fn acknowledge_if_unsynced(&mut self, status: &SinkStatus, hooks: &Hooks) {
        if self.settings.fsync == Fsync::Never {
            self.acknowledge(status, hooks);
        }
    }

    /// Returns the end of all series: what is appended from now on lies behind it.
    fn position(&self) -> Position {
        Position::Segments(self.series.iter().map(Series::end).collect())
    }

    fn acknowledge(&mut self, status: &SinkStatus, hooks: &Hooks) {
        self.dirty_since = None;
        status.set_position(self.position());
        for receipt in self.receipts.drain(..) {
            receipt.acknowledge(status, hooks);
        }
    }

    fn retain_if_due(&mut self) {
        if self.retained_at.elapsed() >= RETENTION_EVERY {
            self.retained_at = Instant::now();
            BatchKind::ALL
                .iter()
                .for_each(|kind| retain(&self.settings.directory, *kind, self.settings.retention));
        }
    }
}

/// Removes the oldest segments beyond the limits. The last segment always stays, since its number says which numbers were
/// used. A failure is only logged: too many segments are no reason to stop.
fn retain(directory: &Path, kind: BatchKind, retention: Retention) {
    let segments = match list(directory, kind) {
        Ok(segments) => segments,
        Err(error) => {
            return warn!(directory = %directory.display(), %error, "can't list segments for retention");
        }
    };
    let mut total: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let oldest = retention
        .max_age
        .and_then(|age| SystemTime::now().checked_sub(age));
    let removable = segments.len().saturating_sub(1);
    for segment in segments.into_iter().take(removable) {
        let too_much = retention.max_bytes.is_some_and(|most| total > most);
        let too_old = oldest.is_some_and(|oldest| segment.modified < oldest);
        if !too_much && !too_old {
            break;
        }
        total -= segment.bytes;
        match std::fs::remove_file(&segment.path) {
            Ok(()) => info!(segment = %segment.path.display(), "segment removed by retention"),
            Err(error) => warn!(segment = %segment.path.display(), %error, "can't remove segment"),
        }
    }
}
