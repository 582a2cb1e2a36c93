//! The routes that routers report in Statistics Reports, beside those that are held when a report comes (docs/statistics.md).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arancini_core::{Counters, Now, Peer, SessionId, Settings, Shard};

use support::recordings::{corpus, root, streams};
use support::{SECOND, router};

/// Where the table of the recordings is.
const PAGE: &str = "docs/statistics.md";
/// Longest time that a recording lets pass between two messages.
const LONGEST_PAUSE_S: u64 = 3600;
/// The message type of a Statistics Report.
const STATISTICS_REPORT: u8 = 1;

/// How the comparisons of one view went.
#[derive(Debug, Default)]
struct Outcome {
    equal: u64,
    more_reported: u64,
    more_held: u64,
    /// The last difference of each peer and family.
    last: BTreeMap<String, i64>,
}

/// The whole BMP messages of a stream.
fn messages(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(rest.get(1..5)?.try_into().unwrap()) as usize;
        let (message, behind) = rest.split_at_checked(length.max(6))?;
        rest = behind;
        (message[0] == 3).then_some(message)
    })
}

/// When the router made a message, in seconds since the Unix epoch; `None` if the message does not say it.
fn made_at(message: &[u8]) -> Option<u64> {
    let has_header = matches!(message[5], 0..=3);
    let seconds = u32::from_be_bytes(message.get(40..44)?.try_into().unwrap());
    (has_header && seconds > 0).then_some(u64::from(seconds))
}

/// A collector that takes a recording at the times of its messages.
struct Listener {
    shard: Shard,
    session: SessionId,
    now: Now,
    /// The latest time that a message has named.
    latest: Option<u64>,
}

impl Listener {
    fn new() -> Self {
        let now = Now {
            monotonic_ns: SECOND,
            unix_ns: 1_767_225_600 * SECOND,
        };
        let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
        let session = shard.handle_connect(router(1), 50_000, now);
        Self {
            shard,
            session,
            now,
            latest: None,
        }
    }

    /// Takes a message; returns whether the session goes on.
    fn take(&mut self, message: &[u8]) -> bool {
        if let Some(made) = made_at(message) {
            let latest = self.latest.get_or_insert(made);
            let pause = made.saturating_sub(*latest).min(LONGEST_PAUSE_S);
            *latest = made.max(*latest);
            self.wait(pause);
        }
        let session_goes_on = self
            .shard
            .handle_all_bytes(self.session, message, self.now)
            .is_ok();
        while let Some(batch) = self.shard.poll_batch() {
            self.shard.handle_recycled(batch.payload);
        }
        session_goes_on
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now.monotonic_ns += SECOND;
            self.now.unix_ns += SECOND;
            self.shard.handle_timeout(self.now);
            while self.shard.handle_sweep(1000, self.now) {}
        }
    }

    /// The peer that a Statistics Report is about, if it has just been compared.
    fn reported_peer(&self, message: &[u8]) -> Option<&Peer> {
        let header = &message[6..40];
        let mut peers = self.shard.routers().flat_map(|router| &router.peers);
        peers.find(|peer| {
            let address = peer.identity.address;
            peer.identity.peer_type == header[0]
                && peer.identity.distinguisher == header[2..10]
                && peer.identity.bgp_id.to_be_bytes() == header[30..34]
                && (address == header[10..26] || address[12..] == header[22..26])
        })
    }
}

/// How the comparisons of a stream went, by view.
fn compared(stream: &[u8]) -> BTreeMap<&'static str, Outcome> {
    let mut outcomes: BTreeMap<_, Outcome> = BTreeMap::new();
    let mut listener = Listener::new();
    for message in messages(stream) {
        if !listener.take(message) {
            break;
        }
        if message[5] != STATISTICS_REPORT {
            continue;
        }
        let Some(peer) = listener.reported_peer(message) else {
            continue;
        };
        for compared in peer.statistics.iter().flat_map(|last| &last.comparisons) {
            let outcome = outcomes.entry(compared.view.name()).or_default();
            let difference = compared.difference();
            match difference.signum() {
                0 => outcome.equal += 1,
                1 => outcome.more_reported += 1,
                _ => outcome.more_held += 1,
            }
            let table = format!("{:?} {:?}", peer.identity, compared.family);
            outcome.last.insert(table, difference);
        }
    }
    outcomes
}

/// A row for each recording and view in which anything could be compared.
fn rows(streams: impl Iterator<Item = (String, Vec<u8>)>) -> String {
    let mut text = String::new();
    for (name, stream) in streams {
        for (view, outcome) in compared(&stream) {
            let last: Vec<_> = outcome
                .last
                .values()
                .filter(|&&last| last != 0)
                .map(i64::to_string)
                .collect();
            let last = if last.is_empty() {
                "0".to_owned()
            } else {
                last.join(", ")
            };
            let Outcome {
                equal,
                more_reported,
                more_held,
                ..
            } = outcome;
            writeln!(
                text,
                "| `{name}` | `{view}` | {equal} | {more_reported} | {more_held} | {last} |"
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn the_page_says_how_often_recorded_routers_differ_from_their_own_statistics() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let rows = rows(streams(&corpus));
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let of_page: String = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("` | `"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(of_page, rows, "the rows of {PAGE} are:\n{rows}");
}
