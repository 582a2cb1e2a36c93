//! Attribute sets as a snapshot holds them: `fingerprint (8) ‖ flags (1) ‖ length of the attributes (4) ‖ length of the labels (2) ‖
//! attributes ‖ labels`. Numbers are little endian. Bit 0 of the flags: AS numbers have two octets.
//!
//! Routes name their sets by fingerprints. The sets stand behind all routes. A set that is forgotten before the walk comes to it is
//! missing, but then its routes have changed since, and are published after the walk began.

use arancini_rib::{AttributeSets, Content};

const TWO_OCTET_ASNS: u8 = 1;

/// Appends a set.
pub(super) fn append_set(fingerprint: u64, content: &Content<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&fingerprint.to_le_bytes());
    out.push(if content.two_octet_asns { TWO_OCTET_ASNS } else { 0 });
    // Both are parts of an UPDATE, whose length has two bytes.
    out.extend_from_slice(&(content.attributes.len() as u32).to_le_bytes());
    out.extend_from_slice(&(content.labels.len() as u16).to_le_bytes());
    out.extend_from_slice(content.attributes);
    out.extend_from_slice(content.labels);
}

/// Adds the sets of a block to those that are known. `None` if the block makes no sense.
pub(super) fn read_sets(mut bytes: &[u8], known: &mut AttributeSets) -> Option<()> {
    while !bytes.is_empty() {
        let fingerprint = u64::from_le_bytes(take(&mut bytes)?);
        let [flags] = take(&mut bytes)?;
        let attributes = u32::from_le_bytes(take(&mut bytes)?) as usize;
        let labels = u16::from_le_bytes(take(&mut bytes)?);
        let (attributes, rest) = bytes.split_at_checked(attributes)?;
        let (labels, rest) = rest.split_at_checked(usize::from(labels))?;
        bytes = rest;
        let content = Content {
            attributes,
            labels,
            two_octet_asns: flags & TWO_OCTET_ASNS != 0,
        };
        // No route has it, and it stays known.
        let _ = known.find_or_add(fingerprint, || Some(content));
    }
    Some(())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
