//! A second reader of the same bytes: every UPDATE of the recorded streams, read by us and by `bgpkit-parser`.
//!
//! It keeps no state for BMP, so it is told what we found the session to be: the width of AS numbers and whether there are
//! path identifiers. Families that it reads as prefixes though they are not (VPN, EVPN, FlowSpec) are left out.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arancini_core::Framer;
use arancini_wire::bgp::attribute::{PathAttributes, SegmentKind};
use arancini_wire::bgp::nlri::{self, Route};
use arancini_wire::bgp::{AsWidth, MessageType, Negotiated, Update};
use arancini_wire::bmp::{Message, PeerIdentity, PerPeerHeader, RibView};
use arancini_wire::iana::AfiSafi;
use bgpkit_parser::models::{
    AsPathSegment, Asn, AsnLength, AttributeValue, BgpMessage, BgpUpdateMessage, Community, Nlri, Origin,
};
use bgpkit_parser::parser::bgp::parse_bgp_message;
use bytes::Bytes;

use support::recordings::{corpus, root, streams};

/// What an UPDATE says, in words that both readers have.
#[derive(Debug, Default, PartialEq)]
struct Read {
    announced: Routes,
    withdrawn: Routes,
    origin: Option<&'static str>,
    as_path: Vec<(&'static str, Vec<u32>)>,
    next_hop: Option<IpAddr>,
    mp_next_hop: Option<IpAddr>,
    med: Option<u32>,
    local_preference: Option<u32>,
    communities: Vec<u32>,
    large_communities: Vec<[u32; 3]>,
}

/// By family: path identifier and prefix.
type Routes = BTreeMap<AfiSafi, Vec<(Option<u32>, String)>>;

/// Families that both read as prefixes.
fn is_compared(family: AfiSafi) -> bool {
    matches!((family.afi, family.safi), (1 | 2, 1 | 2 | 4))
}

/// An UPDATE as we read it, and what of it the other reader has to be told.
struct Ours {
    read: Read,
    as_width: AsWidth,
    /// `None` where fields of one UPDATE differ in it.
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
            if !is_compared(family) {
                continue;
            }
            let routes = if announced {
                &mut ours.read.announced
            } else {
                &mut ours.read.withdrawn
            };
            let routes = routes.entry(family).or_default();
            for nlri in nlri::iter(family, field, add_path).flatten() {
                let Route::Prefix { length, prefix, .. } = nlri.route else {
                    continue;
                };
                let address: IpAddr = if prefix.is_v4() {
                    Ipv4Addr::from_bits(prefix.to_v4()).into()
                } else {
                    Ipv6Addr::from_bits(prefix.to_v6()).into()
                };
                routes.push((nlri.path_id, format!("{address}/{length}")));
            }
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

fn read_attributes(attributes: &PathAttributes<'_>) -> Read {
    let address = |octets: [u8; 16]| IpAddr::from(octets).to_canonical();
    let reach = attributes.mp_reach.filter(|mp| is_compared(mp.family));
    let path = attributes.effective_as_path();
    let segments = path.map(|path| {
        let segments = path.segments().map(|segment| {
            let kind = match segment.kind {
                SegmentKind::AsSet => "set",
                SegmentKind::AsSequence => "sequence",
                SegmentKind::ConfedSequence => "confederation sequence",
                SegmentKind::ConfedSet => "confederation set",
            };
            (kind, segment.asns().collect())
        });
        segments.collect()
    });
    Read {
        announced: Routes::new(),
        withdrawn: Routes::new(),
        origin: attributes.origin.map(|origin| origin.name()),
        as_path: segments.unwrap_or_default(),
        next_hop: attributes.next_hop_mapped().map(address),
        mp_next_hop: reach.and_then(|mp| mp.next_hop_mapped()).map(address),
        med: attributes.multi_exit_disc,
        local_preference: attributes.local_preference,
        communities: attributes
            .communities
            .map(|communities| communities.iter().collect())
            .unwrap_or_default(),
        large_communities: attributes
            .large_communities
            .map(|communities| communities.iter().collect())
            .unwrap_or_default(),
    }
}

/// The same by the other reader; `None` for what it can't read.
fn theirs(pdu: &[u8], as_width: AsWidth, add_path: bool) -> Option<Read> {
    let width = match as_width {
        AsWidth::Two => AsnLength::Bits16,
        AsWidth::Four => AsnLength::Bits32,
    };
    let BgpMessage::Update(update) =
        parse_bgp_message(&mut Bytes::copy_from_slice(pdu), add_path, &width).ok()?
    else {
        return None;
    };
    Some(translate(&update))
}

fn translate(update: &BgpUpdateMessage) -> Read {
    let mut read = Read::default();
    let ipv4 = AfiSafi::IPV4_UNICAST;
    let classic = |prefixes: &[bgpkit_parser::models::NetworkPrefix]| -> Vec<_> {
        let prefixes = prefixes.iter();
        prefixes
            .map(|p| (p.path_id, p.prefix.trunc().to_string()))
            .collect()
    };
    if !update.announced_prefixes.is_empty() {
        read.announced.insert(ipv4, classic(&update.announced_prefixes));
    }
    if !update.withdrawn_prefixes.is_empty() {
        read.withdrawn.insert(ipv4, classic(&update.withdrawn_prefixes));
    }
    let multi_protocol = |nlri: &Nlri, routes: &mut Routes| {
        let family = AfiSafi::new(nlri.afi as u16, nlri.safi as u8);
        let mut all = classic(&nlri.prefixes);
        for labelled in nlri.labeled_prefixes.iter().flatten() {
            all.push((labelled.path_id, labelled.prefix.trunc().to_string()));
        }
        if is_compared(family) && !all.is_empty() {
            routes.entry(family).or_default().extend(all);
        }
    };
    for value in update.attributes.iter() {
        match value {
            AttributeValue::Origin(origin) => {
                read.origin = Some(match origin {
                    Origin::IGP => "IGP",
                    Origin::EGP => "EGP",
                    Origin::INCOMPLETE => "INCOMPLETE",
                });
            }
            AttributeValue::NextHop(address) => read.next_hop = Some(*address),
            AttributeValue::MultiExitDiscriminator(med) => read.med = Some(*med),
            AttributeValue::LocalPreference(preference) => read.local_preference = Some(*preference),
            AttributeValue::Communities(communities) => {
                read.communities = communities.iter().map(community).collect();
            }
            AttributeValue::LargeCommunities(communities) => {
                let communities = communities.iter();
                read.large_communities = communities
                    .map(|c| [c.global_admin, c.local_data[0], c.local_data[1]])
                    .collect();
            }
            AttributeValue::MpReachNlri(nlri) => {
                multi_protocol(nlri, &mut read.announced);
                if is_compared(AfiSafi::new(nlri.afi as u16, nlri.safi as u8)) {
                    read.mp_next_hop = nlri.next_hop.map(|next_hop| next_hop.addr().to_canonical());
                }
            }
            AttributeValue::MpUnreachNlri(nlri) => multi_protocol(nlri, &mut read.withdrawn),
            _ => {}
        }
    }
    if let Some(path) = update.attributes.effective_as_path() {
        read.as_path = path.iter_segments().map(segment).collect();
    }
    read
}

fn segment(segment: &AsPathSegment) -> (&'static str, Vec<u32>) {
    let numbers = |asns: &[Asn]| asns.iter().map(|asn| u32::from(*asn)).collect();
    match segment {
        AsPathSegment::AsSequence(asns) => ("sequence", numbers(asns)),
        AsPathSegment::AsSet(asns) => ("set", numbers(asns)),
        AsPathSegment::ConfedSequence(asns) => ("confederation sequence", numbers(asns)),
        AsPathSegment::ConfedSet(asns) => ("confederation set", numbers(asns)),
    }
}

fn community(community: &Community) -> u32 {
    match community {
        Community::NoExport => 0xffff_ff01,
        Community::NoAdvertise => 0xffff_ff02,
        Community::NoExportSubConfed => 0xffff_ff03,
        Community::Custom(asn, value) => u32::from(*asn) << 16 | u32::from(*value),
    }
}

#[derive(Debug, Default)]
struct Tally {
    compared: u64,
    /// None is expected: the recorded streams are read alike to the last one.
    differences: Vec<String>,
}

fn compare(name: &str, stream: &[u8], tally: &mut Tally) {
    let mut sessions = Sessions::default();
    let mut framer = Framer::new(1 << 20);
    // A stream that breaks off, or is of another BMP version, is read as far as it goes.
    let _ = framer.feed(stream, |frame| match Message::new_checked(frame) {
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
    let theirs = theirs(pdu, ours.as_width, add_path);
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
    judge(&tally);
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
    judge(&tally);
}

fn judge(tally: &Tally) {
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
