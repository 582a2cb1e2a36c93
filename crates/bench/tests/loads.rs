//! Every named load is what it says: the collector's core reads all of it and counts what the load promises.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_bench::{Load, LoadSettings, Named, Stream};
use arancini_core::{Counters, Now, SessionId, Settings, Shard};
use arancini_generate::{LoadName, Piece};

/// The size of a chunk. It is odd, so that messages are cut in many places.
const CHUNK_BYTES: usize = 4099;

fn load(name: LoadName, elements: u64, prefixes_per_update: Option<u32>) -> Load {
    LoadSettings {
        named: Some(Named {
            name,
            elements,
            prefixes_per_update,
        }),
        ..LoadSettings::default()
    }
    .make()
}

/// What the core has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    messages: u64,
    elements: u64,
    emitted: u64,
    suppressed: u64,
    routes: u64,
    /// Everything that is wrong with messages: malformed messages and attributes, quirks, and withdraws that the collector
    /// makes itself.
    wrong: u64,
}

/// A core to which one router sends.
struct Core {
    shard: Shard,
    counters: Arc<Counters>,
    session: SessionId,
}

impl Core {
    fn new() -> Self {
        let counters = Arc::new(Counters::default());
        let mut shard = Shard::new(0, Settings::default(), Arc::clone(&counters));
        let session = connect(&mut shard);
        Self {
            shard,
            counters,
            session,
        }
    }

    fn reconnect(&mut self) {
        self.shard
            .handle_disconnect(self.session, "closed", Now::default());
        self.session = connect(&mut self.shard);
    }

    fn send(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let done: Result<(), Infallible> = piece.each_chunk(CHUNK_BYTES, |chunk| {
                self.shard
                    .handle_all_bytes(self.session, chunk, Now::default())
                    .unwrap();
                while let Some(batch) = self.shard.poll_batch() {
                    self.shard.handle_recycled(batch.payload);
                }
                Ok(())
            });
            done.unwrap();
        }
    }

    fn counted(&self) -> Counted {
        let counters = &self.counters;
        Counted {
            messages: counters.messages.iter().map(|counter| counter.get()).sum(),
            elements: counters.received_announces.total() + counters.received_withdraws.total(),
            emitted: counters.emitted_announces.total() + counters.emitted_withdraws.total(),
            suppressed: counters.suppressed.total(),
            routes: self.shard.routers().map(|router| router.routes() as u64).sum(),
            wrong: counters.malformed.get()
                + counters.treated_as_withdraw.get()
                + counters.discarded_attributes.get()
                + counters.quirks.iter().map(|counter| counter.get()).sum::<u64>()
                + counters.synthetic_withdraws.get(),
        }
    }
}

fn connect(shard: &mut Shard) -> SessionId {
    shard.handle_connect(IpAddr::from([192, 0, 2, 1]), 4000, Now::default())
}

/// Sends the load of one router to a core. Returns what the core has counted before the measured part, and in all.
fn sent(load: &Load) -> (Counted, Counted) {
    let mut core = Core::new();
    let mut counted = Counted::default();
    for Stream { before, measured, .. } in &load.streams {
        core.send(before);
        counted = core.counted();
        if load.reconnects {
            core.reconnect();
        }
        core.send(measured);
    }
    (counted, core.counted())
}

#[test]
fn the_core_counts_for_each_load_what_the_load_promises() {
    for name in LoadName::ALL {
        for prefixes_per_update in [None, Some(10)] {
            let load = load(name, 10_000, prefixes_per_update);
            let (before, all) = sent(&load);
            let wanted = load.wanted;
            let told = format!(
                "{} with {prefixes_per_update:?}: {before:?}, {all:?}",
                name.name()
            );
            assert_eq!(all.wrong, 0, "{told}");
            assert_eq!(all.messages, wanted.messages, "{told}");
            assert_eq!(before.elements, wanted.elements_before, "{told}");
            assert_eq!(all.elements - before.elements, wanted.elements, "{told}");
            assert_eq!(all.emitted - before.emitted, wanted.emitted, "{told}");
            assert_eq!(
                all.suppressed - before.suppressed,
                wanted.elements - wanted.emitted,
                "{told}"
            );
            assert_eq!(all.routes, wanted.routes, "{told}");
            assert!(wanted.elements.abs_diff(10_000) < 1_000, "{told}");
        }
    }
}

#[test]
fn a_reconnect_is_suppressed_and_churn_has_its_shares() {
    let reconnect = load(LoadName::Reconnect, 20_000, None);
    assert!(reconnect.reconnects);
    assert_eq!(reconnect.wanted.emitted, 0);
    assert_eq!(reconnect.wanted.elements, reconnect.wanted.elements_before);

    // Half of the elements change, a twentieth is withdrawn, and a twentieth comes back.
    let churn = load(LoadName::Churn, 200_000, None).wanted;
    let emitted = churn.emitted as f64 / churn.elements as f64;
    assert!((0.58..0.62).contains(&emitted), "{emitted}");
}

#[test]
fn a_load_is_the_same_for_the_same_seed_and_routers_differ() {
    for name in LoadName::ALL {
        let bytes = |load: &Load| -> Vec<u8> {
            let mut all = Vec::new();
            for piece in load.streams.iter().flat_map(|stream| &stream.measured) {
                let done: Result<(), Infallible> = piece.each_chunk(CHUNK_BYTES, |chunk| {
                    all.extend_from_slice(chunk);
                    Ok(())
                });
                done.unwrap();
            }
            all
        };
        let one = load(name, 2000, None);
        assert_eq!(bytes(&one), bytes(&load(name, 2000, None)), "{}", name.name());
        let settings = LoadSettings {
            routers: 2,
            ..one.settings.clone()
        };
        let [first, second] = &settings.make().streams[..] else {
            panic!("not two routers");
        };
        assert_ne!(first.measured, second.measured, "{}", name.name());
        let other = LoadSettings {
            seed: 2,
            ..one.settings.clone()
        };
        assert_ne!(bytes(&one), bytes(&other.make()), "{}", name.name());
    }
}
