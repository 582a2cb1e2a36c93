//! What an event repeats of a sender's message is bounded, and so is what the collector keeps of it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;

use arancini_core::{Batch, BatchKind, SessionError};
use arancini_generate::initiation;
use arancini_schema::decode::Messages;

use support::Harness;
use support::wire::{mandatory, monitoring, peer, up};

/// Far below the 1 MiB that a broker takes by default.
const MOST_EVENT_BYTES: usize = 200 << 10;

/// A BMP message of this type.
fn message(message_type: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![3];
    message.extend(u32::try_from(6 + body.len()).unwrap().to_be_bytes());
    message.push(message_type);
    message.extend(body);
    message
}

fn tlv(tlv_type: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&tlv_type.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

/// The per-peer header of a peer, taken from its Peer Up.
fn per_peer_header(number: u8) -> Vec<u8> {
    up(&peer(number))[6..48].to_vec()
}

/// The batches of this kind that a router's message leads to.
fn batches_of(kind: BatchKind, message: &[u8]) -> Vec<Batch> {
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &initiation("r1", "test"));
    harness.send(session, &up(&peer(1)));
    harness.shard.handle_flush(harness.now);
    while harness.shard.poll_batch().is_some() {}
    harness.send(session, message);
    harness.shard.handle_flush(harness.now);
    let batches = std::iter::from_fn(|| harness.shard.poll_batch());
    batches.filter(|batch| batch.kind == kind).collect()
}

/// The payload of the only event of this kind.
fn event_of(kind: BatchKind, message: &[u8]) -> Vec<u8> {
    let batches = batches_of(kind, message);
    let [batch] = &batches[..] else {
        panic!("{} batches", batches.len());
    };
    assert_eq!(batch.messages, 1);
    let bytes = batch.payload.len();
    assert!(bytes < MOST_EVENT_BYTES, "an event of {bytes} bytes");
    batch.payload.clone()
}

#[test]
fn a_malformed_message_of_one_mebibyte_is_cut_and_its_length_said() {
    // A Route Monitoring message whose UPDATE is zeros.
    let body = [per_peer_header(1), vec![0; (1 << 20) - 48]].concat();
    let message = message(0, &body);
    assert_eq!(message.len(), 1 << 20);
    let payload = event_of(BatchKind::Malformed, &message);
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let event = read.malformed_message().unwrap();
    assert_eq!(event.get_raw_length(), 1 << 20);
    assert_eq!(event.get_raw().unwrap(), &message[..64 << 10]);
}

#[test]
fn a_short_malformed_message_is_published_whole() {
    let message = message(0, &[per_peer_header(1), vec![0; 30]].concat());
    let payload = event_of(BatchKind::Malformed, &message);
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let event = read.malformed_message().unwrap();
    assert_eq!(event.get_raw_length(), 0);
    assert_eq!(event.get_raw().unwrap(), message);
}

#[test]
fn an_initiation_of_one_megabyte_is_cut_and_its_length_said() {
    let tlvs: Vec<u8> = (0..16).flat_map(|_| tlv(0, &[b'x'; 65_000])).collect();
    let payload = event_of(BatchKind::Routers, &message(4, &tlvs));
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let event = read.router_event().unwrap();
    assert_eq!(event.get_information_length() as usize, tlvs.len());
    assert_eq!(event.get_information().unwrap().len(), 1);
}

#[test]
fn an_initiation_of_empty_elements_is_cut_and_its_length_said() {
    let tlvs: Vec<u8> = (0..260_000).flat_map(|_| tlv(0, &[])).collect();
    let payload = event_of(BatchKind::Routers, &message(4, &tlvs));
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let event = read.router_event().unwrap();
    assert_eq!(event.get_information_length() as usize, tlvs.len());
    assert_eq!(event.get_information().unwrap().len(), 1000);
}

#[test]
fn the_data_of_a_peer_down_is_cut_and_its_length_said() {
    let data = vec![7; 1_000_000];
    let body = [per_peer_header(1), vec![1], data].concat();
    let payload = event_of(BatchKind::Peers, &message(2, &body));
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let event = read.peer_event().unwrap();
    assert_eq!(event.get_down_data_length(), 1_000_000);
    assert_eq!(event.get_down_data().unwrap().len(), 64 << 10);
}

#[test]
fn a_peer_up_of_one_megabyte_is_cut_and_its_length_said() {
    let tlvs: Vec<u8> = (0..16).flat_map(|_| tlv(0, &[b'x'; 65_000])).collect();
    let body = [&up(&peer(1))[6..], &tlvs].concat();
    let payload = event_of(BatchKind::Peers, &message(3, &body));
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let event = read.peer_event().unwrap();
    assert_eq!(event.get_information_length() as usize, tlvs.len());
    assert_eq!(event.get_information().unwrap().len(), 1);
}

#[test]
fn a_statistics_report_keeps_its_first_thousand_counters() {
    let count: u32 = 80_000;
    let mut body = [per_peer_header(1), count.to_be_bytes().to_vec()].concat();
    for _ in 0..count {
        body.extend(tlv(7, &[0; 8]));
    }
    let payload = event_of(BatchKind::Statistics, &message(1, &body));
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let event = read.statistics_event().unwrap();
    assert_eq!(event.get_counter_count(), count);
    assert_eq!(event.get_counters().unwrap().len(), 1000);
}

