//! The sweep: doomed routes are withdrawn in slices, with other work between.

use arancini_rib::{Doom, Fingerprints, RouteKey};
use arancini_schema::encode::{Carrier, WithdrawReason};

use crate::context::RouterContext;
use crate::emission::{Emission, MessageTimes};
use crate::route::fields_of;
use crate::router::TablePlace;

/// Cost of giving back some of an empty table's memory, counted as this many routes.
const GIVE_BACK_WORK: u64 = 100;

/// Why a synthetic withdraw is made, in the words of the schema.
pub(crate) const fn reason_of(doom: Doom) -> WithdrawReason {
    match doom {
        Doom::PeerDown => WithdrawReason::PeerDown,
        Doom::SessionLost => WithdrawReason::SessionLost,
        Doom::NotReannounced => WithdrawReason::NotReannounced,
    }
}

/// Withdraws a slice of a table's doomed routes; returns the work done, counted in routes. A slice without a doomed route
/// counts as well.
pub(crate) fn sweep_slice(context: &mut RouterContext<'_>, place: TablePlace) -> u64 {
    let least = if context.router.table(place).gives_memory_back() {
        GIVE_BACK_WORK
    } else {
        1
    };
    let RouterContext { router, shared, now } = context;
    let times = MessageTimes::without_message(*now);
    let Emission {
        table,
        source,
        mut writer,
    } = Emission::of(router, place, &mut shared.batcher, &mut shared.encoder, times);
    let view = table.key.view;
    let mut laid_out = None;
    let mut swept = 0;
    let mut gone = |key: RouteKey<'_>, doom| {
        if laid_out != Some(doom) {
            writer
                .encoder
                .lay_out_withdraw(&source, Carrier::UpdateField, reason_of(doom));
            laid_out = Some(doom);
        }
        writer.put(&mut fields_of(&key));
        swept += 1;
    };
    match &mut shared.sets {
        None => table.sweep(&mut Fingerprints, &mut gone),
        Some(sets) => table.sweep(&mut **sets, &mut gone),
    }
    shared.counters.emitted_withdraws.of(view).add(swept);
    shared.counters.synthetic_withdraws.add(swept);
    swept.max(least)
}
