//! What clients cost: a measurement, which `docs/ris-live.md` says how to run.

use std::collections::BTreeMap;

use arancini_generate::{Attributes, Prefix, Update, route_monitoring};
use serde_json::{Value, json};

use super::client::{Client, LOCAL, first_peer, router};
use crate::support::{Rig, eventually};

const PREFIXES: u32 = 100_000;
const ROUNDS: u32 = 10;
/// Prefixes in one UPDATE.
const TOGETHER: u32 = 50;

/// Processor time of each thread of this process, in ticks of 10 ms.
fn ticks() -> BTreeMap<String, u64> {
    let mut ticks = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else {
            continue;
        };
        // The name stands in brackets and may have blanks.
        let (head, rest) = stat.rsplit_once(") ").unwrap();
        let name = head.split_once('(').unwrap().1.to_owned();
        let fields: Vec<&str> = rest.split(' ').collect();
        let used: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        *ticks.entry(name).or_default() += used;
    }
    ticks
}

/// Ten prefixes that only this client asks for; each is announced in each round.
fn ten_prefixes(client: u32) -> Value {
    let prefix = |number: u32| prefix_of((client * 10 + number) % PREFIXES);
    json!({"prefix": (0..10).map(prefix).collect::<Vec<_>>(), "type": "UPDATE"})
}

/// A condition that no index helps with, and that nothing fulfils.
fn another_router(client: u32) -> Value {
    json!({"host": format!("198.51.{}.{}", client / 256, client % 256), "type": "UPDATE"})
}

/// The fields of the subscription of the client with this number.
type Fields = fn(u32) -> Value;

fn everything(_: u32) -> Value {
    json!({"type": "UPDATE"})
}

fn prefix_of(number: u32) -> String {
    format!(
        "{}.{}.{}.0/24",
        20 + number / 65_536,
        number / 256 % 256,
        number % 256
    )
}

#[test]
#[ignore = "a measurement"]
fn processor_time_beside_a_million_updates() {
    let cases: [(&str, u32, Fields); 7] = [
        ("none", 0, everything),
        ("ten prefixes", 1, ten_prefixes),
        ("ten prefixes", 100, ten_prefixes),
        ("ten prefixes", 1000, ten_prefixes),
        ("another router", 100, another_router),
        ("another router", 1000, another_router),
        ("everything", 1, everything),
    ];
    println!("subscription, clients: seconds of live, ris, workers, sink; messages; batches left out");
    for (name, count, fields) in cases {
        measure(name, count, fields);
    }
}

fn measure(name: &str, count: u32, fields: Fields) {
    let rig = Rig::start(|config| config.control.ris_clients = 1000);
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    let clients: Vec<_> = (0..count)
        .map(|number| Client::subscribed(&rig, fields(number)))
        .collect();
    let readers: Vec<_> = clients
        .into_iter()
        .filter(|_| name == "everything")
        .map(|client| std::thread::spawn(move || client.rest().0.len()))
        .collect();
    let before = ticks();
    for round in 0..ROUNDS {
        for first in (0..PREFIXES).step_by(TOGETHER as usize) {
            let prefixes = (first..first + TOGETHER).map(|number| {
                let text = prefix_of(number);
                let (address, _) = text.split_once('/').unwrap();
                Prefix::new(address.parse().unwrap(), 24)
            });
            let attributes = Attributes::new(&[peer.asn, 64_700 + round], LOCAL, LOCAL.to_ipv6_mapped());
            let update = Update::announce(prefixes.collect::<Vec<_>>(), attributes);
            router.send(&route_monitoring(&peer, &update.to_bytes()));
        }
        let so_far = u64::from(PREFIXES) * u64::from(round + 1);
        eventually("all is published", || {
            rig.metric("sink_messages_acknowledged_total") >= so_far
        });
    }
    let after = ticks();
    let seconds = |is_wanted: &dyn Fn(&str) -> bool| {
        let used = after.iter().filter(|(thread, _)| is_wanted(thread));
        let used: u64 = used
            .map(|(thread, used)| used - before.get(thread).copied().unwrap_or(0))
            .sum();
        used as f64 / 100.0
    };
    println!(
        "{name}, {count}: {:.2}, {:.2}, {:.2}, {:.2}; {}; {}",
        seconds(&|thread| thread == "arancini-live"),
        seconds(&|thread| thread == "arancini-ris"),
        seconds(&|thread| thread.starts_with("arancini-worke")),
        seconds(&|thread| thread == "arancini-blocki" || thread == "arancini-sideca"),
        rig.metric("ris_messages_total"),
        rig.metric("live_batches_left_out_total"),
    );
    drop(rig);
    readers
        .into_iter()
        .for_each(|reader| println!("  heard {}", reader.join().unwrap()));
}
