//! Applies what was published after the snapshots were taken, so that the tables hold what consumers hold.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use arancini_client::readable::read_sequence;
use arancini_client::records::Records;
use arancini_client::tail::since::{
    LateWrites, Published, Since, Wholeness, segment_sequences, segments_since, stream_since,
};
use arancini_core::{Position, Router};
use arancini_publish::SinkStatus;
use tracing::{info, warn};

use super::cancel::run_unless_cancelled;
use super::load::Loaded;
use super::position::{series_positions, stream_position};
use super::restored::Restored;
use crate::config::{Config, SinkKind};
use crate::snapshots::clock::unix_ns;

/// The tables after everything that was published since the snapshots is applied.
pub(super) struct CaughtUp {
    /// The tables.
    pub(super) loaded: Loaded,
    /// Why the published messages are incomplete; `None` if they are complete.
    gap: Option<String>,
    /// How much was published behind the position of the snapshots.
    found: Found,
}

/// What was found among the published messages.
#[derive(Default)]
struct Found {
    /// How many payloads were read.
    payloads: u64,
    /// How many of them were published by other collectors, and were skipped.
    foreign: u64,
    /// The other collectors.
    collectors: BTreeSet<String>,
    /// The routers that other collectors have published.
    routers: BTreeSet<IpAddr>,
}

/// Applies everything that was published behind the position of the snapshots. Fails if the start is cancelled meanwhile.
pub(super) fn catch_up(
    config: &Config,
    sink: &SinkStatus,
    mut loaded: Loaded,
    name: &str,
    cancelled: &dyn Fn() -> bool,
) -> Result<CaughtUp, String> {
    let mut found = Found::default();
    let mut broken: Option<String> = None;
    // Whoever has the store of another collector has its place: the other collector has this name now.
    let former = loaded.collector.clone().filter(|former| former != name);
    let is_own = |collector: &str| collector == name || former.as_deref() == Some(collector);
    let position = loaded.position.take();
    let relies_on = loaded.relies_on.take();
    let floor = &mut loaded.sequence_floor;
    let restore = &mut loaded.restore;
    let awaited = &mut loaded.awaited;
    let take = |published: Published<'_>| {
        found.payloads += 1;
        if let Some(id) = published.id {
            awaited.found(id);
        }
        if let Some(published) = published.sequence {
            *floor = published.last.max(*floor);
        }
        if let Some(collector) = published.collector.filter(|collector| !is_own(collector)) {
            found.foreign += 1;
            if !found.collectors.contains(collector) {
                found.collectors.insert(collector.to_owned());
            }
            if let Some(published) = published.sequence {
                found.routers.insert(published.router);
                restore.disown(published.router);
            }
            return;
        }
        if let Err(error) = restore.apply(published.kind, published.payload) {
            broken.get_or_insert_with(|| format!("a published message can't be read: {error}"));
            // The routers are resynced, but the sequence numbers of the messages behind the error still count.
            for record in Records::new(published.payload).map_while(Result::ok) {
                if let Some(seen) = read_sequence(published.kind, record) {
                    *floor = seen.last.max(*floor);
                }
            }
        }
    };
    let reader = Reader {
        config,
        sink,
        position: position.as_ref(),
        relies_on: relies_on.as_ref(),
        is_renamed: former.is_some(),
        cancelled,
    };
    let gap = match reader.read(take)? {
        Wholeness::Whole => broken,
        Wholeness::Gap(why) => Some(why),
    };
    reader.read_sequences(&mut loaded.sequence_floor)?;
    if let Some(former) = former {
        info!(
            former,
            name,
            "the snapshots were taken under another collector_name; the collector takes over what was published under it"
        );
    }
    loaded.position = position;
    Ok(CaughtUp { loaded, gap, found })
}

