//! One look at a collector's /metrics.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::error::BenchError;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The text of /metrics.
pub(super) struct Scrape {
    text: String,
}

impl Scrape {
    /// Asks the control port at this address.
    pub(super) fn of(control: SocketAddr) -> Result<Self, BenchError> {
        Self::read(control).map_err(BenchError::io(format!("http://{control}/metrics can't be read")))
    }

    fn read(control: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&control, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {control}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, text)) if head.starts_with("HTTP/1.1 200") => Ok(Self {
                text: text.to_owned(),
            }),
            _ => Err(io::Error::other("the answer is not that of a control port")),
        }
    }

    /// A metric, summed over its labels; 0 where it is not there. The name is without `arancini_`.
    pub(super) fn sum(&self, name: &str) -> u64 {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix("arancini_")?.strip_prefix(name))
            .filter(|rest| rest.starts_with([' ', '{']))
            .filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<u64>().ok())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_name_are_summed_and_no_others() {
        let scrape = Scrape {
            text: "# HELP arancini_routes Routes held.\n# TYPE arancini_routes gauge\narancini_routes 5\n\
                   arancini_routes_x 7\narancini_seen_total{view=\"a b\"} 1\narancini_seen_total{view=\"c\"} 2\n"
                .to_owned(),
        };
        assert_eq!(scrape.sum("routes"), 5);
        assert_eq!(scrape.sum("seen_total"), 3);
        assert_eq!(scrape.sum("seen"), 0);
    }
}
