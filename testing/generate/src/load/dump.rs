//! Dumps that many peers send alike.

use std::num::NonZeroU32;

use arancini_wire::iana::AfiSafi;

use super::counts::Counts;
use super::form::Form;
use super::mix::Mix;
use super::named_load::{NamedLoad, RouterLoad};
use super::piece::Piece;
use super::session::{Negotiated, Session, Transport, open_sessions};
use super::sizes::Sizes;
use super::table::{Families, fitting, groups};
use super::writer::{Effect, Writer};
use crate::bmp::Peer;
use crate::random::Random;
use crate::update::{Nlri, Prefix};

/// How many peers send the dumps of a load.
pub(super) const PEERS: u16 = 10;

/// What the dump of a peer contains.
#[derive(Debug, Clone)]
pub(super) struct Dump {
    /// The kind of the session.
    pub(super) session: Session,
    /// The addresses of the session.
    pub(super) transport: Transport,
    /// The families of the prefixes.
    pub(super) families: Families,
    /// The forms of the UPDATEs. Each group of prefixes takes one form of its family.
    pub(super) forms: Vec<Form>,
    /// How many paths each prefix has, each with a path identifier; `None` for one path without an identifier.
    pub(super) paths: Option<NonZeroU32>,
    /// Whether each route has route targets.
    pub(super) route_targets: bool,
}

/// Returns the load in which ten peers send these dumps in turns.
pub(super) fn dumps(load: &NamedLoad, all: &[Dump], negotiated: &Negotiated) -> RouterLoad {
    let templates: Vec<(Piece, Counts)> = (0..)
        .zip(all)
        .map(|(number, dump)| dump.write(load, number, &negotiated.families))
        .collect();
    let peers: Vec<Peer> = (0..PEERS)
        .zip(all.iter().cycle())
        .map(|(number, dump)| dump.session.peer(number, dump.transport))
        .collect();
    let opening = open_sessions(&load.sys_name, &peers, negotiated);
    RouterLoad::of_templates(opening, &peers, &templates)
}

impl Dump {
    /// Writes the dump. `number` distinguishes it from the other dumps of the load.
    fn write(&self, load: &NamedLoad, number: u64, families: &[AfiSafi]) -> (Piece, Counts) {
        let peer = self.session.peer(0, self.transport);
        let mix = Mix {
            seed: load.seed,
            session: self.session,
            route_targets: self.route_targets,
        };
        let random = &mut Random::of(&[load.seed, number]);
        let paths = self.paths.map_or(1, NonZeroU32::get);
        let count = load.prefixes_of_a_peer(PEERS) / paths;
        let prefixes = self.families.prefixes(count, random);
        let sizes = load.prefixes_per_update.map_or(Sizes::FullTable, Sizes::Fixed);
        let mut writer = Writer::default();
        let mut set = 0;
        for group in groups(&prefixes, sizes, random) {
            let Some(form) = self.form(&group, random) else {
                continue;
            };
            for path in 1..=paths {
                let nlri = |prefix: &Prefix| Nlri {
                    prefix: *prefix,
                    path_id: self.paths.map(|_| path),
                };
                let routes: Vec<Nlri> = group.iter().map(nlri).collect();
                for part in fitting(&routes, form) {
                    let body = form.announce(part, &mix, set);
                    writer.update(&peer, &body, Effect::Announce, part.len());
                }
                set += 1;
            }
        }
        for family in families {
            writer.end_of_rib(&peer, *family);
        }
        writer.finish()
    }

    /// Returns one of the forms of the group's family.
    fn form(&self, group: &[Prefix], random: &mut Random) -> Option<&Form> {
        let afi = group.first()?.family().afi;
        let fitting: Vec<&Form> = self.forms.iter().filter(|form| form.afi() == afi).collect();
        fitting.get(random.below(fitting.len() as u32) as usize).copied()
    }
}
