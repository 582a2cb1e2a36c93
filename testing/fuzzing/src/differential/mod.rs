//! Targets `differential_bgpkit` and `differential_netgauze`: an UPDATE read by us and by another reader. If both accept
//! it, routes and main attributes must be the same, apart from the differences that [`adjudicated`] names.
//!
//! Input, as for the target `update`: the body, families with path identifiers (1 octet), flags (1).

mod question;
mod reading;
pub mod bgpkit;
pub mod netgauze;
pub mod adjudicated;

pub use question::Question;
pub use reading::{Reading, Routes, is_compared, read_attributes};

/// Compares our reading with that of bgpkit-parser.
pub fn run_bgpkit(input: &[u8]) {
    let question = Question::of(input);
    if question.body.len() > 4096 - 19 {
        return;
    }
    let Some((attributes, ours)) = question.ours() else {
        return;
    };
    let Some(theirs) = bgpkit::read(&question.pdu(), question.as_width, question.add_path) else {
        return;
    };
    if ours != theirs && !adjudicated::of_bgpkit(&question, &attributes) {
        differ("bgpkit-parser", &question, &ours, &theirs);
    }
}

/// Compares our reading with that of NetGauze.
pub fn run_netgauze(input: &[u8]) {
    let question = Question::of(input);
    if question.body.len() > usize::from(u16::MAX) - 19 {
        return;
    }
    let Some((attributes, ours)) = question.ours() else {
        return;
    };
    let Some(theirs) = netgauze::read(&question.pdu(), question.as_width, question.add_path) else {
        return;
    };
    if ours != theirs && !adjudicated::of_netgauze(&question, &attributes) {
        differ("NetGauze", &question, &ours, &theirs);
    }
}

fn differ(reader: &str, question: &Question<'_>, ours: &Reading, theirs: &Reading) -> ! {
    panic!("{reader} differs: {question:x?}\n  ours   {ours:?}\n  theirs {theirs:?}");
}
