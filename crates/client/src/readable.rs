//! Readable records: router and sequence number of a record of any kind, and what can still be read behind damage.
//!
//! Segment files have no checksums, because `capnp decode` and ClickHouse read them as they are. A record counts as
//! readable if the whole message can be walked, and if it names a router and a sequence number as every message of a
//! collector does.

use std::net::{IpAddr, Ipv6Addr};

use arancini_schema::MessageKind;
use arancini_schema::decode::{DecodeError, Messages};
use arancini_schema::table_key::address_of;

use crate::records::record_length;

/// Records begin at multiples of this many bytes.
const WORD: usize = 8;

/// The last sequence number that a router got in a batch, or the one of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedSequence {
    /// The router.
    pub router: IpAddr,
    /// Its last sequence number.
    pub last: u64,
}

/// Returns router and sequence number of the record at the start of `bytes`; `None` if the record can't be read.
#[must_use]
pub fn read_sequence(kind: MessageKind, bytes: &[u8]) -> Option<PublishedSequence> {
    let message = Messages::new(bytes).next()?.ok()?;
    macro_rules! fields {
        ($reader:expr) => {{
            let reader = $reader?;
            let walked = reader.total_size();
            walked.map_err(|_| Unreadable)?;
            let router = address_of(reader.get_router_addr()).map_err(|_| Unreadable)?;
            (router, reader.get_sequence())
        }};
    }
    let read = || -> Result<([u8; 16], u64), Unreadable> {
        Ok(match kind {
            MessageKind::Updates => fields!(message.update()),
            MessageKind::Peers => fields!(message.peer_event()),
            MessageKind::Routers => fields!(message.router_event()),
            MessageKind::Statistics => fields!(message.statistics_event()),
            MessageKind::Malformed => fields!(message.malformed_message()),
        })
    };
    let (router, last) = read().ok().filter(|(_, sequence)| *sequence > 0)?;
    let router = IpAddr::V6(Ipv6Addr::from(router)).to_canonical();
    Some(PublishedSequence { router, last })
}

/// A record can't be read.
struct Unreadable;

impl From<DecodeError> for Unreadable {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// Returns where the first readable record begins behind the damaged one at the start of `bytes`; `None` if there is none.
#[must_use]
pub fn next_readable(kind: MessageKind, bytes: &[u8]) -> Option<usize> {
    (WORD..bytes.len()).step_by(WORD).find(|at| {
        let rest = bytes.get(*at..).unwrap_or_default();
        matches!(record_length(rest, 0), Ok(Some(_))) && read_sequence(kind, rest).is_some()
    })
}

/// Returns whether `bytes` are one whole record with a wrong segment table. A record that was cut short in the middle of a
/// write is no such record: its end is missing.
#[must_use]
pub fn has_wrong_table(kind: MessageKind, bytes: &[u8]) -> bool {
    let words = u32::try_from(bytes.len() / WORD).unwrap_or(0);
    let Some(content) = bytes.get(WORD..).filter(|_| bytes.len().is_multiple_of(WORD)) else {
        return false;
    };
    let table = [[0; 4], words.saturating_sub(1).to_le_bytes()].concat();
    read_sequence(kind, &[&table, content].concat()).is_some()
}
