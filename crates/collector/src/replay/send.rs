//! Sends recordings to a collector, at full speed or with the recorded pauses, from chosen source addresses.

use std::io::{self, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use arancini_wire::bmp::MessageType;
use socket2::{Domain, Protocol, Socket, Type};

use super::error::ReplayError;
use super::pauses::{Pace, Pauses};
use super::recording::Recording;
use super::summary::{Progress, Summary};

/// How many bytes one write passes to the kernel at full speed.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long the collector may take to read the remaining bytes and to close its side.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Options of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The address of the collector.
    pub to: SocketAddr,
    /// Source addresses, each of which acts as one router. If the list is empty, the kernel chooses the address.
    pub from: Vec<IpAddr>,
    /// How fast messages are sent.
    pub pace: Pace,
    /// How many times each recording is sent, each time over a new connection.
    pub repeat: u32,
    /// What happens to the last connection of each router.
    pub at_the_end: AtTheEnd,
}

/// What happens to the last connection of each router when everything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtTheEnd {
    /// The connection is closed.
    Close,
    /// The connection stays open and is returned in [`Sent::open`].
    KeepOpen,
}

impl Options {
    /// Returns the default options: each recording is sent once, at full speed, from any address, and every connection is
    /// closed at the end.
    #[must_use]
    pub const fn new(to: SocketAddr) -> Self {
        Self {
            to,
            from: Vec::new(),
            pace: Pace::FullSpeed,
            repeat: 1,
            at_the_end: AtTheEnd::Close,
        }
    }
}

/// The outcome of a replay.
#[derive(Debug)]
pub struct Sent {
    /// What was sent.
    pub summary: Summary,
    /// With [`AtTheEnd::KeepOpen`]: the last connection of each router. Dropping a connection closes it.
    pub open: Vec<TcpStream>,
}

/// Connects to a collector, from a source address if one is given.
///
/// # Errors
/// Fails if the connection can't be made.
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
/// The source addresses take the recordings in turn. If there are more addresses than recordings, recordings are reused,
/// so that every address sends one. All addresses send at the same time. An address with several recordings sends them
/// one after the other, each over a new connection, like a router that reconnects.
///
/// # Errors
/// Returns the error of the first connection that could not be made or that the collector ended. The other connections are
/// still sent to their end.
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

/// Assigns the recordings to the source addresses.
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
            close(&previous);
        }
        let mut stream = connect(options.to, from)?;
        let one = send_one(recording, &mut stream, from, options, progress)?;
        summary.merge(&one);
        open = Some(stream);
    }
    if options.at_the_end == AtTheEnd::Close
        && let Some(last) = open.take()
    {
        close(&last);
    }
    Ok((summary, open))
}

/// Sends a recording. A Termination ends its connection; what follows is sent over a new one, which is then in `stream`.
fn send_one(
    recording: &Recording,
    stream: &mut TcpStream,
    from: Option<IpAddr>,
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
    let mut terminated = false;
    for message in recording.messages() {
        let flush_first = pauses.before(message.time_ns);
        if flush_first.is_some() || pending.len() >= CHUNK_BYTES || terminated {
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
        if terminated {
            close(stream);
            *stream = connect(options.to, from)?;
            summary.sessions += 1;
        }
        terminated = message.message_type == Some(MessageType::Termination);
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

/// Writes the pending range of the recording and empties the range.
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

/// Ends the stream and waits until the collector has read it. Errors of the collector do not matter any more.
fn close(mut stream: &TcpStream) {
    if stream.shutdown(Shutdown::Write).is_ok() && stream.set_read_timeout(Some(CLOSE_TIMEOUT)).is_ok() {
        let _ = io::copy(&mut stream, &mut io::sink());
    }
}
