//! A process that is started, killed, frozen and thawed; it ends with its value.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A child process, with its output in a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it; what it says is appended to the log.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let out: File = OpenOptions::new().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        Ok(Self { child })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// SIGSTOP.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// SIGTERM, and waits for its end; an error where that takes too long.
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
            format!("did not end within {} s of SIGTERM", within.as_secs()),
        ))
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The most memory that it ever had resident, in KiB.
    #[must_use]
    pub fn peak_memory_kib(&self) -> Option<u64> {
        status_kib(self.id(), "VmHWM:")
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

/// A field of /proc/PID/status.
fn status_kib(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The collector's program: `$ARANCINI_BIN`, `$ARANCINI_BINARY`, or the one that was built beside this
/// program.
#[must_use]
pub fn find_collector() -> Option<PathBuf> {
    for name in ["ARANCINI_BIN", "ARANCINI_BINARY"] {
        if let Some(path) = std::env::var_os(name) {
            return Some(PathBuf::from(path)).filter(|path| path.is_file());
        }
    }
    // A test's own program is one folder further down.
    let own = std::env::current_exe().ok()?;
    let folders = own.ancestors().skip(1).take(2);
    folders
        .map(|folder| folder.join("arancini"))
        .find(|candidate| candidate.is_file())
}

/// The broker's program, as the tests find it; one that is named and not there is none.
#[must_use]
pub fn find_broker() -> Option<PathBuf> {
    arancini_publish::testing::find().filter(|path| path.is_file())
}
