//! A client of the collector's control port.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer of the control port.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: String,
}

/// Asks for a page of the control port.
///
/// # Errors
/// The port does not answer within the time, or not with HTTP.
pub fn get(control: SocketAddr, path: &str, within: Duration) -> io::Result<Answer> {
    request(
        control,
        &format!("GET {path} HTTP/1.1\r\nHost: {control}\r\n"),
        within,
    )
}

/// Sends a request: its first line and its headers, each with its line break.
///
/// # Errors
/// As [`get`].
pub fn request(control: SocketAddr, head: &str, within: Duration) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&control, within)?;
    stream.set_read_timeout(Some(within))?;
    let request = format!("{head}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let parts = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, head.to_owned(), body.to_owned()))
    });
    let not_http = || io::Error::other(format!("the answer to {head:?} is not HTTP"));
    let (status, head, body) = parts.ok_or_else(not_http)?;
    Ok(Answer { status, head, body })
}

/// One look at `/metrics`.
#[derive(Debug, Clone)]
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// Takes the body of an answer.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self { text }
    }

    /// A metric, summed over its labels; 0 where the metric is missing. The name is without `arancini_`.
    #[must_use]
    pub fn sum(&self, name: &str) -> u64 {
        let samples = self.text.lines().filter_map(|line| {
            let rest = line.strip_prefix("arancini_")?.strip_prefix(name)?;
            rest.starts_with([' ', '{'])
                .then(|| rest.rsplit_once(' ')?.1.parse::<f64>().ok())?
        });
        samples.map(|value| value as u64).sum()
    }

    /// One sample, `name` or `name{label="value"}` without `arancini_`; `None` where it is missing.
    #[must_use]
    pub fn sample(&self, sample: &str) -> Option<u64> {
        self.exact(sample).map(|value| value as u64)
    }

    /// One sample with its fraction, for times in seconds; `None` where it is missing.
    #[must_use]
    pub fn exact(&self, sample: &str) -> Option<f64> {
        self.text.lines().find_map(|line| {
            let rest = line.strip_prefix("arancini_")?.strip_prefix(sample)?;
            rest.strip_prefix(' ')?.parse().ok()
        })
    }
}
