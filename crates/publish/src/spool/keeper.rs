//! The keeper: the thread that waits for the disk, so that the publisher's loop never does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use arancini_client::{Compression, Reason, Trouble};
use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, info, warn};

use super::files::{Next, Spool};
use super::record::FileHead;
use crate::hooks::Hooks;
use crate::message::{Life, Message};
use crate::settings::SpoolSettings;
use crate::status::SinkStatus;

/// Longest time between two syncs. A crash of the machine loses at most what was spooled in this time.
const SYNC_EVERY: Duration = Duration::from_millis(200);
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Payload bytes that are read back together.
const READ_BYTES: usize = 1 << 20;
const READ_MESSAGES: usize = 64;

/// A request to the thread.
pub(super) enum Ask {
    /// Keep this message. If the stream has it, it lies behind this stream sequence.
    Append(Message, u64),
    /// Read some of the oldest messages back.
    Read,
    /// Release this number of the messages that were read back.
    Release(u64),
    /// End: keep these messages, which come before everything that was not read back.
    Park(Vec<Message>, u64),
}

/// An answer of the thread.
pub(super) enum Answer {
    /// The spool is open. It holds this number of messages, and this is the head of its first file.
    Opened(u64, Option<FileHead>),
    /// A message of this number of payload bytes is no longer held in memory for writing.
    Written(usize),
    /// The oldest messages, and the number of messages that are lost.
    Read(Vec<Message>, u64),
    /// There may be room again.
    Released,
}

pub(super) struct Keeper {
    pub(super) settings: SpoolSettings,
    pub(super) own: Life,
    pub(super) asks: Receiver<Ask>,
    pub(super) answers: UnboundedSender<Answer>,
    pub(super) status: Arc<SinkStatus>,
    pub(super) hooks: Hooks,
}

impl Keeper {
    /// Runs until the end of the spool.
    pub(super) fn run(self) {
        let Some(spool) = self.open() else { return };
        let mut work = Work {
            spool,
            unwritten: VecDeque::new(),
            synced: Instant::now(),
            failing: false,
            keeper: self,
        };
        work.show();
        let held = work.spool.held();
        if held > 0 {
            info!(
                batches = held,
                bytes = work.spool.bytes(),
                "the spool holds batches of an earlier run; publishing them first"
            );
        }
        work.answer(Answer::Opened(held, work.spool.head()));
        work.run();
    }

