//! Tables sent prefix by prefix, as FRR sends them: each UPDATE has one prefix, in the order of the table.

use arancini_wire::iana::AfiSafi;

use super::counts::Counts;
use super::form::Form;
use super::mix::Mix;
use super::named_load::NamedLoad;
use super::piece::Piece;
use super::session::{Session, next_hop_v4};
use super::sizes::Sizes;
use super::table::{Families, fitting};
use super::weighted::per_mille;
use super::writer::{Effect, Writer};
use crate::bmp::Peer;
use crate::random::Random;
use crate::update::Nlri;

/// How often an UPDATE has the attributes of the UPDATE before, per mille, in a full table of 2015 sent prefix by prefix.
const REPEATS_ATTRIBUTES: u32 = 485;
/// How many prefixes share a set of attributes, on average, in that table.
const PREFIXES_PER_SET: u32 = 6;

/// Writes a table of this many IPv4 prefixes. Each UPDATE is sent once for each of the headers, which name the same peer in
/// different views.
pub(super) fn write(load: &NamedLoad, session: Session, prefixes: u32, headers: &[Peer]) -> (Piece, Counts) {
    let mix = Mix {
        seed: load.seed,
        session,
        route_targets: false,
    };
    let form = Form::Classic {
        next_hop: next_hop_v4(session),
    };
    let random = &mut Random::of(&[load.seed, session as u64]);
    let all: Vec<Nlri> = Families::Ipv4
        .prefixes(prefixes, random)
        .into_iter()
        .map(Nlri::from)
        .collect();
    let size = Sizes::Fixed(load.prefixes_per_update.unwrap_or(1)).next(random);
    let sets = (prefixes / PREFIXES_PER_SET).max(1);
    let mut writer = Writer::default();
    let mut set = 0;
    for group in all.chunks(size) {
        if !per_mille(REPEATS_ATTRIBUTES, random) {
            set = u64::from(random.below(sets));
        }
        for part in fitting(group, &form) {
            let body = form.announce(part, &mix, set);
            for header in headers {
                writer.update(header, &body, Effect::Announce, part.len());
            }
        }
    }
    for header in headers {
        writer.end_of_rib(header, AfiSafi::IPV4_UNICAST);
    }
    writer.finish()
}
