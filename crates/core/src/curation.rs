//! Curation and encoding: the routes of a field go through their table, and those that consumers have to hear of are written
//! to the open batch.
//!
//! What the routes share (fingerprint, layout) is made once, and the layout only if a route needs it.

use arancini_rib::Curation;
use arancini_schema::encode::{Carrier, WithdrawReason};
use arancini_schema::fingerprint;
use arancini_wire::bgp::attribute::PathAttributes;

use crate::context::RouterContext;
use crate::emission::{Emission, MessageTimes};
use crate::route::{announce_each, fields_of, withdraw_each};
use crate::router::TablePlace;
use crate::sections::{FieldKind, Section};
use crate::shared::Shared;
use crate::sweep::reason_of;

/// What all routes of one UPDATE have in common.
pub(crate) struct UpdateWork<'a> {
    pub attributes: &'a PathAttributes<'a>,
    pub times: MessageTimes,
    /// Why routes are withdrawn.
    pub withdraw_reason: WithdrawReason,
}

/// What the encoder has laid out at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LaidOut {
    Nothing,
    Announce,
    Withdraw(WithdrawReason),
}

/// Takes the announced routes of a field.
#[inline]
pub(crate) fn announce(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
) {
    let RouterContext { router, shared, .. } = context;
    let carrier = section.carrier;
    let Shared {
        batcher,
        encoder,
        scratch,
        counters,
        ..
    } = &mut **shared;
    let Emission {
        table,
        source,
        mut writer,
    } = Emission::of(router, place, batcher, encoder, work.times);
    let view = table.key.view;
    let shared = fingerprint::of_parsed(work.attributes, carrier, scratch);
    counters.attribute_fingerprints.add(1);
    let rib = table.of(section.add_path);
    let mut laid_out = LaidOut::Nothing;
    let (mut announces, mut withdraws, mut suppressed) = (0, 0, 0);
    announce_each(rib, section, shared, |key, labels, fingerprint, curation| {
        if curation == Curation::Suppress {
            suppressed += 1;
            return;
        }
        let mut fields = fields_of(&key);
        if let Curation::EmitAfterWithdraw(doom) = curation {
            let reason = reason_of(doom);
            if laid_out != LaidOut::Withdraw(reason) {
                writer
                    .encoder
                    .lay_out_withdraw(&source, Carrier::UpdateField, reason);
                counters.layouts.add(1);
                laid_out = LaidOut::Withdraw(reason);
            }
            writer.put(&mut fields);
            withdraws += 1;
        }
        if laid_out != LaidOut::Announce {
            writer.encoder.lay_out_announce(&source, carrier, work.attributes);
            counters.layouts.add(1);
            laid_out = LaidOut::Announce;
        }
        fields.labels = labels;
        fields.fingerprint = fingerprint;
        writer.put(&mut fields);
        announces += 1;
    });
    counters.emitted_announces.of(view).add(announces);
    counters.suppressed.of(view).add(suppressed);
    if withdraws > 0 {
        counters.emitted_withdraws.of(view).add(withdraws);
        counters.synthetic_withdraws.add(withdraws);
    }
}

/// Takes the withdrawn routes of a field, or announced routes that are treated as withdrawn.
#[inline]
pub(crate) fn withdraw(
    context: &mut RouterContext<'_>,
    place: TablePlace,
    work: &UpdateWork<'_>,
    section: &Section<'_>,
) {
    let RouterContext { router, shared, .. } = context;
    let Section { carrier, kind, .. } = *section;
    let announced = kind == FieldKind::Announced;
    let Shared {
        batcher,
        encoder,
        counters,
        ..
    } = &mut **shared;
    let Emission {
        table,
        source,
        mut writer,
    } = Emission::of(router, place, batcher, encoder, work.times);
    let view = table.key.view;
    let rib = table.of(section.add_path);
    let mut laid_out = false;
    let (mut withdraws, mut suppressed) = (0, 0);
    // A field that is treated as withdrawn came in MP_REACH_NLRI. Its withdraws name no MP_UNREACH_NLRI.
    let carrier = if announced { Carrier::UpdateField } else { carrier };
    withdraw_each(rib, section, |key, curation| {
        if curation == Curation::Suppress {
            suppressed += 1;
            return;
        }
        if !laid_out {
            writer
                .encoder
                .lay_out_withdraw(&source, carrier, work.withdraw_reason);
            counters.layouts.add(1);
            laid_out = true;
        }
        writer.put(&mut fields_of(&key));
        withdraws += 1;
    });
    counters.emitted_withdraws.of(view).add(withdraws);
    counters.suppressed.of(view).add(suppressed);
    if announced {
        counters.treated_as_withdraw.add(withdraws + suppressed);
    }
}
