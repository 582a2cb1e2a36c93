//! A file of MRT as a stream of BMP.

use arancini_wire::iana::AfiSafi;

use super::bgp4mp::{self, Bgp4mp, Content};
use super::bmp::{push_initiation, push_peer_down, push_peer_up, push_route_monitoring};
use super::record::{BGP4MP, BGP4MP_ET, Record, Records, TABLE_DUMP_V2};
use super::sessions::{Session, SessionKey, Sessions};
use super::table_dump::{Entry, PEER_INDEX_TABLE, Rib, TablePeer, read_peers, read_rib};
use super::update::{families, is_update, push_update};

/// Octets of the NLRI of a record, in all its routes together. A record holds its NLRI once, and each route needs a copy of it: a
/// record with more copies than these would fill the memory. 65,535 routes with an NLRI of 1,000 octets are fewer.
const MOST_NLRI_OCTETS: usize = 64 << 20;

/// The BMP messages of a file.
#[derive(Debug)]
pub(crate) struct Converted {
    /// The messages.
    pub(crate) bytes: Vec<u8>,
    /// What could not be read, one sentence each.
    pub(crate) notes: Vec<String>,
}

/// Makes BMP messages from the records of a file. What cannot be read is counted in the notes.
pub(crate) fn convert(name: &str, bytes: &[u8]) -> Converted {
    let mut sessions = Sessions::default();
    walk(bytes, &mut Scan(&mut sessions));
    let mut out = Vec::new();
    push_initiation(name, &mut out);
    let mut write = Write {
        sessions: &mut sessions,
        out,
        update: Vec::new(),
        too_long: 0,
    };
    let skipped = walk(bytes, &mut write);
    let mut notes = skipped.notes(bytes.len());
    if write.too_long > 0 {
        let what = match write.too_long {
            1 => "1 route is left out, because its attributes do not fit".to_owned(),
            many => format!("{many} routes are left out, because their attributes do not fit"),
        };
        notes.push(format!("{what} into an UPDATE"));
    }
    Converted {
        bytes: write.out,
        notes,
    }
}

/// What is done with the content of a file.
trait Visit {
    /// A message, or a change of state.
    fn session(&mut self, time: (u32, u32), record: &Bgp4mp<'_>);

    /// A route of a table.
    fn route(&mut self, peer: &TablePeer, rib: &Rib<'_>, entry: &Entry<'_>);
}

/// What was not read.
#[derive(Default)]
struct Skipped {
    damaged: u64,
    unknown: u64,
    unknown_peer: u64,
    /// Where the last whole record ends.
    end: usize,
}

impl Skipped {
    fn notes(&self, length: usize) -> Vec<String> {
        let mut notes = Vec::new();
        if self.end < length {
            notes.push(format!(
                "the file ends within a record, or holds no MRT from byte {} on; what follows is left out",
                self.end
            ));
        }
        for (count, one, many, what) in [
            (
                self.damaged,
                "damaged record is",
                "damaged records are",
                "left out",
            ),
            (
                self.unknown,
                "record is",
                "records are",
                "left out: only BGP4MP, BGP4MP_ET and TABLE_DUMP_V2 are read, and families whose NLRI have a length",
            ),
            (
                self.unknown_peer,
                "route is",
                "routes are",
                "left out: no table of peers before it in the file has the peer",
            ),
        ] {
            match count {
                0 => {}
                1 => notes.push(format!("1 {one} {what}")),
                _ => notes.push(format!("{count} {many} {what}")),
            }
        }
        notes
    }
}

/// Reads a file once.
fn walk(bytes: &[u8], visit: &mut impl Visit) -> Skipped {
    let mut skipped = Skipped::default();
    let mut peers = Vec::new();
    let mut records = Records::new(bytes);
    for record in records.by_ref() {
        match record.kind {
            BGP4MP | BGP4MP_ET => match bgp4mp::read(&record) {
                Some(read) => visit.session(record.time, &read),
                None => skipped.damaged += 1,
            },
            TABLE_DUMP_V2 if record.subtype == PEER_INDEX_TABLE => match read_peers(&record) {
                Some(read) => peers = read,
                None => skipped.damaged += 1,
            },
            TABLE_DUMP_V2 => walk_rib(&record, &peers, visit, &mut skipped),
            _ => skipped.unknown += 1,
        }
    }
    skipped.end = records.position();
    skipped
}

fn walk_rib(record: &Record<'_>, peers: &[TablePeer], visit: &mut impl Visit, skipped: &mut Skipped) {
    let Some(rib) = read_rib(record) else {
        skipped.unknown += 1;
        return;
    };
    if rib.nlri_octets() > MOST_NLRI_OCTETS {
        skipped.damaged += 1;
        return;
    }
    for entry in rib.entries() {
        let Some(entry) = entry else {
            skipped.damaged += 1;
            return;
        };
        match peers.get(usize::from(entry.peer)) {
            Some(peer) => visit.route(peer, &rib, &entry),
            None => skipped.unknown_peer += 1,
        }
    }
}

fn key_of_record(record: &Bgp4mp<'_>) -> SessionKey {
    SessionKey {
        address: record.peer,
        asn: record.peer_asn,
        is_sent: record.is_sent,
    }
}

const fn key_of_peer(peer: &TablePeer) -> SessionKey {
    SessionKey {
        address: peer.address,
        asn: peer.asn,
        is_sent: false,
    }
}

/// Finds out what each session's Peer Up has to say.
struct Scan<'s>(&'s mut Sessions);

