//! The judge finds each fault that tests and campaigns rely on it to find.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;

use arancini_judge::attributes::Attributes;
use arancini_judge::finding::Counts;
use arancini_judge::update_capnp::{RouterEventKind, router_event, update};
use arancini_judge::{FindingKind, Judge, MapBook, Rules, Sweeps, Withdrawn};

const SUBJECT: &str = "updates.v4_10_98_0_11.65000.1_1";
const ROUTERS: &str = "routers.v4_10_98_0_11";

/// An update of one prefix.
#[derive(Clone, Copy)]
struct Update {
    sequence: u64,
    /// `None` withdraws.
    fingerprint: Option<u64>,
}

const fn announce(sequence: u64, fingerprint: u64) -> Update {
    Update {
        sequence,
        fingerprint: Some(fingerprint),
    }
}

const fn withdraw(sequence: u64) -> Update {
    Update {
        sequence,
        fingerprint: None,
    }
}

fn router() -> [u8; 16] {
    Ipv4Addr::new(10, 98, 0, 11).to_ipv6_mapped().octets()
}

impl Update {
    fn bytes(self) -> Vec<u8> {
        let mut message = capnp::message::Builder::new_default();
        let mut update: update::Builder<'_> = message.init_root();
        update.set_router_addr(&router());
        update.set_peer_addr(&router());
        update.set_peer_asn(65_000);
        update.set_prefix_addr(&Ipv4Addr::new(192, 0, 2, 0).to_ipv6_mapped().octets());
        update.set_prefix_len(24);
        update.set_afi(1);
        update.set_safi(1);
        update.set_sequence(self.sequence);
        update.set_announced(self.fingerprint.is_some());
        update.set_attribute_fingerprint(self.fingerprint.unwrap_or_default());
        capnp::serialize::write_message_to_words(&message)
    }
}

fn event(sequence: u64, kind: RouterEventKind) -> Vec<u8> {
    resync_event(sequence, kind, Withdrawn::Known)
}

fn resync_event(sequence: u64, kind: RouterEventKind, withdrawn: Withdrawn) -> Vec<u8> {
    let mut message = capnp::message::Builder::new_default();
    let mut event: router_event::Builder<'_> = message.init_root();
    event.set_router_addr(&router());
    event.set_sequence(sequence);
    event.set_kind(kind);
    event.set_all_withdrawn(withdrawn == Withdrawn::All);
    capnp::serialize::write_message_to_words(&message)
}

fn judge() -> Judge<MapBook<Attributes>> {
    Judge::new(MapBook::default(), Rules::default())
}

fn judged(updates: &[Update]) -> Counts {
    let mut judge = judge();
    for update in updates {
        judge.payload(SUBJECT, &update.bytes());
    }
    judge.findings.counts
}

/// The counts are this kind, once, and nothing else.
fn assert_is(counts: &Counts, kind: FindingKind) {
    assert_eq!((counts.of(kind), counts.sum()), (1, 1), "{kind:?}: {counts:?}");
}

#[test]
fn a_true_stream_breaks_no_promise() {
    let stream = [announce(1, 7), announce(2, 8), withdraw(5), announce(6, 8)];
    assert_eq!(judged(&stream), Counts::default());
}

#[test]
fn an_announce_without_a_change_is_found() {
    assert_is(
        &judged(&[announce(1, 7), announce(2, 7)]),
        FindingKind::AnnouncedAsHeld,
    );
}

#[test]
fn a_withdraw_of_what_is_not_there_is_found() {
    assert_is(&judged(&[withdraw(1)]), FindingKind::WithdrawnUnheld);
    let twice = [announce(1, 7), withdraw(2), withdraw(3)];
    assert_is(&judged(&twice), FindingKind::WithdrawnUnheld);
}

#[test]
fn a_broken_order_is_found_within_a_payload_too() {
    assert_is(
        &judged(&[announce(1, 7), announce(1, 8)]),
        FindingKind::SameSequence,
    );
    let mut judge = judge();
    judge.payload(
        SUBJECT,
        &[announce(5, 7).bytes(), announce(4, 8).bytes()].concat(),
    );
    assert_is(&judge.findings.counts, FindingKind::OutOfOrder);
}

#[test]
fn a_subject_names_what_it_carries() {
    let mut judge = judge();
    judge.payload("updates.v4_10_98_0_11.65000.2_1", &announce(1, 7).bytes());
    assert_is(&judge.findings.counts, FindingKind::WrongSubject);
}

