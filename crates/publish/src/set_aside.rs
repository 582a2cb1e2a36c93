//! Messages that are larger than the server takes: written to files instead of being published.
//!
//! Nothing waits for such a message, because the messages of all routers would wait behind it. Each one becomes a segment
//! file of its own in `<directory>/segments`, plain Cap'n Proto records that `arancini tail --data-dir <directory>` reads.
//! A thread of its own writes the files, so that a slow disk does not stop the publisher. The directory is bounded; what
//! finds no room is only counted and logged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arancini_client::segments::{list, open_segment_path, segment_path};
use arancini_core::{Batch, BatchKind};
use tracing::warn;

use crate::status::SinkStatus;

/// Size at which the directory is full.
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of memory that may wait for the thread. It is enough for a burst of many thousand small messages.
const MOST_WAITING_BYTES: usize = 32 << 20;
/// Shortest time between two log lines. The counters are always up to date.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// A message that the server does not take.
#[derive(Debug)]
pub(crate) struct TooLarge {
    /// The message, with its payload decompressed.
    pub(crate) batch: Arc<Batch>,
    /// Size of payload and headers as they would have been sent.
    pub(crate) bytes: usize,
    /// Size of payload and headers that server and stream take.
    pub(crate) most_bytes: usize,
    /// The limit that the message exceeds.
    pub(crate) limit: SizeLimit,
}

/// The limit that a message exceeds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SizeLimit {
    /// The server's `max_payload`.
    Server,
    /// The stream's `max_msg_size`.
    Stream,
    /// Both.
    Both,
}

impl SizeLimit {
    /// Returns the log line of a message that exceeds the limit.
    const fn line(self) -> &'static str {
        match self {
            Self::Server => {
                "message set aside: it is larger than the server takes, so consumers do not get it; raise the server's max_payload"
            }
            Self::Stream => {
                "message set aside: it is larger than the stream takes, so consumers do not get it; raise the stream's max_msg_size"
            }
            Self::Both => {
                "message set aside: it is larger than the server and the stream take, so consumers do not get it; raise the \
                 server's max_payload and the stream's max_msg_size"
            }
        }
    }
}

impl TooLarge {
    /// Returns the memory that the message takes while it waits for the thread.
    fn memory(&self) -> usize {
        self.batch.payload.len() + size_of::<Batch>() + size_of::<Self>()
    }
}

/// The publisher's side: hands messages to the thread, which starts with the first one.
pub(crate) struct SetAside {
    directory: PathBuf,
    status: Arc<SinkStatus>,
    writer: Option<(Sender<TooLarge>, JoinHandle<()>)>,
    /// Bytes that wait for the thread.
    waiting_bytes: Arc<AtomicUsize>,
    most_waiting_bytes: usize,
    /// Messages that did not get to the thread and are not in the log yet.
    lost_not_logged: u64,
    /// When such messages were last logged.
    lost_logged: Option<Instant>,
}

impl SetAside {
    /// Creates the publisher's side for this directory.
    pub(crate) fn new(directory: PathBuf, status: Arc<SinkStatus>) -> Self {
        Self {
            directory,
            status,
            writer: None,
            waiting_bytes: Arc::default(),
            most_waiting_bytes: MOST_WAITING_BYTES,
            lost_not_logged: 0,
            lost_logged: None,
        }
    }

    /// Counts the message and hands it to the thread.
    pub(crate) fn add(&mut self, message: TooLarge) {
        SinkStatus::add(&self.status.messages_set_aside, u64::from(message.batch.messages));
        if self.writer.is_none() {
            self.writer = start(&self.directory, &self.status, &self.waiting_bytes).ok();
        }
        if !self.hand_over(message) {
            SinkStatus::add(&self.status.set_aside_without_file, 1);
            self.lost_not_logged += 1;
            if self
                .lost_logged
                .is_none_or(|logged| logged.elapsed() >= LOG_PERIOD)
            {
                self.log_lost();
            }
        }
    }

    /// Hands the message to the thread and returns whether the thread takes it.
    fn hand_over(&self, message: TooLarge) -> bool {
        let Some((writer, _)) = &self.writer else {
            return false;
        };
        let bytes = message.memory();
        if self.waiting_bytes.load(Relaxed) + bytes > self.most_waiting_bytes {
            return false;
        }
        self.waiting_bytes.fetch_add(bytes, Relaxed);
        writer.send(message).is_ok()
    }

