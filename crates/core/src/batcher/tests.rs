#![allow(clippy::unwrap_used)]
use super::*;

fn batcher(max_messages: u32, max_bytes: usize) -> (Batcher, SubjectId, SubjectId) {
    let settings = BatchSettings {
        max_messages,
        max_bytes,
        linger_ns: 100,
        max_open_bytes: 1000,
        max_closed_bytes: 1000,
    };
    let mut batcher = Batcher::new(3, settings);
    let router = IpAddr::from([192, 0, 2, 1]);
    let list = batcher.register_router();
    let a = batcher.register(BatchKind::Updates, "a".into(), router, list);
    let b = batcher.register(BatchKind::Updates, "b".into(), router, list);
    (batcher, a, b)
}

fn put(batcher: &mut Batcher, id: SubjectId, sequence: u64, now_ns: u64) {
    batcher.append(id, sequence, now_ns, |out| out.extend([1; 10]));
}

#[test]
fn a_batch_closes_on_count_and_on_size() {
    let (mut batcher, a, _) = batcher(3, 1000);
    for sequence in 1..=3 {
        assert!(!batcher.has_closed());
        put(&mut batcher, a, sequence, 0);
    }
    let batch = batcher.pop().unwrap();
    assert_eq!(
        (batch.messages, batch.first_sequence, batch.last_sequence),
        (3, 1, 3)
    );
    assert_eq!((batch.worker, batch.number, batch.payload.len()), (3, 1, 30));
    assert_eq!(batcher.deadline_ns(), None);
    let (mut batcher, a, _) = self::batcher(100, 20);
    put(&mut batcher, a, 1, 0);
    put(&mut batcher, a, 2, 0);
    assert_eq!(batcher.pop().unwrap().messages, 2);
}

#[test]
fn a_batch_waits_no_longer_than_the_linger() {
    let (mut batcher, a, b) = batcher(2, 1000);
    put(&mut batcher, a, 1, 0);
    put(&mut batcher, b, 2, 50);
    assert_eq!(batcher.deadline_ns(), Some(100));
    batcher.close_expired(99);
    assert!(!batcher.has_closed());
    put(&mut batcher, a, 3, 99);
    assert_eq!(&*batcher.pop().unwrap().subject, "a");
    put(&mut batcher, a, 4, 99);
    batcher.close_expired(150);
    assert_eq!(&*batcher.pop().unwrap().subject, "b");
    assert!(
        !batcher.has_closed(),
        "the second batch of a has its own deadline"
    );
    batcher.close_expired(199);
    assert_eq!(batcher.pop().unwrap().first_sequence, 4);
}

#[test]
fn open_batches_are_bounded_together() {
    let settings = BatchSettings {
        max_messages: 1000,
        max_bytes: 10_000,
        linger_ns: 100,
        max_open_bytes: 95,
        ..BatchSettings::default()
    };
    let mut batcher = Batcher::new(0, settings);
    let list = batcher.register_router();
    let ids: Vec<_> = (0..20)
        .map(|n| {
            batcher.register(
                BatchKind::Updates,
                format!("{n}").into(),
                IpAddr::from([0; 4]),
                list,
            )
        })
        .collect();
    for (sequence, &id) in ids.iter().enumerate() {
        put(&mut batcher, id, sequence as u64, 0);
        assert!(batcher.open_bytes <= 95);
    }
    batcher.close_all();
    let mut sequences = Vec::new();
    while let Some(batch) = batcher.pop() {
        sequences.push(batch.first_sequence);
    }
    assert_eq!(sequences, (0..20).collect::<Vec<u64>>());
    assert_eq!(batcher.open_bytes, 0);
}

#[test]
fn a_released_subject_leaves_its_place_to_another() {
    let (mut batcher, a, _) = batcher(100, 1000);
    put(&mut batcher, a, 1, 0);
    batcher.release(a);
    let list = batcher.register_router();
    let c = batcher.register(BatchKind::Peers, "c".into(), IpAddr::from([0; 4]), list);
    put(&mut batcher, c, 7, 90);
    batcher.close_expired(150);
    assert_eq!(&*batcher.pop().unwrap().subject, "a");
    assert!(!batcher.has_closed(), "the old deadline is not the new subject's");
}

/// Closes the batches of a router and returns their subjects.
fn closed(batcher: &mut Batcher, list: RouterBatches) -> String {
    batcher.close_router(list);
    let batches = std::iter::from_fn(|| batcher.pop());
    batches.map(|batch| batch.subject.to_string()).collect()
}

#[test]
fn the_batches_of_a_router_close_in_the_order_of_opening() {
    let mut batcher = Batcher::new(0, BatchSettings::default());
    let router = IpAddr::from([192, 0, 2, 1]);
    let [one, other] = std::array::from_fn(|_| batcher.register_router());
    let [a, b, c] =
        ["a", "b", "c"].map(|name| batcher.register(BatchKind::Updates, name.into(), router, one));
    let d = batcher.register(BatchKind::Updates, "d".into(), router, other);
    assert_eq!(closed(&mut batcher, one), "");
    for (sequence, id) in (1..).zip([c, d, a, b, a]) {
        put(&mut batcher, id, sequence, 0);
    }
    assert_eq!(closed(&mut batcher, one), "cab");
    assert_eq!(closed(&mut batcher, one), "");
    assert_eq!(closed(&mut batcher, other), "d");
    // Batches that close by themselves leave the list at its front, in its middle and at its end.
    for (gone, expected) in [(a, "abca"), (b, "bacb"), (c, "cabc")] {
        for (sequence, id) in (10..).zip([a, b, c]) {
            put(&mut batcher, id, sequence, 0);
        }
        batcher.close(gone);
        put(&mut batcher, gone, 20, 0);
        assert_eq!(closed(&mut batcher, one), expected);
    }
    assert_eq!(batcher.open_bytes(), 0);
    batcher.close_all();
    assert!(!batcher.has_closed());
}
