//! Applies what was published after the snapshots were taken, so that the tables hold what consumers hold.

use std::time::Instant;

use arancini_client::readable::read_sequence;
use arancini_client::records::Records;
use arancini_client::tail::since::{LateWrites, Published, Wholeness, segments_since, stream_since};
use arancini_core::{Position, Router};
use arancini_publish::SinkStatus;
use tracing::{info, warn};

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
    /// How many messages of other collectors were skipped.
    foreign: u64,
}

/// Applies everything that was published behind the position of the snapshots.
pub(super) fn catch_up(
    config: &Config,
    sink: &SinkStatus,
    mut loaded: Loaded,
    name: &str,
) -> Result<CaughtUp, String> {
    let mut foreign = 0_u64;
    let mut broken: Option<String> = None;
    let restore = &mut loaded.restore;
    let take = |published: Published<'_>| {
        if published.collector.is_some_and(|collector| collector != name) {
            foreign += 1;
            if let Some(published) = published.sequence {
                restore.disown(published.router);
            }
            return;
        }
        if let Some(published) = published.sequence {
            restore.sequence_seen(published.router, published.last);
        }
        if let Err(error) = restore.apply(published.kind, published.payload) {
            broken.get_or_insert_with(|| format!("a published message can't be read: {error}"));
            // The tables are forgotten, but the sequence numbers of the messages behind the error still count.
            for record in Records::new(published.payload).map_while(Result::ok) {
                if let Some(seen) = read_sequence(published.kind, record) {
                    restore.sequence_seen(seen.router, seen.last);
                }
            }
        }
    };
    let gap = match read_published(config, sink, loaded.position.as_ref(), take)? {
        Wholeness::Whole => broken,
        Wholeness::Gap(why) => Some(why),
    };
    Ok(CaughtUp { loaded, gap, foreign })
}

impl CaughtUp {
    /// Returns the outcome of the restore and logs it.
    pub(super) fn restored(self, begin: Instant) -> Restored {
        let Loaded {
            mut restore,
            mut sequence_floor,
            mut resync,
            ..
        } = self.loaded;
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
            restore.forget_routes();
        }
        let routes = restore.routes() as u64;
        let routers = restore.into_routers();
        let highest = routers.iter().map(Router::sequence).max().unwrap_or(0);
        let restored = Restored {
            routes,
            routers,
            resync,
            sequence_floor: sequence_floor.max(highest),
            took: begin.elapsed(),
        };
        info!(
            routers = restored.routers.len(),
            routes = restored.routes,
            messages_of_other_collectors = self.foreign,
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

/// Reads what was published behind the position. Earlier runs of this collector can't publish any more.
fn read_published(
    config: &Config,
    sink: &SinkStatus,
    position: Option<&Position>,
    take: impl FnMut(Published<'_>),
) -> Result<Wholeness, String> {
    match config.sink() {
        SinkKind::Nats if position.is_some() && sink.fence_was_gone() => {
            Ok(Wholeness::Gap("the stream was purged".to_owned()))
        }
        SinkKind::Nats => {
            let position = match position.map(stream_position).transpose() {
                Ok(position) => position,
                Err(gap) => return Ok(gap),
            };
            let late = if sink.is_fenced() {
                LateWrites::Fenced
            } else {
                LateWrites::Possible
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            let read = runtime.block_on(stream_since(
                &config.nats_settings().source(),
                position,
                stored_sequence(sink),
                late,
                take,
            ));
            read.map_err(|trouble| trouble.to_string())
        }
        SinkKind::File => {
            let positions = position.map(series_positions);
            segments_since(&config.file_settings().directory, positions.as_deref(), take)
                .map_err(|error| format!("can't read the segment files: {error}"))
        }
        SinkKind::Stdout | SinkKind::Null => Ok(Wholeness::Whole),
    }
}
