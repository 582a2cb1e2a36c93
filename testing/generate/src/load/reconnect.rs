//! The load `reconnect`: a router comes back and dumps the tables of `full-packed` again. Everything is suppressed.

use super::full_packed;
use super::named_load::{NamedLoad, RouterLoad};

/// Generates the load.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    let mut dump = full_packed::make(load);
    dump.before.clone_from(&dump.measured);
    dump.counts_before = dump.counts;
    dump.counts.suppressed = dump.counts.announced;
    dump.reconnects = true;
    dump
}