impl CaughtUp {
    /// Returns the outcome of the restore and logs it.
    pub(super) fn restored(self, begin: Instant) -> Restored {
        let Loaded {
            mut restore,
            mut sequence_floor,
            mut resync,
            position,
            ..
        } = self.loaded;
        let found = self.found;
        let has_snapshot = position.is_some();
        let from = match (&self.gap, has_snapshot) {
            (Some(_), _) => "what is left: every router is resynced",
            (None, true) => "the snapshot and what was published since",
            (None, false) if found.payloads == 0 => "nothing",
            (None, false) => "everything that was published",
        };
        if let Some(why) = &self.gap {
            resync = true;
            // The messages with the old sequences may be gone. The floor keeps new sequences above them even if the wall
            // clock is set back later.
            sequence_floor = sequence_floor.max(unix_ns());
            warn!(
                why,
                "the published messages are incomplete, so it is unknown what consumers hold; the next dump of every router is \
                 published in full, between the events resync-begin and resync-end"
            );
            restore.need_resync();
        } else if !has_snapshot && found.payloads == 0 {
            info!(
                "neither a snapshot nor a published message was found, so this looks like a first start; if an earlier run has \
                 published, that is lost: empty the tables of all consumers"
            );
        }
        if !found.routers.is_empty() {
            resync = true;
            let collectors: Vec<&str> = found.collectors.iter().map(String::as_str).collect();
            info!(
                collectors = collectors.join(", "),
                routers = found.routers.len(),
                "other collectors have published routers here; the first dump of such a router is a resync. If one of them was \
                 this collector under an earlier name, start it once with that collector_name and without snapshots, so \
                 that routers that never come back are withdrawn"
            );
        }
        let routes = restore.routes() as u64;
        let routers = restore.into_routers();
        let highest = routers.iter().map(Router::sequence).max().unwrap_or(0);
        let restored = Restored {
            routes,
            routers,
            resync,
            is_past_read: true,
            sequence_floor: sequence_floor.max(highest),
            took: begin.elapsed(),
        };
        info!(
            routers = restored.routers.len(),
            routes = restored.routes,
            from,
            messages_of_other_collectors = found.foreign,
            took_ms = restored.took.as_millis() as u64,
            "tables restored"
        );
        restored
    }
}

/// Returns a sequence that the stream is known to have: that of the fence, or of a message behind it.
fn stored_sequence(sink: &SinkStatus) -> u64 {
    match sink.position() {
        Some(Position::Stream { sequence, .. }) => sequence,
        Some(Position::Segments(_)) | None => 0,
    }
}

/// Reads what was published.
struct Reader<'a> {
    config: &'a Config,
    sink: &'a SinkStatus,
    /// The position of the snapshots; `None` without a snapshot.
    position: Option<&'a Position>,
    /// Where the sink was when everything in the snapshots was published.
    relies_on: Option<&'a Position>,
    /// The snapshots were taken under another name of the collector.
    is_renamed: bool,
    /// Whether the start is cancelled. A stream or segments can take minutes to read.
    cancelled: &'a dyn Fn() -> bool,
}

impl Reader<'_> {
    /// Reads what was published behind the position. Earlier runs of this collector can't publish any more.
    fn read(&self, take: impl FnMut(Published<'_>)) -> Result<Wholeness, String> {
        match self.config.sink() {
            SinkKind::Nats => self.read_stream(take),
            SinkKind::File => {
                let positions = self.position.map(series_positions);
                let directory = self.config.file_settings().directory;
                segments_since(&directory, positions.as_deref(), self.cancelled, take)
                    .map_err(|error| format!("can't read the segment files: {error}"))
            }
            SinkKind::Stdout | SinkKind::Null => Ok(Wholeness::Whole),
        }
    }

    fn read_stream(&self, take: impl FnMut(Published<'_>)) -> Result<Wholeness, String> {
        let mut known = Wholeness::Whole;
        let mut position = match self.position.map(stream_position).transpose() {
            Ok(position) => position,
            Err(gap) => return Ok(gap),
        };
        // Without a fence of this name the stream was purged, unless the collector had another name.
        if position.is_some() && self.sink.fence_was_gone() && !self.is_renamed {
            known = Wholeness::Gap("the stream was purged".to_owned());
            position = None;
        }
        // The fence keeps out only earlier runs of the same name.
        let late = if self.sink.is_fenced() && !self.is_renamed {
            LateWrites::Fenced
        } else {
            LateWrites::Possible
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let source = self.config.nats_settings().source();
        let since = Since {
            position,
            relies_on: self
                .relies_on
                .and_then(|relies_on| stream_position(relies_on).ok()),
            stored: stored_sequence(self.sink),
            late,
        };
        let read = async {
            let read = stream_since(&source, &since, take).await;
            read.map_err(|trouble| trouble.to_string())
        };
        run_unless_cancelled(&runtime, read, self.cancelled).map(|whole| known.and(whole))
    }

    /// Raises `floor` above the sequence numbers of the messages that [`Self::read`] does not hand out.
    fn read_sequences(&self, floor: &mut u64) -> Result<(), String> {
        if self.config.sink() != SinkKind::File {
            return Ok(());
        }
        let positions = self.position.map(series_positions);
        let directory = self.config.file_settings().directory;
        segment_sequences(&directory, positions.as_deref(), self.cancelled, |seen| {
            *floor = seen.last.max(*floor);
        })
        .map_err(|error| format!("can't read the segment files: {error}"))
    }
}
