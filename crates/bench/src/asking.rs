//! Clients of the API that ask one question after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use arancini_generate::Random;
use arancini_wire::bgp::Update;
use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bgp::nlri::Ipv4Prefixes;
use arancini_wire::bmp::{Message, frame_length};

use crate::error::BenchError;

const TIMEOUT: Duration = Duration::from_secs(10);
/// How many prefixes the clients ask for at most.
const MOST_PREFIXES: usize = 100_000;
/// Every message of this number gives a prefix.
const SAMPLE: usize = 97;
/// An AS number that originates no generated route, so that the search looks at all of them.
const ABSENT_AS: u32 = 64_999;
/// Every question of this number asks for all routes of a /8.
const COVERED_EVERY: u64 = 20;
/// After a refusal, a client waits this long before it asks again.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// A kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The routes of one prefix.
    Exact,
    /// The longest match for an address.
    Longest,
    /// The routes within a /8, at most a thousand.
    Covered,
    /// The routes that an AS originates, which are searched among all routes.
    OriginAs,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Exact, Self::Longest, Self::Covered, Self::OriginAs];

    /// The name in JSON.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Longest => "longest",
            Self::Covered => "covered",
            Self::OriginAs => "origin_as",
        }
    }

    /// The name in the text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact match",
            Self::Longest => "longest match",
            Self::Covered => "covered by a /8, limit 1000",
            Self::OriginAs => "search for an origin AS",
        }
    }

    fn path(self, (address, length): (Ipv4Addr, u8)) -> String {
        match self {
            Self::Exact => format!("/api/v1/prefixes/{address}/{length}?match=exact"),
            Self::Longest => format!("/api/v1/prefixes/{address}?match=longest"),
            Self::Covered => {
                let [first, ..] = address.octets();
                format!("/api/v1/prefixes/{first}.0.0.0/8?match=covered&limit=1000")
            }
            Self::OriginAs => format!("/api/v1/routes?origin_as={ABSENT_AS}&limit=1000"),
        }
    }
}

/// A question that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub kind: Kind,
    pub status: u16,
    pub took: Duration,
}

/// Takes IPv4 prefixes from the messages of routers.
pub(crate) fn prefixes_of<'a>(streams: impl Iterator<Item = &'a [u8]>) -> Vec<(Ipv4Addr, u8)> {
    let mut prefixes = Vec::new();
    for mut rest in streams {
        let mut number = 0;
        while let Ok(Some(length)) = frame_length(rest, usize::MAX) {
            let Some((message, behind)) = rest.split_at_checked(length) else {
                break;
            };
            rest = behind;
            number += 1;
            if number % SAMPLE == 1 && prefixes.len() < MOST_PREFIXES {
                prefixes.extend(first_prefix(message));
            }
        }
    }
    prefixes
}

/// The first IPv4 prefix that a message announces.
fn first_prefix(message: &[u8]) -> Option<(Ipv4Addr, u8)> {
    let Ok(Message::RouteMonitoring(message)) = Message::new_checked(message) else {
        return None;
    };
    let update = Update::new_checked(message.update_pdu().get(HEADER_LEN..)?).ok()?;
    let (_, length, address) = Ipv4Prefixes::new(update.nlri(), false).next()?;
    Some((Ipv4Addr::from_bits(address), length))
}

/// Lets this many clients ask as long as `work` lasts. Returns what was answered, and what `work` returned. The first client
/// searches for an origin AS, all others mix the other kinds.
pub(crate) fn ask_while<T>(
    control: SocketAddr,
    clients: u16,
    prefixes: &[(Ipv4Addr, u8)],
    work: impl FnOnce() -> Result<T, BenchError>,
) -> Result<(Vec<Asked>, T), BenchError> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let askers: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || ask(control, number, prefixes, stop)))
            .collect();
        let worked = work();
        stop.store(true, Relaxed);
        let mut asked = Vec::new();
        for asker in askers {
            let of_client = asker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            asked.extend(of_client.map_err(BenchError::io(format!("can't ask http://{control}/api/v1")))?);
        }
        Ok((asked, worked?))
    })
}

/// Asks one question after the other over one connection, until it is told to stop.
fn ask(
    control: SocketAddr,
    number: u16,
    prefixes: &[(Ipv4Addr, u8)],
    stop: &AtomicBool,
) -> io::Result<Vec<Asked>> {
    let mut random = Random::of(&[u64::from(number)]);
    let mut client = Client::connect(control)?;
    let mut asked = Vec::new();
    let mut turn = u64::from(number);
    while !stop.load(Relaxed) {
        turn += 1;
        let kind = match number {
            0 => Kind::OriginAs,
            _ if turn.is_multiple_of(COVERED_EVERY) => Kind::Covered,
            _ if turn.is_multiple_of(2) => Kind::Exact,
            _ => Kind::Longest,
        };
        let Some(prefix) = prefixes.get(random.below(prefixes.len() as u32) as usize) else {
            break;
        };
        let begin = Instant::now();
        let status = client.get(&kind.path(*prefix))?;
        asked.push(Asked {
            kind,
            status,
            took: begin.elapsed(),
        });
        if status != 200 {
            thread::sleep(AFTER_REFUSAL);
        }
    }
    Ok(asked)
}

/// A connection to the control port.
struct Client {
    control: SocketAddr,
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Client {
    fn connect(control: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&control, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            control,
            stream: BufReader::new(stream),
            body: Vec::new(),
        })
    }

    /// Asks, reads the whole answer, and returns its status.
    fn get(&mut self, path: &str) -> io::Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.control);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest
                    .split(' ')
                    .next()
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(0);
            } else if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use arancini_generate::{ExpectedRoute, Scenario};

    use super::*;

    #[test]
    fn prefixes_are_taken_from_the_messages_that_announce_them() {
        let scenario = Scenario {
            ipv6_percent: 50,
            churn_rounds: 0,
            ..Scenario::default()
        };
        let prefixes = prefixes_of([scenario.to_bytes().as_slice()].into_iter());
        assert!(!prefixes.is_empty());
        let announced = scenario.expected().routes;
        for (address, length) in prefixes {
            let is = |route: &ExpectedRoute| {
                (route.prefix.address, route.prefix.length) == (IpAddr::V4(address), length)
            };
            assert!(announced.iter().any(is), "{address}/{length}");
        }
    }
}