/// The schema says so of `StatisticsCounter.name`; it was `unknown`.
#[test]
fn a_statistic_without_a_name_has_an_empty_name() {
    let list = [tlv(7, &[0; 8]), tlv(65_000, &[0; 8])].concat();
    let body = [per_peer_header(1), 2_u32.to_be_bytes().to_vec(), list].concat();
    let payload = event_of(BatchKind::Statistics, &message(1, &body));
    let read = Messages::new(&payload).next().unwrap().unwrap();
    let counters = read.statistics_event().unwrap().get_counters().unwrap();
    let names: Vec<&str> = counters
        .iter()
        .map(|counter| counter.get_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["routes_adj_rib_in", ""]);
}

#[test]
fn a_table_name_of_65000_bytes_is_kept_as_255() {
    let mut harness = Harness::new();
    let session = harness.session();
    let name = tlv(3, &[b'v'; 65_000]);
    let body = [&up(&peer(1))[6..], &name].concat();
    harness.send(session, &message(3, &body));
    let routes: Vec<u8> = (0..100).flat_map(|index| [24, 10, 0, index]).collect();
    harness.send(session, &monitoring(&peer(1), &[], &mandatory(&[1]), &routes));
    harness.shard.handle_flush(harness.now);
    let batches: Vec<_> = std::iter::from_fn(|| harness.shard.poll_batch()).collect();
    let updates = batches.iter().filter(|batch| batch.kind == BatchKind::Updates);
    let bytes: usize = updates.clone().map(|batch| batch.payload.len()).sum();
    assert!(bytes < 100 * 1024, "100 updates take {bytes} bytes");
    for batch in updates {
        for read in Messages::new(&batch.payload) {
            let read = read.unwrap();
            let name = read.update().unwrap().get_table_name().unwrap();
            assert_eq!(name.to_str().unwrap(), "v".repeat(255));
        }
    }
}

#[test]
fn terminations_do_not_repeat_a_system_name_of_64_kilobytes() {
    let mut harness = Harness::new();
    let names = [tlv(2, &[b'n'; 64_000]), tlv(1, &[b'd'; 64_000])].concat();
    let session = harness.session();
    harness.send(session, &message(4, &names));
    harness.shard.handle_flush(harness.now);
    while harness.shard.poll_batch().is_some() {}
    for _ in 0..100 {
        let session = harness.session();
        assert_eq!(
            harness.try_send(session, &message(5, &[])),
            Err(SessionError::Terminated)
        );
        harness.close(session);
    }
    harness.shard.handle_flush(harness.now);
    let batches: Vec<Batch> = std::iter::from_fn(|| harness.shard.poll_batch()).collect();
    let bytes: usize = batches.iter().map(|batch| batch.payload.len()).sum();
    let events: usize = batches
        .iter()
        .map(|batch| Messages::new(&batch.payload).count())
        .sum();
    assert_eq!(
        events,
        1 + 4 * 100,
        "each session opens, is back, is terminated and is lost"
    );
    assert!(bytes < events * 1024, "{events} events became {bytes} bytes");
}

/// "The monitoring station MUST close the TCP session after receiving a Termination message" (RFC 7854 §4.5).
#[test]
fn a_termination_ends_the_session_and_nothing_behind_it_is_taken() {
    let mut harness = Harness::new();
    let session = harness.session();
    let route = |prefix: u8| monitoring(&peer(1), &[], &mandatory(&[1]), &[24, 10, 0, prefix]);
    let stream = [up(&peer(1)), route(1), message(5, &[]), route(2), up(&peer(2))].concat();
    assert_eq!(harness.try_send(session, &stream), Err(SessionError::Terminated));
    harness.close(session);
    let routers: Vec<_> = harness.shard.routers().collect();
    assert_eq!(
        (routers[0].routes(), routers[0].peers.len()),
        (1, 1),
        "nothing behind it"
    );
    assert_eq!(harness.try_send(session, &route(2)), Err(SessionError::Unknown));

    let next = harness.session();
    harness.send(next, &[up(&peer(1)), route(2)].concat());
    assert_eq!(
        harness.shard.routers().next().unwrap().routes(),
        2,
        "the next session is like any other"
    );
}

/// A Statistics Report without counters about a peer with this AS number and address.
fn report(asn: u32, address: u8) -> Vec<u8> {
    let mut header = per_peer_header(address);
    header[26..30].copy_from_slice(&asn.to_be_bytes());
    message(1, &[header, vec![0; 4]].concat())
}

#[test]
fn statistics_with_fresh_as_numbers_make_no_fresh_subjects() {
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &initiation("r1", "test"));
    harness.send(session, &up(&peer(1)));
    for asn in 0..10_000 {
        harness.send(session, &report(70_000 + asn, 1));
        harness.send(session, &report(70_000 + asn, 2));
    }
    harness.shard.handle_flush(harness.now);
    let batches: Vec<_> = std::iter::from_fn(|| harness.shard.poll_batch()).collect();
    let statistics = || batches.iter().filter(|batch| batch.kind == BatchKind::Statistics);
    let events: u32 = statistics().map(|batch| batch.messages).sum();
    assert_eq!(events, 20_000);
    let subjects: BTreeSet<&str> = statistics().map(|batch| &*batch.subject).collect();
    assert!(subjects.len() < 5, "{} subjects", subjects.len());
    let expected = [
        "arancini.stats.v4_192_0_2_1.0",
        "arancini.stats.v4_192_0_2_1.64501",
    ];
    assert!(subjects.into_iter().eq(expected));
}
