//! A second reader of the same bytes: every UPDATE of the recorded streams, read by us and by `bgpkit-parser`.
//!
//! It keeps no state of a BMP session, so we tell it the width of AS numbers and whether there are path identifiers.
//! Families that it reads as prefixes although they are none (VPN, EVPN, FlowSpec) are left out. The target
//! `differential_bgpkit` does the same with bytes that no router sent.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;

use arancini_core::{Framer, Next};
use arancini_fuzzing::differential::{Reading, bgpkit, read_attributes};
use arancini_fuzzing::seeds::{corpus, root, streams};
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::{AsWidth, MessageType, Negotiated, Update, nlri};
use arancini_wire::bmp::{Message, PeerIdentity, PerPeerHeader, RibView};
use arancini_wire::iana::AfiSafi;

/// An UPDATE as we read it, and the settings for the other reader.
struct Ours {
    read: Reading,
    as_width: AsWidth,
    /// `None` if the fields of one UPDATE differ in this.
    add_path: Option<bool>,
}

/// What the Peer Ups of a stream say, and which tables were seen to leave path identifiers out.
#[derive(Default)]
struct Sessions {
    negotiated: HashMap<PeerIdentity, Negotiated>,
    absent: HashMap<(PeerIdentity, RibView, AfiSafi), bool>,
}

impl Sessions {
    fn read(&mut self, header: &PerPeerHeader<'_>, body: &[u8]) -> Option<Ours> {
        let update = Update::new_checked(body).ok()?;
        let width = if header.is_legacy_as_path() {
            AsWidth::Two
        } else {
            AsWidth::Four
        };
        let attributes = PathAttributes::parse(update.attributes(), width).ok()?;
        let mut ours = Ours {
            read: read_attributes(&attributes),
            as_width: attributes.as_width,
            add_path: Some(false),
        };
        let ipv4 = AfiSafi::IPV4_UNICAST;
        let mut fields = vec![(ipv4, update.withdrawn(), false), (ipv4, update.nlri(), true)];
        fields.extend(attributes.mp_unreach.map(|mp| (mp.family, mp.nlri, false)));
        fields.extend(attributes.mp_reach.map(|mp| (mp.family, mp.nlri, true)));
        let mut ways = Vec::new();
        for (family, field, announced) in fields {
            if field.is_empty() {
                continue;
            }
            let add_path = self.add_path(header, family, field)?;
            ways.push(add_path);
            ours.read.add(family, field, add_path, announced);
        }
        ways.dedup();
        ours.add_path = match ways[..] {
            [] => Some(false),
            [one] => Some(one),
            _ => None,
        };
        Some(ours)
    }

    fn add_path(&mut self, header: &PerPeerHeader<'_>, family: AfiSafi, field: &[u8]) -> Option<bool> {
        let (identity, view) = (header.identity(), header.view());
        let negotiated = self.negotiated.get(&identity);
        let negotiated = negotiated.is_some_and(|session| session.add_path(view).contains(family));
        let absent = self.absent.entry((identity, view, family)).or_default();
        let decision = nlri::decide_add_path(family, field, negotiated, *absent).ok()?;
        *absent = negotiated && !decision.add_path;
        Some(decision.add_path)
    }
}

#[derive(Debug, Default)]
struct Tally {
    compared: u64,
    /// None is expected: both readers read every recorded UPDATE alike.
    differences: Vec<String>,
}

fn compare(name: &str, stream: &[u8], tally: &mut Tally) {
    let mut sessions = Sessions::default();
    let mut framer = Framer::new(1 << 20);
    // A stream that breaks off or has another BMP version is read as far as possible.
    let _ = framer.feed(stream, |frame, _| {
        match Message::new_checked(frame) {
            Ok(Message::PeerUp(up)) => {
                sessions.negotiated.insert(up.peer().identity(), up.negotiated());
            }
            Ok(Message::PeerDown(down)) => {
                sessions.negotiated.remove(&down.peer().identity());
            }
            Ok(Message::RouteMonitoring(message)) => {
                for pdu in message.pdus().flatten() {
                    if pdu.kind() == MessageType::Update {
                        let ours = sessions.read(&message.peer(), pdu.body);
                        compare_update(name, pdu.as_bytes(), ours, tally);
                    }
                }
            }
            _ => {}
        }
        Next::Message
    });
}

fn compare_update(name: &str, pdu: &[u8], ours: Option<Ours>, tally: &mut Tally) {
    tally.compared += 1;
    let Some(ours) = ours else {
        tally.differences.push(format!("{name}: we skip {pdu:x?}"));
        return;
    };
    let Some(add_path) = ours.add_path else {
        let difference = format!("{name}: with and without path identifiers: {pdu:x?}");
        tally.differences.push(difference);
        return;
    };
    let theirs = bgpkit::read(pdu, ours.as_width, add_path);
    if theirs.as_ref() != Some(&ours.read) {
        let difference = format!("{name}:\n  ours   {:?}\n  theirs {theirs:?}", ours.read);
        tally.differences.push(difference);
    }
}

#[test]
fn two_readers_agree_on_every_update() {
    let mut tally = Tally::default();
    for (name, stream) in streams(&root().join("testdata")) {
        compare(&name, &stream, &mut tally);
    }
    check_tally(&tally);
}

#[test]
fn two_readers_agree_on_every_update_of_the_full_streams() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let mut tally = Tally::default();
    for (name, stream) in streams(&corpus) {
        compare(&name, &stream, &mut tally);
    }
    check_tally(&tally);
}

fn check_tally(tally: &Tally) {
    let Tally {
        compared,
        differences,
    } = tally;
    println!("{compared} UPDATEs compared");
    assert!(*compared > 0);
    let first = &differences[..differences.len().min(10)];
    assert!(
        differences.is_empty(),
        "{} of {compared} differ:\n{}",
        differences.len(),
        first.join("\n")
    );
}
