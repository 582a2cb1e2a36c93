//! The keeper: the thread that waits for the disk, so that the publisher's loop never does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use arancini_client::{Reason, Trouble};
use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, info, warn};

use super::files::{Count, Lost, Next, Spool};
use super::record::FileHead;
use crate::hooks::Hooks;
use crate::message::{Life, Message};
use crate::place::CHECK_EVERY;
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
    /// The oldest messages, as asked.
    Read(Vec<Message>),
    /// This number of messages is lost, and will not be read back.
    Lost(u64),
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
            match self.keeper.asks.recv_timeout(wait.min(CHECK_EVERY)) {
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
            if self.spool.is_check_due() {
                self.check_place();
            }
            self.show();
        }
    }

    /// Checks that the files and their directory are in place. What was removed is given up, and the spool goes on in a new
    /// directory.
    fn check_place(&mut self) {
        let lost = self.spool.give_up_removed();
        self.lose(lost);
        let trouble = match self.spool.keep_place() {
            Ok(true) if lost == Lost::default() => None,
            Ok(true) => Some("files of the spool were removed".to_owned()),
            Ok(false) => Some("the directory of the spool or its lock was removed or replaced".to_owned()),
            Err(error) => Some(format!(
                "the directory of the spool was removed or replaced, and can't be used again: {error}"
            )),
        };
        let directory = self.keeper.settings.directory.display();
        self.keeper.status.set_spool_trouble(trouble.map(|what| {
            Trouble::new(
                Reason::Io,
                format!("{what} while the collector runs: {directory}"),
                "leave the files of a running collector in place; if the directory can't be used, correct its path and its \
                 permissions; to free space, lower publish.spool_bytes",
            )
        }));
    }

    /// Counts lost messages, and has all routers resynced, because consumers never get these messages.
    fn lose(&mut self, lost: Lost) {
        if lost == Lost::default() {
            return;
        }
        let status = &self.keeper.status;
        // First, so that whoever sees the loss counted knows that the workers are told.
        self.keeper.hooks.stream_is_emptied();
        forget(status, lost.own);
        SinkStatus::add(&status.spool_lost_own_batches, lost.own.batches);
        SinkStatus::add(&status.spool_lost_own_messages, lost.own.messages);
        SinkStatus::add(&status.spool_damaged, lost.messages);
        error!(
            messages = lost.messages,
            directory = %self.keeper.settings.directory.display(),
            "the spool lost batches that consumers never get; all routers are resynced"
        );
        self.answer(Answer::Lost(lost.messages));
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
            if message.form.is_plain() && message.payload.is_unique() {
                self.keeper.hooks.recycle(Vec::from(message.payload));
            }
        }
    }

    /// Counts a message that the spool holds now.
    fn count(&self, message: &Message) {
        let status = &self.keeper.status;
        SinkStatus::add(&status.spooled, 1);
        let own = Count::of(message);
        SinkStatus::add(&status.spool_own_batches, own.batches);
        SinkStatus::add(&status.spool_own_messages, own.messages);
    }

    fn read(&mut self) {
        let mut messages = Vec::new();
        let (mut bytes, mut lost) = (0, Lost::default());
        while bytes < READ_BYTES && messages.len() < READ_MESSAGES {
            match self.spool.next() {
                Ok(Next::Message(message)) => {
                    bytes += message.payload.len();
                    messages.push(message);
                }
                Ok(Next::Lost(more)) => lost.add(more),
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
        self.answer(Answer::Read(messages));
        self.lose(lost);
    }

    fn park(&mut self, front: Vec<Message>, floor: u64) {
        // Somebody may have removed the files since the last check.
        self.check_place();
        let new: Vec<_> = front
            .iter()
            .filter(|message| message.spooled.is_none())
            .cloned()
            .collect();
        let homeless = front.iter().filter(|message| message.spooled.is_some());
        let homeless = homeless.take(usize::try_from(self.spool.homeless()).unwrap_or(usize::MAX));
        let mut homeless_own = Count::default();
        homeless.for_each(|message| homeless_own.add(Count::of(message)));
        let mut parked = Ok(());
        // Messages that are in the files already stay there.
        if !new.is_empty() || self.spool.homeless() > 0 {
            parked = self.spool.park(front, floor);
            match parked {
                Ok(()) => new.iter().for_each(|message| self.count(message)),
                Err(_) => forget(&self.keeper.status, homeless_own),
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
        status.spool_former.store(self.spool.held_of_former(), Relaxed);
    }
}

/// Takes messages of this life back out of what the spool holds.
fn forget(status: &SinkStatus, own: Count) {
    SinkStatus::subtract(&status.spool_own_batches, own.batches);
    SinkStatus::subtract(&status.spool_own_messages, own.messages);
}
