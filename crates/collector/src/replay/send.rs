//! Sending recordings to a collector: at full speed or in recorded time, from chosen source addresses.

use std::io::{self, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arancini_wire::bmp::MessageType;
use socket2::{Domain, Protocol, Socket, Type};

use super::error::ReplayError;
use super::recording::Recording;

/// How much is given to the kernel at once at full speed.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long the collector gets to read what is under way and close its side.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// How fast messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as the collector takes them.
    FullSpeed,
    /// With the recorded pauses, divided by `speed`. Times that go back don't wait.
    Recorded {
        /// 2.0 is twice as fast as recorded.
        speed: f64,
        /// No single pause is longer. A router stamps the routes of its first dump with the times at which it learned
        /// them, so hours may lie between two messages that were sent at once.
        longest_pause: Duration,
    },
}

/// How recordings are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The collector.
    pub to: SocketAddr,
    /// Source addresses, each imitating a router; empty leaves the choice to the kernel.
    pub from: Vec<IpAddr>,
    /// How fast.
    pub pace: Pace,
    /// How often each recording is sent, each time over a connection of its own.
    pub repeat: u32,
    /// Whether each router's last connection is handed back open in [`Sent::open`] instead of being closed.
    pub keep_open: bool,
}

impl Options {
    /// Once, at full speed, from any address, and closed at the end.
    #[must_use]
    pub const fn new(to: SocketAddr) -> Self {
        Self {
            to,
            from: Vec::new(),
            pace: Pace::FullSpeed,
            repeat: 1,
            keep_open: false,
        }
    }
}

/// How far a replay is; may be read while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes given to the kernel.
    pub bytes: AtomicU64,
    /// Whole messages given to the kernel.
    pub messages: AtomicU64,
}

/// Messages by type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCounts {
    counts: [u64; 8],
}

impl MessageCounts {
    fn add(&mut self, kind: MessageType) {
        // Types beyond Route Mirroring share the last place.
        let index = usize::from(kind.code()).min(self.counts.len() - 1);
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        for (own, more) in self.counts.iter_mut().zip(other.counts) {
            *own += more;
        }
    }

    /// The counts with the names of the types, in the order of their numbers; the last is of the unknown types.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        (0..)
            .zip(self.counts)
            .map(|(code, count)| (MessageType::from_code(code).name(), count))
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// Connections that were made.
    pub sessions: u64,
    /// Bytes that were sent.
    pub bytes: u64,
    /// Of these, bytes that are no whole version 3 message.
    pub unframed_bytes: u64,
    /// Messages that were sent.
    pub messages: MessageCounts,
    /// How long it took.
    pub elapsed: Duration,
}

impl Summary {
    fn merge(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.bytes += other.bytes;
        self.unframed_bytes += other.unframed_bytes;
        self.messages.merge(&other.messages);
    }
}

/// The outcome of a replay.
#[derive(Debug)]
pub struct Sent {
    /// What was sent.
    pub summary: Summary,
    /// With [`Options::keep_open`]: the last connection of each router. Dropping them closes them.
    pub open: Vec<TcpStream>,
}

/// Connects to a collector, from a source address if one is given.
///
/// # Errors
/// The connection can't be made.
pub fn connect(to: SocketAddr, from: Option<IpAddr>) -> Result<TcpStream, ReplayError> {
    let connected = || -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(from) = from {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        socket.connect(&to.into())?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket.into())
    };
    connected().map_err(|source| ReplayError::Connect { to, from, source })
}