    /// Opens the directory, however long that takes; `None` if the end comes first.
    fn open(&self) -> Option<Spool> {
        loop {
            match Spool::open(&self.settings.directory, self.settings.max_bytes, self.own.clone()) {
                Ok(spool) => {
                    SinkStatus::add(&self.status.spool_damaged, spool.cut());
                    return Some(spool);
                }
                Err(error) => self.status.set_trouble(
                    "nats",
                    Trouble::new(
                        Reason::Io,
                        format!("can't open the spool in {}: {error}", self.settings.directory.display()),
                        "set publish.spool_dir to a directory that this user may write and that no other collector uses",
                    ),
                ),
            }
            match self.asks.recv_timeout(RETRY_PAUSE) {
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

struct Work {
    keeper: Keeper,
    spool: Spool,
    /// Messages that are not on disk yet. They come after everything in the files.
    unwritten: VecDeque<(Message, u64)>,
    synced: Instant,
    /// The failure of the disk has been logged.
    failing: bool,
}

impl Work {
    fn run(&mut self) {
        loop {
            let wait = if !self.unwritten.is_empty() {
                RETRY_PAUSE
            } else if self.spool.is_dirty() {
                SYNC_EVERY.saturating_sub(self.synced.elapsed())
            } else {
                Duration::MAX
            };
            match self.keeper.asks.recv_timeout(wait) {
                Ok(Ask::Append(message, floor)) => {
                    self.unwritten.push_back((message, floor));
                    if self.unwritten.len() == 1 || !self.failing {
                        self.write();
                    }
                }
                Ok(Ask::Read) => self.read(),
                Ok(Ask::Release(messages)) => {
                    self.spool.release(messages);
                    self.answer(Answer::Released);
                }
                Ok(Ask::Park(front, floor)) => return self.park(front, floor),
                Err(RecvTimeoutError::Timeout) => self.write(),
                Err(RecvTimeoutError::Disconnected) => return self.park(Vec::new(), 0),
            }
            if self.spool.is_dirty() && self.synced.elapsed() >= SYNC_EVERY {
                let synced = self.spool.sync();
                self.told(synced);
                self.synced = Instant::now();
            }
            self.show();
        }
    }

    /// Writes the waiting messages until the disk fails.
    fn write(&mut self) {
        while let Some((message, floor)) = self.unwritten.front() {
            let written = self.spool.append(message, *floor);
            if !self.told(written) {
                return;
            }
            let Some((message, _)) = self.unwritten.pop_front() else {
                return;
            };
            self.count(&message);
            self.answer(Answer::Written(message.payload.len()));
            if message.compression == Compression::None && message.payload.is_unique() {
                self.keeper.hooks.recycle(Vec::from(message.payload));
            }
        }
    }

    /// Counts a message that the spool holds now.
    fn count(&self, message: &Message) {
        let status = &self.keeper.status;
        SinkStatus::add(&status.spooled, 1);
        if message.life.is_none() {
            SinkStatus::add(&status.spool_own_batches, u64::from(message.is_last));
            SinkStatus::add(&status.spool_own_messages, u64::from(message.messages));
        }
    }

    fn read(&mut self) {
        let mut messages = Vec::new();
        let (mut bytes, mut lost) = (0, 0);
        while bytes < READ_BYTES && messages.len() < READ_MESSAGES {
            match self.spool.next() {
                Ok(Next::Message(message)) => {
                    bytes += message.payload.len();
                    messages.push(message);
                }
                Ok(Next::Lost(count)) => lost += count,
                Ok(Next::Nothing) => {
                    // Messages that the disk does not take can still be published.
                    let Some((message, _)) = self.unwritten.pop_front() else {
                        break;
                    };
                    bytes += message.payload.len();
                    self.answer(Answer::Written(message.payload.len()));
                    messages.push(message);
                }
                Err(error) => {
                    self.told(Err(error));
                    std::thread::sleep(RETRY_PAUSE);
                    break;
                }
            }
        }
        SinkStatus::add(&self.keeper.status.spool_damaged, lost);
        self.answer(Answer::Read(messages, lost));
    }

    fn park(&mut self, front: Vec<Message>, floor: u64) {
        let new: Vec<_> = front
            .iter()
            .filter(|message| message.spooled.is_none())
            .cloned()
            .collect();
        let mut parked = Ok(());
        // Messages that are in the files already stay there.
        if !new.is_empty() {
            parked = self.spool.park(front, floor);
            if parked.is_ok() {
                new.iter().for_each(|message| self.count(message));
            }
        }
        self.write();
        let outcome = parked.and_then(|()| self.spool.sync());
        self.show();
        if let Err(error) = outcome {
            error!(%error, "can't write the unacknowledged batches to the spool; they are lost");
        }
        let held = self.spool.held();
        if held > 0 {
            info!(
                batches = held,
                bytes = self.spool.bytes(),
                "batches stay in the spool for the next start"
            );
        }
    }

    /// Logs a failure of the disk, and its end, once. Returns whether the disk did its work.
    fn told(&mut self, outcome: std::io::Result<()>) -> bool {
        match outcome {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    info!("the disk of the spool works again");
                }
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(%error, directory = %self.keeper.settings.directory.display(), "the disk of the spool fails; batches wait in memory, and routers are slowed down once it is full; retrying");
                }
                false
            }
        }
    }

    fn answer(&self, answer: Answer) {
        self.show();
        // At the end nobody listens any more.
        let _ = self.keeper.answers.send(answer);
    }

    fn show(&self) {
        let status = &self.keeper.status;
        status.spool_bytes.store(self.spool.bytes(), Relaxed);
        status.spool_batches.store(self.spool.held(), Relaxed);
    }
}
