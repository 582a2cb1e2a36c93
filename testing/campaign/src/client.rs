//! A router's side of its session, on a thread of its own. The router sends at its rate. When the session ends, the router
//! goes on changing its routes, connects again with back-off, and dumps its tables.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arancini_bed::router::connect_from;
use arancini_generate::Random;
use socket2::Socket;

use crate::network::enter;
use crate::router::Router;

/// Pause between two turns of the thread.
const TURN: Duration = Duration::from_millis(4);
/// A router keeps this many bytes that its collector does not take. Then it stops changing its routes.
const MOST_UNSENT_BYTES: usize = 4 << 20;
/// A dump goes on while fewer bytes than this are unsent.
const DUMP_BELOW_BYTES: usize = 256 << 10;
/// Impatient routers drop a session that takes nothing for this time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Average time between two Peer Downs or Peer Ups of a router.
const PEER_EVENT_EVERY: Duration = Duration::from_millis(1500);
const FIRST_BACK_OFF: Duration = Duration::from_millis(20);
const LONGEST_BACK_OFF: Duration = Duration::from_millis(800);
const CONNECT_WITHIN: Duration = Duration::from_millis(500);

/// What the driver and the router's thread share.
#[derive(Debug)]
struct Shared {
    router: Mutex<Router>,
    /// Tells the thread to end.
    stop: AtomicBool,
    /// Tells the router to change nothing more. What it has said already is still sent.
    hold: AtomicBool,
    /// The router has a session and has sent everything.
    idle: AtomicBool,
    /// Tells the router to end its session and to begin a new one with a dump.
    renew: AtomicBool,
    changes: AtomicU64,
    sessions: AtomicU64,
}

/// How a router behaves.
#[derive(Debug, Clone)]
pub struct Conduct {
    /// Changes of routes per second.
    pub rate: u32,
    /// Whether it drops a session that takes nothing for two seconds.
    pub impatient: bool,
    /// The router's network namespace; `None` is the campaign's own.
    pub namespace: Option<String>,
}

/// A router at work. Dropping the value stops the router.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Starts the router's thread.
    #[must_use]
    pub fn start(router: Router, collector: SocketAddr, seed: u64, conduct: Conduct) -> Self {
        let address = router.address();
        let shared = Arc::new(Shared {
            router: Mutex::new(router),
            stop: AtomicBool::new(false),
            hold: AtomicBool::new(false),
            idle: AtomicBool::new(false),
            renew: AtomicBool::new(false),
            changes: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
        });
        let now = Instant::now();
        let mut life = Life {
            shared: Arc::clone(&shared),
            from: address,
            to: collector,
            impatient: conduct.impatient,
            random: Random::of(&[seed, 1]),
            connection: None,
            unsent: Vec::new(),
            sent: 0,
            moved: now,
            back_off: FIRST_BACK_OFF,
            connect_at: now,
            peer_event_at: now + PEER_EVENT_EVERY,
            allowance: 0.0,
            rate: f64::from(conduct.rate),
            before: now,
        };
        let thread = std::thread::spawn(move || match conduct.namespace.as_deref().map_or(Ok(()), enter) {
            Ok(()) => life.run(),
            Err(error) => eprintln!("a router can't enter its network namespace: {error}"),
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Lets the router stop changing its routes, or go on.
    pub fn hold(&self, hold: bool) {
        self.shared.idle.store(false, Relaxed);
        self.shared.hold.store(hold, Relaxed);
    }

    /// Whether the router has stopped changing, has a session, and has sent everything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.shared.idle.load(Relaxed)
    }

    /// Lets the router drop its session. The next session begins with a dump.
    pub fn renew(&self) {
        self.shared.idle.store(false, Relaxed);
        self.shared.renew.store(true, Relaxed);
    }

    /// The router and what it holds.
    pub fn router(&self) -> MutexGuard<'_, Router> {
        lock(&self.shared.router)
    }

    /// Number of route changes so far, with and without a session.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.shared.changes.load(Relaxed)
    }

    /// Number of sessions so far.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.shared.sessions.load(Relaxed)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(router: &Mutex<Router>) -> MutexGuard<'_, Router> {
    router.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Life {
    shared: Arc<Shared>,
    from: IpAddr,
    to: SocketAddr,
    impatient: bool,
    random: Random,
    connection: Option<TcpStream>,
    unsent: Vec<u8>,
    /// Bytes of `unsent` that are sent.
    sent: usize,
    /// When the collector last took bytes, or when there were no bytes to take.
    moved: Instant,
    back_off: Duration,
    connect_at: Instant,
    peer_event_at: Instant,
    allowance: f64,
    rate: f64,
    before: Instant,
}