#[test]
fn an_event_that_overtakes_an_update_is_found() {
    let mut judge = judge();
    judge.payload(ROUTERS, &event(2, RouterEventKind::Lost));
    judge.payload(SUBJECT, &announce(1, 7).bytes());
    assert_is(&judge.findings.counts, FindingKind::BarrierBroken);
}

#[test]
fn a_resync_owes_each_route_once_and_takes_what_it_leaves_out() {
    let mut judge = judge();
    judge.payload(SUBJECT, &announce(1, 7).bytes());
    judge.payload(ROUTERS, &event(2, RouterEventKind::ResyncBegin));
    judge.payload(SUBJECT, &announce(3, 7).bytes());
    assert_eq!(judge.findings.counts, Counts::default());
    judge.payload(SUBJECT, &announce(4, 7).bytes());
    assert_is(&judge.findings.counts, FindingKind::AnnouncedAsHeld);
    judge.payload(ROUTERS, &event(5, RouterEventKind::ResyncEnd));
    assert_eq!(judge.book.routes.len(), 1);
    judge.payload(ROUTERS, &event(6, RouterEventKind::ResyncBegin));
    judge.payload(ROUTERS, &event(7, RouterEventKind::ResyncEnd));
    assert_eq!((judge.book.routes.len(), judge.open_resyncs()), (0, 0));
    judge.payload(ROUTERS, &event(8, RouterEventKind::ResyncEnd));
    assert_eq!(judge.findings.counts.of(FindingKind::EndWithoutBegin), 1);
}

#[test]
fn a_resync_that_says_that_all_is_withdrawn_leaves_nothing_to_sweep() {
    let ended = |withdrawn, sweeps| {
        let rules = Rules {
            sweeps,
            ..Rules::default()
        };
        let mut judge: Judge<MapBook<Attributes>> = Judge::new(MapBook::default(), rules);
        judge.payload(SUBJECT, &announce(1, 7).bytes());
        judge.payload(ROUTERS, &event(2, RouterEventKind::ResyncBegin));
        judge.payload(ROUTERS, &resync_event(3, RouterEventKind::ResyncEnd, withdrawn));
        (judge.book.routes.len(), judge.findings.counts)
    };
    let (held, counts) = ended(Withdrawn::All, Sweeps::Always);
    assert_eq!(held, 0);
    assert_is(&counts, FindingKind::LeftToSweep);
    let unjudged = Counts::default();
    assert_eq!(ended(Withdrawn::Known, Sweeps::Always), (0, unjudged));
    assert_eq!(ended(Withdrawn::All, Sweeps::WhereNeeded), (1, unjudged));
    assert_eq!(ended(Withdrawn::Known, Sweeps::WhereNeeded), (0, unjudged));
    assert_eq!(ended(Withdrawn::Known, Sweeps::Never), (1, unjudged));
}

#[test]
fn a_payload_is_read_where_it_lies_and_a_torn_one_is_found() {
    let mut judge = judge();
    let bytes = [&[0], announce(1, 7).bytes().as_slice()].concat();
    judge.payload(SUBJECT, &bytes[1..]);
    assert_eq!((judge.findings.counts.sum(), judge.announces), (0, 1));
    judge.payload(SUBJECT, &bytes[1..40]);
    assert_is(&judge.findings.counts, FindingKind::Unreadable);
}

#[cfg(feature = "sources")]
mod segments {
    use arancini_judge::source::SegmentDirectory;
    use arancini_judge::{Rule, Rules};

    use super::*;

    #[test]
    fn files_are_read_on_behind_a_torn_message_and_resyncs_are_worked_in() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let rules = Rules {
            barriers: Rule::Unknown,
            ..Rules::default()
        };
        let mut judge: Judge<MapBook<Attributes>> = Judge::new(MapBook::default(), rules);
        let mut source = SegmentDirectory::new(folder.path());
        let updates = "updates-00000000000000000001.capnp.open";
        let (first, second) = (announce(1, 7).bytes(), announce(3, 7).bytes());
        write(updates, &[first.as_slice(), &second[..20]].concat());
        source.read(&mut judge).unwrap();
        assert_eq!((judge.announces, judge.findings.counts.sum()), (1, 0));
        write(updates, &[first, second].concat());
        let resync = [
            event(2, RouterEventKind::ResyncBegin),
            event(4, RouterEventKind::ResyncEnd),
        ];
        write("routers-00000000000000000001.capnp", &resync.concat());
        let closed = folder.path().join(updates).with_extension("");
        std::fs::rename(folder.path().join(updates), closed).unwrap();
        source.read(&mut judge).unwrap();
        assert_eq!((judge.announces, judge.findings.counts.sum()), (2, 0));
        assert_eq!((judge.book.routes.len(), judge.resyncs), (1, 1));
    }
}
