//! The load `churn`: 100 peers whose tables are held send incremental updates in turns.
//!
//! Two passes over the tables take turns. In each pass, half of the elements change their path, a twentieth is withdrawn, a
//! twentieth is announced that the pass before withdrew, and the rest is announced again unchanged. The second pass brings
//! the tables back to the state before the first, so the two can be sent again and again.

use arancini_wire::iana::AfiSafi;

use super::counts::Counts;
use super::form::Form;
use super::mix::Mix;
use super::named_load::{NamedLoad, RouterLoad};
use super::session::{Negotiated, Session, Transport, next_hop_v4, open_sessions};
use super::sizes::Sizes;
use super::table::{Families, fitting, groups};
use super::weighted::weighted;
use super::writer::{Effect, Writer};
use crate::bmp::Peer;
use crate::random::Random;
use crate::update::Nlri;

/// The number of peers.
const PEERS: u16 = 100;
/// How often the two passes are sent.
const ROUNDS: u32 = 5;
/// The number by which the sets of attributes of the two states differ.
const OTHER_SET: u64 = 1 << 40;

/// What happens to a group in the first pass; the second pass reverts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It changes its path.
    Changed,
    /// It is announced again unchanged.
    Unchanged,
    /// It is withdrawn, and announced in the second pass.
    Withdrawn,
    /// It is announced, and withdrawn in the second pass.
    Returning,
}

/// How often each fate is, per cent.
const FATES: [(Fate, u32); 4] = [
    (Fate::Changed, 50),
    (Fate::Unchanged, 40),
    (Fate::Withdrawn, 5),
    (Fate::Returning, 5),
];

/// Routes that share an UPDATE.
struct Group {
    routes: Vec<Nlri>,
    fate: Fate,
    set: u64,
}

/// The table of a peer.
struct Table {
    peer: Peer,
    mix: Mix,
    form: Form,
    groups: Vec<Group>,
}

/// Generates the load.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    // The same prefixes come once in each pass.
    let prefixes = load.prefixes_of_a_peer(PEERS) / (2 * ROUNDS);
    let tables: Vec<Table> = (0..PEERS)
        .map(|number| Table::of(load, number, prefixes))
        .collect();
    let peers: Vec<Peer> = tables.iter().map(|table| table.peer).collect();
    let negotiated = Negotiated {
        families: vec![AfiSafi::IPV4_UNICAST],
        add_path: Vec::new(),
    };
    let mut dump = open_sessions(&load.sys_name, &peers, &negotiated);
    for table in &tables {
        let held = table.groups.iter().filter(|group| group.fate != Fate::Returning);
        held.for_each(|group| table.announce(group, group.set, Effect::Announce, &mut dump));
        dump.end_of_rib(&table.peer, AfiSafi::IPV4_UNICAST);
    }
    let (dump, counts_before) = dump.finish();
    let passes = [false, true].map(|back| pass(&tables, back).finish());
    let mut measured = Vec::new();
    let mut counts = Counts::default();
    for _ in 0..ROUNDS {
        for (piece, of_piece) in &passes {
            measured.push(piece.clone());
            counts += *of_piece;
        }
    }
    RouterLoad {
        before: vec![dump],
        measured,
        reconnects: false,
        counts_before,
        counts,
        routes: counts_before.announced,
    }
}

/// Writes one pass, with the peers in turns. `back` selects the second pass.
fn pass(tables: &[Table], back: bool) -> Writer {
    let mut writer = Writer::default();
    let most = tables.iter().map(|table| table.groups.len()).max().unwrap_or(0);
    for place in 0..most {
        for table in tables {
            let Some(group) = table.groups.get(place) else {
                continue;
            };
            match (group.fate, back) {
                (Fate::Changed, false) => {
                    table.announce(group, group.set + OTHER_SET, Effect::Announce, &mut writer);
                }
                (Fate::Changed, true) | (Fate::Withdrawn, true) | (Fate::Returning, false) => {
                    table.announce(group, group.set, Effect::Announce, &mut writer);
                }
                (Fate::Unchanged, _) => table.announce(group, group.set, Effect::Repeat, &mut writer),
                (Fate::Withdrawn, false) | (Fate::Returning, true) => table.withdraw(group, &mut writer),
            }
        }
    }
    writer
}

impl Table {
    fn of(load: &NamedLoad, number: u16, prefixes: u32) -> Self {
        let session = if number.is_multiple_of(2) {
            Session::Internal
        } else {
            Session::External
        };
        let random = &mut Random::of(&[load.seed, u64::from(number)]);
        let sizes = load.prefixes_per_update.map_or(Sizes::Incremental, Sizes::Fixed);
        let prefixes = Families::Ipv4.prefixes(prefixes, random);
        let groups = groups(&prefixes, sizes, random);
        Self {
            peer: session.peer(number, Transport::V4),
            mix: Mix {
                seed: load.seed,
                session,
                route_targets: false,
            },
            form: Form::Classic {
                next_hop: next_hop_v4(session),
            },
            groups: (0..)
                .zip(groups)
                .map(|(place, group)| Group {
                    routes: group.into_iter().map(Nlri::from).collect(),
                    fate: weighted(&FATES, random).unwrap_or(Fate::Unchanged),
                    set: u64::from(number) << 32 | place,
                })
                .collect(),
        }
    }

    fn announce(&self, group: &Group, set: u64, effect: Effect, writer: &mut Writer) {
        for part in fitting(&group.routes, &self.form) {
            writer.update(
                &self.peer,
                &self.form.announce(part, &self.mix, set),
                effect,
                part.len(),
            );
        }
    }

    fn withdraw(&self, group: &Group, writer: &mut Writer) {
        for part in fitting(&group.routes, &self.form) {
            writer.update(
                &self.peer,
                &self.form.withdraw(part),
                Effect::Withdraw,
                part.len(),
            );
        }
    }
}