impl Life {
    fn run(&mut self) {
        while !self.shared.stop.load(Relaxed) {
            let now = Instant::now();
            if self.connection.is_none() && now >= self.connect_at {
                self.try_connect(now);
            }
            let hold = self.shared.hold.load(Relaxed);
            if !hold {
                self.change(now);
            }
            self.before = now;
            let renew = self.shared.renew.swap(false, Relaxed);
            if self.connection.is_some() && (renew || self.send(now).is_err()) {
                self.end(now);
            }
            // The driver clears `idle` when it changes `hold`, so `idle` is set only if `hold` is as before the turn.
            let idle = hold
                && self.connection.is_some()
                && self.unsent.is_empty()
                && lock(&self.shared.router).is_dumped();
            if hold == self.shared.hold.load(Relaxed) {
                self.shared.idle.store(idle, Relaxed);
            }
            std::thread::sleep(TURN);
        }
    }

    fn try_connect(&mut self, now: Instant) {
        match connect(self.from, self.to) {
            Ok(connection) => {
                self.connection = Some(connection);
                self.back_off = FIRST_BACK_OFF;
                self.unsent.clear();
                self.sent = 0;
                self.moved = now;
                self.shared.sessions.fetch_add(1, Relaxed);
                lock(&self.shared.router).begin_session(&mut self.unsent);
            }
            Err(_) => self.connect_later(now),
        }
    }

    fn connect_later(&mut self, now: Instant) {
        let jitter = Duration::from_millis(u64::from(self.random.below(20)));
        self.connect_at = now + self.back_off + jitter;
        self.back_off = (self.back_off * 2).min(LONGEST_BACK_OFF);
    }

    /// Ends the session. In half of the cases a reset throws away the bytes that are still on their way.
    fn end(&mut self, now: Instant) {
        if let Some(connection) = self.connection.take()
            && self.random.percent(50)
        {
            let _ = Socket::from(connection).set_linger(Some(Duration::ZERO));
        }
        self.unsent.clear();
        self.sent = 0;
        lock(&self.shared.router).end_session();
        self.connect_later(now);
    }

    fn change(&mut self, now: Instant) {
        // A thread that could not run makes up for this much time at most.
        let elapsed = (now - self.before).as_secs_f64().min(0.2);
        self.allowance = (self.allowance + self.rate * elapsed).min(self.rate);
        let mut router = lock(&self.shared.router);
        let mut changed = 0;
        if now >= self.peer_event_at {
            self.peer_event_at =
                now + PEER_EVENT_EVERY.mul_f64(0.5 + f64::from(self.random.below(100)) / 100.0);
            changed += router.peer_event(&mut self.unsent);
        }
        while self.allowance >= 1.0 && self.unsent.len() < MOST_UNSENT_BYTES {
            let routes = router.change(&mut self.unsent);
            changed += routes;
            self.allowance -= f64::from(routes.max(1));
        }
        drop(router);
        self.shared.changes.fetch_add(u64::from(changed), Relaxed);
        if self.connection.is_none() {
            self.unsent.clear();
        }
    }

    fn send(&mut self, now: Instant) -> io::Result<()> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        match connection.read(&mut [0; 64]) {
            Ok(_) => return Err(ErrorKind::ConnectionReset.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if self.unsent.len() < DUMP_BELOW_BYTES {
            let mut router = lock(&self.shared.router);
            while !router.is_dumped() && self.unsent.len() < DUMP_BELOW_BYTES {
                router.dump_some(&mut self.unsent);
            }
        }
        while let Some(rest @ [_, ..]) = self.unsent.get(self.sent..) {
            match connection.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.sent += written;
                    self.moved = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..self.sent);
        self.sent = 0;
        if self.unsent.is_empty() {
            self.moved = now;
        }
        if self.impatient && now - self.moved > PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

/// Opens a non-blocking connection from the router's own address.
fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let connection = connect_from(from, to, CONNECT_WITHIN)?;
    connection.set_nodelay(true)?;
    connection.set_nonblocking(true)?;
    Ok(connection)
}