/// Sends recordings to a collector.
///
/// Recordings are dealt out to the source addresses in turn; with more addresses than recordings, recordings are used
/// again, so that every address sends. Addresses send at the same time; an address with several recordings sends them
/// one after the other, each over a connection of its own, as a router does that connects again.
///
/// # Errors
/// The first connection that could not be made or was ended by the collector; the others are sent to their end.
pub fn send(recordings: &[Recording], options: &Options, progress: &Progress) -> Result<Sent, ReplayError> {
    let begin = Instant::now();
    let mut sent = Sent {
        summary: Summary::default(),
        open: Vec::new(),
    };
    let mut failure = None;
    std::thread::scope(|scope| {
        let routers: Vec<_> = deal(recordings, &options.from)
            .into_iter()
            .map(|(from, queue)| scope.spawn(move || send_queue(&queue, from, options, progress)))
            .collect();
        for router in routers {
            match router.join() {
                Ok(Ok((summary, open))) => {
                    sent.summary.merge(&summary);
                    sent.open.extend(open);
                }
                Ok(Err(error)) => failure = failure.take().or(Some(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    sent.summary.elapsed = begin.elapsed();
    match failure {
        Some(error) => Err(error),
        None => Ok(sent),
    }
}

/// Which address sends which recordings.
fn deal<'r>(recordings: &'r [Recording], from: &[IpAddr]) -> Vec<(Option<IpAddr>, Vec<&'r Recording>)> {
    if from.is_empty() {
        return vec![(None, recordings.iter().collect())];
    }
    let turns = recordings.len().max(from.len());
    let mut queues: Vec<(Option<IpAddr>, Vec<&Recording>)> =
        from.iter().map(|address| (Some(*address), Vec::new())).collect();
    for (turn, recording) in recordings.iter().cycle().take(turns).enumerate() {
        if let Some((_, queue)) = queues.get_mut(turn % from.len()) {
            queue.push(recording);
        }
    }
    queues
}

fn send_queue(
    queue: &[&Recording],
    from: Option<IpAddr>,
    options: &Options,
    progress: &Progress,
) -> Result<(Summary, Option<TcpStream>), ReplayError> {
    let mut summary = Summary::default();
    let mut open = None;
    let rounds = (0..options.repeat).flat_map(|_| queue.iter());
    for recording in rounds {
        if let Some(previous) = open.take() {
            close(previous);
        }
        let mut stream = connect(options.to, from)?;
        let one = send_one(recording, &mut stream, options, progress)?;
        summary.merge(&one);
        open = Some(stream);
    }
    if !options.keep_open
        && let Some(last) = open.take()
    {
        close(last);
    }
    Ok((summary, open))
}

fn send_one(
    recording: &Recording,
    stream: &mut TcpStream,
    options: &Options,
    progress: &Progress,
) -> Result<Summary, ReplayError> {
    let mut summary = Summary {
        sessions: 1,
        ..Summary::default()
    };
    let mut pauses = Pauses::new(options.pace);
    let mut pending = 0..0;
    let mut pending_messages = 0;
    for message in recording.messages() {
        let flush_first = pauses.before(message.time_ns);
        if flush_first.is_some() || pending.len() >= CHUNK_BYTES {
            write(
                recording,
                &mut pending,
                stream,
                options.to,
                &mut summary,
                progress,
            )?;
            progress
                .messages
                .fetch_add(std::mem::take(&mut pending_messages), Relaxed);
        }
        if let Some(pause) = flush_first {
            std::thread::sleep(pause);
        }
        pending.end += message.bytes.len();
        match message.message_type {
            Some(kind) => {
                summary.messages.add(kind);
                pending_messages += 1;
            }
            None => summary.unframed_bytes += message.bytes.len() as u64,
        }
    }
    write(
        recording,
        &mut pending,
        stream,
        options.to,
        &mut summary,
        progress,
    )?;
    progress.messages.fetch_add(pending_messages, Relaxed);
    Ok(summary)
}

/// Writes the pending range and makes it empty.
fn write(
    recording: &Recording,
    pending: &mut std::ops::Range<usize>,
    stream: &mut TcpStream,
    to: SocketAddr,
    summary: &mut Summary,
    progress: &Progress,
) -> Result<(), ReplayError> {
    let bytes = recording.bytes.get(pending.clone()).unwrap_or_default();
    stream.write_all(bytes).map_err(|source| ReplayError::Closed {
        to,
        after_bytes: summary.bytes,
        source,
    })?;
    summary.bytes += bytes.len() as u64;
    progress.bytes.fetch_add(bytes.len() as u64, Relaxed);
    *pending = pending.end..pending.end;
    Ok(())
}

/// Ends the stream and waits for the collector to have read it; what it says by then does not matter.
fn close(mut stream: TcpStream) {
    if stream.shutdown(Shutdown::Write).is_ok() && stream.set_read_timeout(Some(CLOSE_TIMEOUT)).is_ok() {
        let _ = io::copy(&mut stream, &mut io::sink());
    }
}

/// When the next message of a paced replay is due.
struct Pauses {
    /// The speed and the longest pause.
    pace: Option<(f64, Duration)>,
    /// The latest recorded time so far, and when its message was due.
    last: Option<(u64, Instant)>,
}

impl Pauses {
    fn new(pace: Pace) -> Self {
        let pace = match pace {
            Pace::Recorded { speed, longest_pause } if speed > 0.0 => Some((speed, longest_pause)),
            _ => None,
        };
        Self { pace, last: None }
    }

    /// How long to wait before a message of this time, if at all.
    fn before(&mut self, time_ns: Option<u64>) -> Option<Duration> {
        let ((speed, longest_pause), time_ns) = (self.pace?, time_ns?);
        let now = Instant::now();
        let (last_ns, last_due) = *self.last.get_or_insert((time_ns, now));
        let recorded = Duration::from_nanos(time_ns.saturating_sub(last_ns)).as_secs_f64() / speed;
        let pause =
            Duration::try_from_secs_f64(recorded).map_or(longest_pause, |pause| pause.min(longest_pause));
        let due = last_due.checked_add(pause)?;
        self.last = Some((time_ns.max(last_ns), due));
        due.checked_duration_since(now).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Hours, so that no machine is slow enough to make a difference.
    const HOUR_NS: u64 = 3_600_000_000_000;

    #[test]
    fn pauses_follow_the_recording_up_to_a_limit() {
        let longest_pause = Duration::from_secs(10 * 3600);
        let mut pauses = Pauses::new(Pace::Recorded {
            speed: 2.0,
            longest_pause,
        });
        let mut hours = |time: u64| {
            pauses
                .before(Some(time * HOUR_NS))
                .map(|pause| pause.as_secs_f64() / 3600.0)
        };
        let near =
            |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 0.5, "{found:?}");
        assert_eq!(hours(100), None);
        near(hours(104), 2.0);
        // Nothing sleeps here, so what is due adds up; a time that goes back adds nothing.
        near(hours(90), 2.0);
        near(hours(108), 4.0);
        near(hours(1000), 14.0);
        assert_eq!(Pauses::new(Pace::FullSpeed).before(Some(HOUR_NS)), None);
    }
}
