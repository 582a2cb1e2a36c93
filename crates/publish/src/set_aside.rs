//! Messages that are larger than the server takes: written to files instead of being published.
//!
//! Nothing waits for such a message, because the messages of all routers would wait behind it. Each one becomes a segment
//! file of its own in `<directory>/segments`, plain Cap'n Proto records that `arancini tail --data-dir <directory>` reads.
//! A thread of its own writes the files, so that a slow disk does not stop the publisher. The directory is bounded; what
//! finds no room is only counted and logged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arancini_client::segments::{list, segment_path};
use arancini_core::{Batch, BatchKind};
use tracing::warn;

use crate::status::SinkStatus;

/// Size at which the directory is full.
const MOST_BYTES: u64 = 64 << 20;
/// Messages that may wait for the thread.
const MOST_WAITING: usize = 64;
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
}

/// The publisher's side: hands messages to the thread, which starts with the first one.
pub(crate) struct SetAside {
    directory: PathBuf,
    status: Arc<SinkStatus>,
    writer: Option<(SyncSender<TooLarge>, JoinHandle<()>)>,
}

impl SetAside {
    /// Creates the publisher's side for this directory.
    pub(crate) const fn new(directory: PathBuf, status: Arc<SinkStatus>) -> Self {
        Self {
            directory,
            status,
            writer: None,
        }
    }

    /// Counts the message and hands it to the thread.
    pub(crate) fn add(&mut self, message: TooLarge) {
        SinkStatus::add(&self.status.messages_set_aside, u64::from(message.batch.messages));
        if self.writer.is_none() {
            self.writer = start(&self.directory, &self.status).ok();
        }
        let refused = match &self.writer {
            Some((writer, _)) => writer.try_send(message).is_err(),
            None => true,
        };
        SinkStatus::add(&self.status.set_aside_without_file, u64::from(refused));
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(&mut self) {
        if let Some((writer, thread)) = self.writer.take() {
            drop(writer);
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn start(directory: &Path, status: &Arc<SinkStatus>) -> io::Result<(SyncSender<TooLarge>, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::sync_channel(MOST_WAITING);
    let writer = Writer {
        directory: directory.join("segments"),
        most_bytes: MOST_BYTES,
        status: Arc::clone(status),
        last_number: 0,
        logged: None,
        not_logged: 0,
    };
    let thread = std::thread::Builder::new()
        .name("arancini-set-aside".to_owned())
        .spawn(move || writer.run(&receiver))?;
    Ok((sender, thread))
}

/// The thread's side.
struct Writer {
    directory: PathBuf,
    /// Size at which the directory is full.
    most_bytes: u64,
    status: Arc<SinkStatus>,
    /// Number of the last file.
    last_number: u64,
    /// When the last line was logged.
    logged: Option<Instant>,
    /// Messages that were set aside since then.
    not_logged: u64,
}

impl Writer {
    fn run(mut self, messages: &Receiver<TooLarge>) {
        while let Ok(message) = messages.recv() {
            let kept = self.write(&message.batch);
            SinkStatus::add(&self.status.set_aside_without_file, u64::from(kept.is_err()));
            self.log(&message, &kept);
        }
    }

    /// Writes one file and returns its path.
    fn write(&mut self, batch: &Batch) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.directory)?;
        let held = directory_bytes(&self.directory)?;
        if held + batch.payload.len() as u64 > self.most_bytes {
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
        std::fs::write(&path, &batch.payload)?;
        Ok(path)
    }

    fn log(&mut self, message: &TooLarge, kept: &io::Result<PathBuf>) {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_PERIOD) {
            self.not_logged += 1;
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
            "message set aside: it is larger than the server or the stream takes, so consumers do not get it; raise the \
             server's max_payload (and the stream's max_msg_size, if it has one)"
        );
        self.logged = Some(Instant::now());
        self.not_logged = 0;
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

    #[test]
    fn a_full_directory_takes_no_more_until_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Writer {
            directory: directory.path().join("set-aside/segments"),
            most_bytes: 100,
            status: Arc::default(),
            last_number: 0,
            logged: None,
            not_logged: 0,
        };
        let batch = Batch {
            kind: BatchKind::Updates,
            subject: "arancini.updates.v4_192_0_2_1.64512.1_1".into(),
            router: IpAddr::from([192, 0, 2, 1]),
            payload: vec![7; 40],
            messages: 1,
            first_sequence: 1,
            last_sequence: 1,
            worker: 0,
            number: 1,
        };
        let first = writer.write(&batch).unwrap();
        let second = writer.write(&batch).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), batch.payload);
        let full = writer.write(&batch).unwrap_err();
        assert!(full.to_string().contains("80 bytes"), "{full}");
        std::fs::remove_file(second).unwrap();
        assert!(writer.write(&batch).unwrap() > first);
    }
}
