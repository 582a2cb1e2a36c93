//! A start from where the last life ended: the newest whole generation of snapshots, and what was published since.

use std::io;
use std::time::{Duration, Instant};

use arancini_client::segments::{SeriesPosition, series_name};
use arancini_client::tail::since::{
    LateWrites, Published, StreamPosition, Wholeness, segments_since, stream_since,
};
use arancini_core::position::SegmentEnd;
use arancini_core::snapshot::{ReadError, Restore, read_snapshot};
use arancini_core::{Position, Router};
use arancini_publish::SinkStatus;
use arancini_publish::spool::SpooledBatch;
use arancini_rib::CurationMode;
use arancini_schema::MessageKind;
use tracing::{error, info, warn};

use super::store::{Manifest, Store, may_pass, read_may_pass};
use crate::config::{Config, OnFull, SinkKind};

/// Before what was published is asked for again, when it could not be had.
const PAUSE: Duration = Duration::from_millis(500);

/// What a restore came to.
#[derive(Default)]
pub struct Restored {
    /// The routers, with the routes that consumers hold of them.
    pub routers: Vec<Router>,
    /// Consumers' state can't be known: the first dump of every router is a resync.
    pub resync: bool,
    /// No router may get a sequence number at or below this one.
    pub sequence_floor: u64,
    /// Routes in all.
    pub routes: u64,
    /// How long it took.
    pub took: Duration,
}

impl Restored {
    /// Spreads the routers over workers, the largest first, each to whoever holds the fewest routes.
    #[must_use]
    pub fn spread(mut self, workers: usize) -> Vec<Vec<Router>> {
        let mut shares: Vec<(usize, Vec<Router>)> = (0..workers.max(1)).map(|_| (0, Vec::new())).collect();
        self.routers
            .sort_by_key(|router| std::cmp::Reverse(router.routes()));
        for router in self.routers {
            if let Some((routes, share)) = shares
                .iter_mut()
                .min_by_key(|(routes, share)| (*routes, share.len()))
            {
                *routes += router.routes();
                share.push(router);
            }
        }
        shares.into_iter().map(|(_, share)| share).collect()
    }
}

