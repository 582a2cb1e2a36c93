//! Child processes that a test starts, kills, freezes and thaws.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The kernel stops all threads of a process within this time after SIGSTOP.
const FROZEN_WITHIN: Duration = Duration::from_secs(30);

/// A child process whose output goes to a file. Dropping the value kills the process.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts the command and appends its output to the log.
    ///
    /// # Errors
    /// The log can't be opened, or the program can't be started.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let out: File = OpenOptions::new().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        Ok(Self { child })
    }

    /// Starts the command with a pipe as its standard error that nobody reads, and appends its other output to the log.
    ///
    /// # Errors
    /// The log can't be opened, or the program can't be started.
    pub fn start_unread(command: &mut Command, log: &Path) -> io::Result<Self> {
        let out: File = OpenOptions::new().create(true).append(true).open(log)?;
        // `child` owns the reading end of the pipe, so the pipe stays open.
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL and waits for the end of the process: nothing is flushed, nobody is told.
    ///
    /// # Errors
    /// The signal can't be sent.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Sends SIGSTOP and waits until the last thread has stopped. The kernel stops one thread after the other, and a
    /// thread that still runs may acknowledge something.
    ///
    /// # Errors
    /// The signal can't be sent, or a thread goes on.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        let since = Instant::now();
        loop {
            let states = thread_states(self.id());
            if !states.chars().any(|state| matches!(state, 'R' | 'S' | 'D' | 'I')) {
                return Ok(());
            }
            if since.elapsed() > FROZEN_WITHIN {
                let text = format!(
                    "process {} goes on after SIGSTOP, its threads are {states}",
                    self.id()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            std::thread::yield_now();
        }
    }

    /// Sends SIGCONT.
    ///
    /// # Errors
    /// The signal can't be sent.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Sends SIGTERM and waits for the end of the process.
    ///
    /// # Errors
    /// The signal can't be sent, or the process does not end in time.
    pub fn terminate(&mut self, within: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let since = Instant::now();
        while since.elapsed() < within {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!(
                "process {} did not end within {} s of SIGTERM",
                self.id(),
                within.as_secs()
            ),
        ))
    }

    /// How the process ended; `None` while it runs.
    ///
    /// # Errors
    /// The kernel can't tell.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The largest resident memory that the process ever had, in KiB.
    #[must_use]
    pub fn peak_memory_kib(&self) -> Option<u64> {
        memory_kib(self.id(), "VmHWM:")
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), signal).map_err(io::Error::from)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resident memory of a process, in KiB.
#[must_use]
pub fn resident_memory_kib(pid: u32) -> Option<u64> {
    memory_kib(pid, "VmRSS:")
}

fn memory_kib(pid: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The states of a process's threads, one letter for each as in `proc_pid_stat(5)`: `R` runs or wants to run, `S`
/// sleeps, `T` is stopped. A thread that has just ended has no letter; a process that is gone gives no letters.
#[must_use]
pub fn thread_states(pid: u32) -> String {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    threads
        .flatten()
        .flatten()
        .filter_map(|thread| {
            // "1234 (a name) R …"
            let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
            stat.rsplit_once(") ")?.1.chars().next()
        })
        .collect()
}