/// Notes that a session has routes of a family. The first message of the family decides about path identifiers.
fn note_family(session: &mut Session, family: AfiSafi, add_path: bool) {
    if session.families.insert(family) && add_path {
        session.add_path.insert(family);
    }
}

impl Visit for Scan<'_> {
    fn session(&mut self, _: (u32, u32), record: &Bgp4mp<'_>) {
        let session = self.0.of(key_of_record(record));
        if session.local.is_unspecified() {
            session.local = record.local;
            session.local_asn = record.local_asn;
        }
        if let Content::Message(message) = record.content
            && is_update(message)
        {
            if session.families.is_empty() {
                session.four_octet_as = record.four_octet_as;
            }
            families(message, |family| note_family(session, family, record.add_path));
        }
    }

    fn route(&mut self, peer: &TablePeer, rib: &Rib<'_>, _: &Entry<'_>) {
        let session = self.0.of(key_of_peer(peer));
        session.bgp_id = peer.bgp_id;
        note_family(session, rib.family, rib.add_path);
    }
}

/// Writes the messages.
struct Write<'s> {
    sessions: &'s mut Sessions,
    out: Vec<u8>,
    update: Vec<u8>,
    too_long: u64,
}

/// Appends a Peer Up if the session has none yet, or if the last one says something else about these families.
fn bring_up(
    session: &mut Session,
    families: &[AfiSafi],
    form: UpdateForm,
    time: (u32, u32),
    out: &mut Vec<u8>,
) {
    let mut is_changed = session.four_octet_as != form.four_octet_as;
    session.four_octet_as = form.four_octet_as;
    for family in families {
        is_changed |= if form.add_path {
            session.add_path.insert(*family)
        } else {
            session.add_path.remove(family)
        };
    }
    if is_changed || !session.is_up {
        session.is_up = true;
        push_peer_up(session, time, out);
    }
}

/// How the UPDATEs of a record are to be read.
#[derive(Debug, Clone, Copy)]
struct UpdateForm {
    four_octet_as: bool,
    add_path: bool,
}

impl Visit for Write<'_> {
    fn session(&mut self, time: (u32, u32), record: &Bgp4mp<'_>) {
        let session = self.sessions.of(key_of_record(record));
        match record.content {
            Content::Message(message) if is_update(message) => {
                let mut of_message = Vec::new();
                families(message, |family| of_message.push(family));
                let form = UpdateForm {
                    four_octet_as: record.four_octet_as,
                    add_path: record.add_path,
                };
                bring_up(session, &of_message, form, time, &mut self.out);
                push_route_monitoring(session, time, message, &mut self.out);
            }
            Content::Established => {
                session.is_up = true;
                push_peer_up(session, time, &mut self.out);
            }
            Content::Ended if session.is_up => {
                session.is_up = false;
                push_peer_down(session, time, &mut self.out);
            }
            // OPEN, KEEPALIVE and NOTIFICATION say nothing about routes.
            Content::Message(_) | Content::Ended | Content::Other => {}
        }
    }

    fn route(&mut self, peer: &TablePeer, rib: &Rib<'_>, entry: &Entry<'_>) {
        self.update.clear();
        if !push_update(rib.family, rib.nlri, entry, &mut self.update) {
            self.too_long += 1;
            return;
        }
        let session = self.sessions.of(key_of_peer(peer));
        let time = (entry.seconds, 0);
        let form = UpdateForm {
            four_octet_as: true,
            add_path: rib.add_path,
        };
        bring_up(session, &[rib.family], form, time, &mut self.out);
        push_route_monitoring(session, time, &self.update, &mut self.out);
    }
}