/// What waits in the spool to be published first. To be called before the sink starts, which takes it away.
#[must_use]
pub fn open_spool(config: &Config) -> Spooled {
    if config.publish.on_full != OnFull::Spool || config.sink() != SinkKind::Nats {
        return Box::new(std::iter::empty());
    }
    match arancini_publish::spool::read_all(&config.spool_dir()) {
        Ok(batches) => Box::new(batches),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Box::new(std::iter::empty()),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// The batches of a spool, in order.
pub type Spooled = Box<dyn Iterator<Item = io::Result<SpooledBatch>>>;

/// Applies what will be published next, from the spool.
fn apply_spool(restore: &mut Restore, spooled: Spooled, name: &str) {
    for batch in spooled {
        let applied = match batch {
            Ok(batch) if batch.collector == name => {
                restore.sequence_seen(batch.router, batch.last_sequence);
                restore
                    .apply_again(batch.kind, &batch.payload)
                    .map_err(|error| error.to_string())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = applied {
            // It will not be published either, so consumers and tables agree.
            warn!(why, "a part of the spool can't be restored");
        }
    }
}

/// Restores. Waits for a broker that is away, until `cancelled`; then `None`.
pub fn restore(
    config: &Config,
    store: &dyn Store,
    sink: &SinkStatus,
    mode: CurationMode,
    spooled: Spooled,
    cancelled: &dyn Fn() -> bool,
) -> Option<Restored> {
    let begin = Instant::now();
    let name = config.collector_name();
    // What the stream has when the sink has connected is all that earlier lives will have said: it has raised its fence.
    if config.sink() == SinkKind::Nats && !connected(sink, cancelled) {
        return None;
    }
    let mut said = false;
    loop {
        let loaded = load_newest(store, config.sink(), mode);
        store.rest();
        match loaded.and_then(|loaded| replay(config, sink, loaded, &name)) {
            Ok(mut replayed) => {
                apply_spool(&mut replayed.loaded.restore, spooled, &name);
                return Some(replayed.restored(begin));
            }
            Err(why) => {
                if !std::mem::replace(&mut said, true) {
                    warn!(why, "{WAITING}");
                }
                if wait(PAUSE, || cancelled().then_some(())).is_some() {
                    return None;
                }
            }
        }
    }
}

const WAITING: &str = "tables can't be restored before snapshots and sink can be read; waiting, and not listening for routers meanwhile";

/// Waits until the sink has connected; `false` if that is not wanted any more.
fn connected(sink: &SinkStatus, cancelled: &dyn Fn() -> bool) -> bool {
    let outcome = || match sink.position() {
        Some(_) => Some(true),
        None => cancelled().then_some(false),
    };
    wait(PAUSE, outcome).unwrap_or_else(|| {
        let why = sink
            .trouble()
            .map_or_else(String::new, |trouble| trouble.to_string());
        warn!(why, "{WAITING}");
        wait(Duration::MAX, outcome).unwrap_or(false)
    })
}

/// Asks for an outcome until there is one or the time is over.
fn wait<T>(time: Duration, outcome: impl Fn() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    while begin.elapsed() < time {
        let outcome = outcome();
        if outcome.is_some() {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Snapshots, and what was published since.
struct Replayed {
    loaded: Loaded,
    /// Why that is not all of it.
    gap: Option<String>,
    /// Messages of other collectors.
    foreign: u64,
}

/// Applies what was published behind the snapshots.
fn replay(config: &Config, sink: &SinkStatus, mut loaded: Loaded, name: &str) -> Result<Replayed, String> {
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
        }
    };
    let gap = match tail(config, sink, loaded.position.as_ref(), take)? {
        Wholeness::Whole => broken,
        Wholeness::Gap(why) => Some(why),
    };
    Ok(Replayed { loaded, gap, foreign })
}

impl Replayed {
    fn restored(self, begin: Instant) -> Restored {
        let Loaded {
            mut restore,
            mut sequence_floor,
            mut resync,
            ..
        } = self.loaded;
        if let Some(why) = &self.gap {
            resync = true;
            // All that held the old sequences may be gone, and the wall clock may be set back later.
            sequence_floor = sequence_floor.max(super::unix_ns());
            warn!(
                why,
                "what consumers hold can't be known: every router's next dump is published in full, between resync-begin and resync-end"
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

/// What was published behind the position; nothing more will be by earlier lives.
fn tail(
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
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            let position = position.map(stream_position).transpose();
            let position = match position {
                Ok(position) => position,
                Err(gap) => return Ok(gap),
            };
            let late = if sink.is_fenced() {
                LateWrites::Fenced
            } else {
                LateWrites::Possible
            };
            let read = runtime.block_on(stream_since(
                &config.nats_settings().source(),
                position,
                late,
                take,
            ));
            read.map_err(|trouble| trouble.to_string())
        }
        SinkKind::File => {
            let positions = position.map(series_positions);
            segments_since(&config.file_settings().directory, positions.as_deref(), take)
                .map_err(|error| format!("the segments can't be read: {error}"))
        }
        SinkKind::Stdout | SinkKind::Null => Ok(Wholeness::Whole),
    }
}

/// The position in a stream; a gap for a position of the other sink.
fn stream_position(position: &Position) -> Result<StreamPosition, Wholeness> {
    match position {
        Position::Stream {
            created_unix_ns,
            sequence,
            ..
        } => Ok(StreamPosition {
            created_unix_ns: *created_unix_ns,
            sequence: *sequence,
        }),
        Position::Segments(_) => Err(Wholeness::Gap("the snapshot is not of a stream".to_owned())),
    }
}

/// The positions in the series of segments; none of a stream's position.
fn series_positions(position: &Position) -> Vec<SeriesPosition> {
    let ends: &[SegmentEnd] = match position {
        Position::Segments(ends) => ends,
        Position::Stream { .. } => &[],
    };
    let of_series = |end: &SegmentEnd| {
        let kind = MessageKind::ALL
            .into_iter()
            .find(|kind| series_name(*kind) == end.series)?;
        Some(SeriesPosition {
            kind,
            number: end.number,
            bytes: end.bytes,
        })
    };
    ends.iter().filter_map(of_series).collect()
}

/// What snapshots say, before the tail.
pub struct Loaded {
    /// The routers.
    pub restore: Restore,
    /// The earliest of the snapshots' positions; `None` without a snapshot.
    position: Option<Position>,
    sequence_floor: u64,
    resync: bool,
}

impl Loaded {
    const fn nothing(mode: CurationMode) -> Self {
        Self {
            restore: Restore::new(mode),
            position: None,
            sequence_floor: 0,
            resync: false,
        }
    }
}

/// The newest generation that is whole and of this sink. What is damaged is set aside, with a word. An error where the
/// store can't be asked now.
fn load_newest(store: &dyn Store, sink: SinkKind, mode: CurationMode) -> Result<Loaded, String> {
    let listed = store.prepare().and_then(|()| store.generations());
    let generations = match listed {
        Ok(generations) => generations,
        Err(error) if may_pass(&error) => return Err(error.to_string()),
        Err(error) => {
            error!(store = store.place(), %error, "snapshots can't be listed");
            Vec::new()
        }
    };
    for (number, manifest) in generations {
        let loaded = manifest
            .map_err(LoadError::Damaged)
            .and_then(|manifest| load(store, &manifest, mode));
        match loaded {
            Ok(loaded)
                if loaded
                    .position
                    .as_ref()
                    .is_some_and(|position| is_of(position, sink)) =>
            {
                return Ok(loaded);
            }
            Ok(_) => warn!(generation = number, "a snapshot of another sink is not used"),
            Err(LoadError::Away(why)) => return Err(why),
            Err(LoadError::Damaged(why)) => {
                error!(
                    generation = number,
                    store = store.place(),
                    why,
                    "a snapshot can't be used and is set aside; going on with an older one, or with the stream alone"
                );
                store.set_aside(number, &why);
            }
        }
    }
    Ok(Loaded::nothing(mode))
}

/// Why a generation can't be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// Its store can't be asked now.
    Away(String),
    /// It is not whole.
    Damaged(String),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Away(why) | Self::Damaged(why)) = self;
        f.write_str(why)
    }
}

/// Loads all files of a generation.
pub fn load(store: &dyn Store, manifest: &Manifest, mode: CurationMode) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::nothing(mode);
    for file in &manifest.files {
        let restore = &mut loaded.restore;
        let read = store
            .open(file)
            .map_err(ReadError::Io)
            .and_then(|open| read_snapshot(open, |kind, payload| restore.load(kind, payload)));
        let (head, end) = read.map_err(|error| {
            let why = format!("{}: {error}", file.name);
            if read_may_pass(&error) {
                LoadError::Away(why)
            } else {
                LoadError::Damaged(why)
            }
        })?;
        loaded.sequence_floor = loaded.sequence_floor.max(end.sequence_floor);
        loaded.resync |= end.resync_strangers;
        loaded.position = Some(match loaded.position {
            None => head.position,
            Some(before) => earlier(before, head.position).ok_or_else(|| {
                let why = "of another sink than the files before it";
                LoadError::Damaged(format!("{}: {why}", file.name))
            })?,
        });
    }
    Ok(loaded)
}

const fn is_of(position: &Position, sink: SinkKind) -> bool {
    matches!(
        (position, sink),
        (Position::Stream { .. }, SinkKind::Nats) | (Position::Segments(_), SinkKind::File)
    )
}

/// The earlier of two positions of one sink.
fn earlier(one: Position, other: Position) -> Option<Position> {
    match (one, other) {
        (
            Position::Stream {
                stream,
                created_unix_ns,
                sequence,
            },
            Position::Stream {
                stream: other_stream,
                created_unix_ns: other_created,
                sequence: other_sequence,
            },
        ) if stream == other_stream && created_unix_ns == other_created => Some(Position::Stream {
            stream,
            created_unix_ns,
            sequence: sequence.min(other_sequence),
        }),
        (Position::Segments(one), Position::Segments(other)) => {
            let pick = |end: SegmentEnd| match other.iter().find(|other| other.series == end.series) {
                Some(other) if (other.number, other.bytes) < (end.number, end.bytes) => other.clone(),
                _ => end,
            };
            Some(Position::Segments(one.into_iter().map(pick).collect()))
        }
        _ => None,
    }
}
