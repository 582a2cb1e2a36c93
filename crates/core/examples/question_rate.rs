//! Measures questions: how long they take, and their longest slice.
//!
//! `cargo run --release -p arancini-core --example question_rate [million routes] [routers] [routes a slice]`
//!
//! The routers have ten peers each, with IPv4 and IPv6 as in the other measurements. Slices are measured in CPU time of the thread,
//! so that other load on the machine does not count. A worker lets its other tasks run between two slices.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arancini_core::ask::{Answer, Match, Prefix, Question, Search, Selector};
use arancini_core::{Counters, Now, Settings, Shard};
use arancini_generate::Scenario;

const PEERS: u32 = 10;
/// Entries of a page, the most that the API gives.
const LIMIT: usize = 1000;
/// Questions of each kind.
const ROUNDS: usize = 20;

fn main() {
    let argument = |place: usize, default: usize| {
        std::env::args()
            .nth(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (millions, routers, slice) = (argument(1, 10), argument(2, 10).max(1), argument(3, 2000));
    let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
    for router in 0..routers {
        let scenario = Scenario {
            peers: PEERS as u16 as _,
            prefixes_per_peer: (millions * 1_000_000 / routers) as u32 / PEERS,
            prefixes_per_update: 100,
            churn_rounds: 0,
            ..Scenario::default()
        };
        let id = IpAddr::from(0x0a00_0001_u32.wrapping_add(router as u32).to_be_bytes());
        let session = shard.handle_connect(id, 4000, Now::default());
        for chunk in scenario.stream() {
            if shard.handle_all_bytes(session, &chunk, Now::default()).is_err() {
                return println!("the generated stream cannot be read");
            }
            while let Some(batch) = shard.poll_batch() {
                shard.handle_recycled(batch.payload);
            }
        }
    }
    let routes: usize = shard.routers().map(|router| router.routes()).sum();
    let some = Question::routes(Selector::default(), None, ROUNDS);
    let prefixes: Vec<Prefix> = match measure(&shard, some, slice).answer {
        Answer::Routes(routes) => routes
            .iter()
            .filter_map(|route| Some(route.name.prefix()?.1))
            .collect(),
        _ => Vec::new(),
    };
    println!("{routes} routes of {routers} routers with {PEERS} peers; slices of {slice} routes");
    for (name, matching, length) in [
        ("exact", Match::Exact, 128),
        ("longest", Match::Longest, 128),
        ("covering", Match::Covering, 128),
        ("covered /8", Match::Covered, 8),
    ] {
        let searches = prefixes.iter().map(|prefix| Search {
            prefix: prefix.shortened(length),
            matching,
        });
        let questions = searches.map(|search| Question::routes(Selector::default(), Some(search), LIMIT));
        report(
            name,
            questions
                .map(|question| measure(&shard, question, slice))
                .collect(),
        );
    }
    let rare = Search {
        prefix: Prefix::host(IpAddr::from([255, 255, 255, 255])),
        matching: Match::Covered,
    };
    let whole = Question::routes(Selector::default(), Some(rare), LIMIT);
    report("a scan of all", vec![measure(&shard, whole, slice)]);
    let routers = Question::routers(Selector::default(), LIMIT);
    report("routers", vec![measure(&shard, routers, slice)]);
}

/// One question: its slices in microseconds, and its answer.
struct Measured {
    slices: Vec<f64>,
    answer: Answer,
}

fn measure(shard: &Shard, mut question: Question, slice: usize) -> Measured {
    let mut slices = Vec::new();
    let mut more = true;
    while more {
        let begin = cpu_time();
        more = shard.poll_question(&mut question, slice);
        slices.push((cpu_time() - begin).as_secs_f64() * 1e6);
    }
    Measured {
        slices,
        answer: question.finish().answer,
    }
}

fn report(name: &str, measured: Vec<Measured>) {
    let mut took: Vec<f64> = measured.iter().map(|one| one.slices.iter().sum()).collect();
    took.sort_by(f64::total_cmp);
    let mut slices: Vec<f64> = measured.iter().flat_map(|one| one.slices.clone()).collect();
    slices.sort_by(f64::total_cmp);
    let entries = measured.iter().map(|one| match &one.answer {
        Answer::Routes(routes) => routes.len(),
        Answer::Routers(routers) => routers.len(),
        Answer::Peers(_) | Answer::Counts(_) => 0,
    });
    let at = |sorted: &[f64], part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize];
    println!(
        "{name}: {} entries; {:.0} µs of CPU time, longest {:.0} µs; slices: median {:.0} µs, longest {:.0} µs",
        entries.sum::<usize>() / measured.len(),
        at(&took, 0.5),
        at(&took, 1.0),
        at(&slices, 0.5),
        at(&slices, 1.0),
    );
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