    /// Logs the messages that did not get to the thread since the last line.
    fn log_lost(&mut self) {
        let cause = if self.writer.is_some() {
            format!(
                "they come faster than the disk takes them, and {} bytes wait already",
                self.waiting_bytes.load(Relaxed)
            )
        } else {
            "the thread that writes the files can't be started; raise the limit on threads".to_owned()
        };
        warn!(
            messages = self.lost_not_logged,
            cause,
            "messages were set aside without a file, so what they contain is lost to consumers and readers"
        );
        self.lost_not_logged = 0;
        self.lost_logged = Some(Instant::now());
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(&mut self) {
        if self.lost_not_logged > 0 {
            self.log_lost();
        }
        if let Some((writer, thread)) = self.writer.take() {
            drop(writer);
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn start(
    directory: &Path,
    status: &Arc<SinkStatus>,
    waiting_bytes: &Arc<AtomicUsize>,
) -> io::Result<(Sender<TooLarge>, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel();
    let waiting_bytes = Arc::clone(waiting_bytes);
    let writer = Writer {
        directory: directory.join("segments"),
        most_bytes: MOST_BYTES,
        status: Arc::clone(status),
        held_bytes: None,
        last_number: 0,
        logged: None,
        not_logged: 0,
        not_logged_without_file: 0,
    };
    let thread = std::thread::Builder::new()
        .name("arancini-set-aside".to_owned())
        .spawn(move || writer.run(&receiver, &waiting_bytes))?;
    Ok((sender, thread))
}

/// The thread's side.
struct Writer {
    directory: PathBuf,
    /// Size at which the directory is full.
    most_bytes: u64,
    status: Arc<SinkStatus>,
    /// Size of all files in the directory, as counted last. Files that somebody removed since are not noticed.
    held_bytes: Option<u64>,
    /// Number of the last file.
    last_number: u64,
    /// When the last line was logged.
    logged: Option<Instant>,
    /// Messages that were set aside since then.
    not_logged: u64,
    /// How many of these have no file.
    not_logged_without_file: u64,
}

impl Writer {
    fn run(mut self, messages: &Receiver<TooLarge>, waiting_bytes: &AtomicUsize) {
        while let Ok(message) = messages.recv() {
            let kept = self.write(&message.batch);
            waiting_bytes.fetch_sub(message.memory(), Relaxed);
            SinkStatus::add(&self.status.set_aside_without_file, u64::from(kept.is_err()));
            self.log(&message, &kept);
        }
    }

    /// Writes one file and returns its path.
    fn write(&mut self, batch: &Batch) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.directory)?;
        let bytes = batch.payload.len() as u64;
        // Reading the directory takes longer than writing a file, so it is done only if the file seems to find no room.
        let held = match self.held_bytes {
            Some(held) if held + bytes <= self.most_bytes => held,
            _ => directory_bytes(&self.directory)?,
        };
        self.held_bytes = Some(held);
        if held + bytes > self.most_bytes {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!(
                    "it holds {held} bytes, and the limit is {} bytes; remove the files that you do not need",
                    self.most_bytes
                ),
            ));
        }
        let now_ns = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        self.last_number = now_ns.max(self.last_number.saturating_add(1));
        let path = segment_path(&self.directory, batch.kind, self.last_number);
        // A write that fails may leave a part of the file.
        self.held_bytes = Some(held + bytes);
        let open = open_segment_path(&self.directory, batch.kind, self.last_number);
        std::fs::write(&open, &batch.payload)?;
        std::fs::rename(open, &path)?;
        Ok(path)
    }

    fn log(&mut self, message: &TooLarge, kept: &io::Result<PathBuf>) {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_PERIOD) {
            self.not_logged += 1;
            self.not_logged_without_file += u64::from(kept.is_err());
            return;
        }
        let file = match kept {
            Ok(path) => path.display().to_string(),
            Err(error) => format!(
                "none, because {} takes no more: {error}",
                self.directory.display()
            ),
        };
        warn!(
            subject = &*message.batch.subject,
            router = %message.batch.router,
            bytes = message.bytes,
            limit = message.most_bytes,
            file,
            further_messages = self.not_logged,
            further_without_file = self.not_logged_without_file,
            "{}",
            message.limit.line()
        );
        self.logged = Some(Instant::now());
        self.not_logged = 0;
        self.not_logged_without_file = 0;
    }
}

/// Returns the size of all files that were set aside.
fn directory_bytes(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for kind in BatchKind::ALL {
        bytes += list(directory, kind)?.iter().map(|file| file.bytes).sum::<u64>();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use super::*;

    fn batch() -> Batch {
        Batch {
            kind: BatchKind::Updates,
            subject: "arancini.updates.v4_192_0_2_1.64512.1_1".into(),
            router: IpAddr::from([192, 0, 2, 1]),
            payload: vec![7; 40],
            messages: 1,
            first_sequence: 1,
            last_sequence: 1,
            worker: 0,
            number: 1,
        }
    }

    fn too_large() -> TooLarge {
        TooLarge {
            batch: Arc::new(batch()),
            bytes: 40,
            most_bytes: 10,
            limit: SizeLimit::Stream,
        }
    }

    #[tokio::test]
    async fn each_message_of_a_burst_gets_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let status = Arc::<SinkStatus>::default();
        let mut aside = SetAside::new(directory.path().to_owned(), Arc::clone(&status));
        for _ in 0..2000 {
            aside.add(too_large());
        }
        aside.finish().await;
        assert_eq!(status.set_aside_without_file.load(Relaxed), 0);
        let files = list(&directory.path().join("segments"), BatchKind::Updates).unwrap();
        assert_eq!(files.len(), 2000);
        assert_eq!(aside.waiting_bytes.load(Relaxed), 0);
    }

    #[tokio::test]
    async fn a_message_that_finds_no_room_in_memory_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let status = Arc::<SinkStatus>::default();
        let mut aside = SetAside::new(directory.path().to_owned(), Arc::clone(&status));
        aside.most_waiting_bytes = 0;
        aside.add(too_large());
        aside.add(too_large());
        assert_eq!(aside.lost_not_logged, 1, "the first one is in the log");
        aside.finish().await;
        assert_eq!(aside.lost_not_logged, 0);
        assert_eq!(status.set_aside_without_file.load(Relaxed), 2);
    }

    #[test]
    fn a_full_directory_takes_no_more_until_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Writer {
            directory: directory.path().join("set-aside/segments"),
            most_bytes: 100,
            status: Arc::default(),
            held_bytes: None,
            last_number: 0,
            logged: None,
            not_logged: 0,
            not_logged_without_file: 0,
        };
        let batch = batch();
        let first = writer.write(&batch).unwrap();
        let second = writer.write(&batch).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), batch.payload);
        let full = writer.write(&batch).unwrap_err();
        assert!(full.to_string().contains("80 bytes"), "{full}");
        std::fs::remove_file(second).unwrap();
        assert!(writer.write(&batch).unwrap() > first);
    }
}
