//! A bounded queue between the threads that log and standard error.
//!
//! A pipe that nobody reads makes every write to standard error wait. Only the thread of this queue writes there, so no other
//! thread ever waits. A line that finds no room is dropped and counted, and one line tells the number as soon as there is
//! room again (docs/adr/0060-log-queue.md).

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use arancini_schema::json::visible;

/// Bytes of lines that may wait for standard error.
const MOST_BYTES: usize = 1024 * 1024;
/// Additional bytes for the line that tells how many lines were dropped.
const RESERVED_BYTES: usize = 4096;
/// How long an ending process waits for its last lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The queue of the process, once logging has started.
static QUEUE: OnceLock<Option<LogQueue>> = OnceLock::new();

/// Writes log lines into the queue of the process, or straight to standard error if the thread of the queue can't be made.
#[derive(Debug, Clone)]
pub struct LogWriter {
    queue: Option<LogQueue>,
    flushes: bool,
}

/// Returns the writer for log lines. The first call starts the thread that writes to standard error.
pub fn writer() -> LogWriter {
    let queue = QUEUE.get_or_init(|| LogQueue::start(io::stderr()).ok());
    LogWriter {
        queue: queue.clone(),
        flushes: false,
    }
}

/// Waits until all lines so far are written, but not longer than a second. Called before the process ends.
pub fn flush() {
    if let Some(Some(queue)) = QUEUE.get() {
        queue.flush(FLUSH_TIMEOUT);
    }
}

/// Returns how many lines were dropped because the queue was full.
#[must_use]
pub fn dropped_lines() -> u64 {
    match QUEUE.get() {
        Some(Some(queue)) => queue.0.dropped.load(Relaxed),
        _ => 0,
    }
}

impl LogWriter {
    /// Makes each line wait until it is written, but not longer than a second.
    #[must_use]
    pub fn that_flushes(self) -> Self {
        Self {
            flushes: true,
            ..self
        }
    }
}

impl Write for LogWriter {
    /// Takes one whole line. Names from routers may be in it, so what a terminal would obey or hide is escaped.
    fn write(&mut self, taken: &[u8]) -> io::Result<usize> {
        let shown = std::str::from_utf8(taken).map(visible);
        let line = shown.as_ref().map_or(taken, |shown| shown.as_bytes());
        match &self.queue {
            Some(queue) => {
                queue.push(line);
                if self.flushes {
                    queue.flush(FLUSH_TIMEOUT);
                }
            }
            None => io::stderr().write_all(line)?,
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines on their way to one output.
#[derive(Debug, Clone)]
struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// A line has come.
    filled: Condvar,
    /// Every line is written.
    drained: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Whether lines that have left the queue are not written yet.
    is_writing: bool,
    /// The thread that writes: only this thread may use [`RESERVED_BYTES`].
    writer: Option<ThreadId>,
}

impl LogQueue {
    /// Starts the thread that writes to the output.
    fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Self(Arc::default());
        let own = queue.clone();
        thread::Builder::new()
            .name("arancini-log".to_owned())
            .spawn(move || own.write_to(output))?;
        Ok(queue)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or drops and counts it if there is no room.
    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        let reserved = if waiting.writer == Some(thread::current().id()) {
            RESERVED_BYTES
        } else {
            0
        };
        if waiting.lines.len() + line.len() > MOST_BYTES + reserved {
            self.0.dropped.fetch_add(1, Relaxed);
            return;
        }
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        self.0.filled.notify_one();
    }

    /// Writes lines as long as the process lives.
    fn write_to(&self, mut output: impl Write) {
        self.waiting().writer = Some(thread::current().id());
        let mut lines = Vec::new();
        let mut dropped_before = 0;
        loop {
            self.take(&mut lines);
            // Nobody can be told that standard error is closed.
            let _ = output.write_all(&lines);
            lines.clear();
            let dropped = self.0.dropped.load(Relaxed);
            if dropped > dropped_before {
                tracing::warn!(
                    dropped = dropped - dropped_before,
                    "log lines dropped: standard error was not read fast enough; arancini_log_lines_dropped_total counts them"
                );
                dropped_before = dropped;
            }
        }
    }

    /// Waits for lines and takes all of them.
    fn take(&self, lines: &mut Vec<u8>) {
        let mut waiting = self.waiting();
        waiting.is_writing = false;
        if waiting.lines.is_empty() {
            self.0.drained.notify_all();
        }
        let mut waiting = self
            .0
            .filled
            .wait_while(waiting, |waiting| waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.lines, lines);
        waiting.is_writing = true;
    }

    /// Waits until every line is written, but not longer than this.
    fn flush(&self, timeout: Duration) {
        let _ = self
            .0
            .drained
            .wait_timeout_while(self.waiting(), timeout, |waiting| {
                waiting.is_writing || !waiting.lines.is_empty()
            });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn an_output_that_nobody_reads_stops_nobody_and_what_is_dropped_is_counted() {
        let (unread, output) = io::pipe().unwrap();
        let queue = LogQueue::start(output).unwrap();
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        // The pipe takes 64 KiB, the queue 1 MiB, and the thread of the queue another 1 MiB at most.
        let pushed: u64 = 4096;
        for _ in 0..pushed {
            queue.push(&line);
        }
        let dropped = queue.0.dropped.load(Relaxed);
        assert!(dropped >= pushed - 2 * 1024 - 64, "{dropped}");
        let read = thread::spawn(move || {
            let lines = BufReader::new(unread).lines();
            lines
                .take((pushed - dropped) as usize)
                .filter(|line| line.as_ref().unwrap().len() == 1023)
                .count() as u64
        });
        assert_eq!(read.join().unwrap(), pushed - dropped, "the others get out");
    }

    #[test]
    fn a_flush_waits_until_the_last_line_is_written() {
        let (reader, output) = io::pipe().unwrap();
        let queue = LogQueue::start(output).unwrap();
        queue.push(b"last\n");
        queue.flush(Duration::from_secs(60));
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        assert_eq!(line, "last\n");
        assert!(!queue.waiting().is_writing);
    }

    /// A router's name could turn around what follows in the line.
    #[test]
    fn what_a_terminal_obeys_or_hides_is_escaped_in_a_line() {
        let (reader, output) = io::pipe().unwrap();
        let mut writer = LogWriter {
            queue: Some(LogQueue::start(output).unwrap()),
            flushes: true,
        };
        writer
            .write_all("peer up name=a\u{202e}b\u{9b}2Jc\n".as_bytes())
            .unwrap();
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        assert_eq!(line, "peer up name=a\\u202eb\\u009b2Jc\n");
    }
}
