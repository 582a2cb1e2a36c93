//! The publisher's side of the spool: which messages wait in it, which were read back, whether it has room.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tracing::error;

use super::keeper::{Answer, Ask, Keeper};
use super::record::FileHead;
use crate::hooks::{EXIT_SIDECAR_DIED, Hooks};
use crate::message::{Life, Message};
use crate::settings::SpoolSettings;
use crate::status::SinkStatus;

/// Payload bytes that may be on the way to the disk.
const MOST_UNWRITTEN: usize = 4 << 20;
/// When fewer read-back messages than this are left, more are read.
const FEW: usize = 32;
const POLL: Duration = Duration::from_millis(1);

/// The spool, between bridge and window.
pub(crate) struct Stage {
    asks: mpsc::Sender<Ask>,
    answers: UnboundedReceiver<Answer>,
    thread: Option<JoinHandle<()>>,
    /// Messages that were read back and not taken yet.
    ready: VecDeque<Message>,
    /// Messages with the thread: in its files or on the way there.
    behind: u64,
    unwritten: usize,
    asked: bool,
    max_bytes: u64,
    status: Arc<SinkStatus>,
    /// Head of the first file at the start, if an earlier run left one.
    former: Option<FileHead>,
}

impl Stage {
    /// Starts the thread and waits until it has taken over the directory.
    pub(crate) async fn start(
        settings: SpoolSettings,
        own: Life,
        status: Arc<SinkStatus>,
        hooks: Hooks,
    ) -> std::io::Result<Self> {
        let max_bytes = settings.max_bytes;
        let (asks, asked) = mpsc::channel();
        let (answer, answers) = tokio::sync::mpsc::unbounded_channel();
        let keeper = Keeper {
            settings,
            own,
            asks: asked,
            answers: answer,
            status: Arc::clone(&status),
            hooks,
        };
        let thread = std::thread::Builder::new()
            .name("arancini-spool".to_owned())
            .spawn(move || {
                if std::panic::catch_unwind(AssertUnwindSafe(|| keeper.run())).is_err() {
                    error!("the spool's thread died: this is a bug, please report it; ending the process");
                    std::process::exit(EXIT_SIDECAR_DIED);
                }
            })?;
        let mut stage = Self {
            asks,
            answers,
            thread: Some(thread),
            ready: VecDeque::new(),
            behind: 0,
            unwritten: 0,
            asked: false,
            max_bytes,
            status,
            former: None,
        };
        stage.heard().await;
        Ok(stage)
    }

    /// Returns the head of the first file at the start, if an earlier run left one.
    pub(crate) fn former(&self) -> Option<FileHead> {
        self.former
    }

    /// Returns whether nothing waits here, so that batches may pass the spool by.
    pub(crate) fn is_empty(&self) -> bool {
        self.behind == 0 && self.ready.is_empty()
    }

    /// Returns whether another message may be appended.
    pub(crate) fn has_room(&self) -> bool {
        let bytes = self.status.spool_bytes.load(Relaxed) + self.unwritten as u64;
        bytes < self.max_bytes && self.unwritten < MOST_UNWRITTEN
    }

    /// Appends a message. If the stream has it, it lies behind the stream sequence `floor`.
    pub(crate) fn append(&mut self, message: Message, floor: u64) {
        self.behind += 1;
        self.unwritten += message.payload.len();
        self.ask(Ask::Append(message, floor));
    }

    /// Returns the oldest message, if it has been read back.
    pub(crate) fn next(&mut self) -> Option<Message> {
        self.ready.pop_front()
    }

    /// Asks for more messages to be read back, if few are left.
    pub(crate) fn read_on(&mut self) {
        if !self.asked && self.behind > 0 && self.ready.len() < FEW {
            self.asked = true;
            self.ask(Ask::Read);
        }
    }

    /// Releases the next messages, in the order in which [`Stage::next`] returned them.
    pub(crate) fn release(&mut self, messages: u64) {
        self.ask(Ask::Release(messages));
    }

    /// Waits for the thread's next answer. Can be cancelled.
    pub(crate) async fn heard(&mut self) {
        match self.answers.recv().await {
            Some(answer) => self.take(answer),
            // The thread ends after `park` only.
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Opened(held, head) => {
                self.behind = held;
                self.former = head;
            }
            Answer::Written(bytes) => self.unwritten = self.unwritten.saturating_sub(bytes),
            Answer::Lost(lost) => self.behind = self.behind.saturating_sub(lost),
            Answer::Read(messages) => {
                self.asked = false;
                self.behind = self.behind.saturating_sub(messages.len() as u64);
                self.ready.extend(messages);
            }
            Answer::Released => {}
        }
    }

    /// Ends the spool: puts these messages, which are not acknowledged and older than everything in the spool, in front of
    /// it. Blocks until everything is on disk.
    pub(crate) fn park(&mut self, mut front: Vec<Message>, floor: u64) {
        // Messages that are being read back belong to the front as well. The runtime is ending, so this loop polls.
        loop {
            match self.answers.try_recv() {
                Ok(answer) => self.take(answer),
                Err(TryRecvError::Empty) if self.asked => std::thread::sleep(POLL),
                Err(_) => break,
            }
        }
        front.extend(self.ready.drain(..));
        self.ask(Ask::Park(front, floor));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    fn ask(&self, ask: Ask) {
        // The thread ends after `park` only.
        let _ = self.asks.send(ask);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.park(Vec::new(), 0);
        }
    }
}
