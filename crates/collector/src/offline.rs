//! Decodes recorded streams without a network, as `arancini decode` does: recordings in, route events out.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::counters::Counters;
use arancini_core::{Batch, BatchSettings, Now, PeerTable, Quirk, SessionError, SessionId, Settings, Shard};
use arancini_rib::CurationMode;
use arancini_schema::decode::Messages;
use arancini_schema::json::write_message;
use arancini_wire::bmp::{MessageType, RibView};
use serde_json::{Map, Value, json};

use crate::replay::Recording;

/// How many bytes the core gets in one call.
const CHUNK_BYTES: usize = 64 * 1024;

/// Decodes recorded streams one after the other and counts what they contain.
pub struct Decoder {
    shard: Shard,
    counters: Arc<Counters>,
    streams: u64,
    ended: Vec<Value>,
}

impl Decoder {
    /// Makes a decoder with this mode of curation.
    #[must_use]
    pub fn new(curation: CurationMode) -> Self {
        let counters = Arc::new(Counters::default());
        let settings = Settings {
            curation,
            // A batch of one message keeps the events in the order in which they were received.
            batch: BatchSettings {
                max_messages: 1,
                ..BatchSettings::default()
            },
            ..Settings::default()
        };
        Self {
            shard: Shard::new(0, settings, Arc::clone(&counters)),
            counters,
            streams: 0,
            ended: Vec::new(),
        }
    }

    /// Decodes one recording as a session of this router. The session replaces an earlier session of the same router. If bytes
    /// follow a Termination, they are the router's next session. Returns the reason if decoding ended before the last byte of
    /// the recording.
    ///
    /// # Errors
    /// Returns the errors of `out`.
    pub fn decode(
        &mut self,
        recording: &Recording,
        router: IpAddr,
        mut out: impl FnMut(&Batch) -> io::Result<()>,
    ) -> io::Result<Option<String>> {
        // Recordings have no receive time, so sequences start at 1.
        let now = Now::default();
        self.streams += 1;
        let mut begin = 0;
        let reason = loop {
            let session = self.shard.handle_connect(router, 0, now);
            let bytes = recording.bytes.get(begin..).unwrap_or_default();
            let error = self.decode_session(session, bytes, &mut out)?;
            let (whole, rest) = self.shard.progress(session).unwrap_or_default();
            let end = begin + usize::try_from(whole).unwrap_or(usize::MAX);
            match error {
                Some(error @ SessionError::Terminated) if end < recording.bytes.len() => {
                    self.shard.handle_disconnect(session, &error.to_string(), now);
                    begin = end;
                }
                Some(SessionError::Framing(error)) => {
                    break Some(SessionError::Framing(error.at(begin)).to_string());
                }
                Some(error @ SessionError::OtherName(_)) => break Some(error.to_string()),
                Some(SessionError::Unknown) => break Some("the session was closed".to_owned()),
                None if rest > 0 => {
                    break Some(format!(
                        "the stream ends in the middle of a message: the last whole message ends at byte {end}, and \
                         {rest} bytes follow"
                    ));
                }
                Some(SessionError::Terminated) | None => break None,
            }
        };
        if let Some(reason) = &reason {
            self.ended
                .push(json!({"stream": recording.name, "reason": reason}));
        }
        self.shard.handle_flush(now);
        self.take_batches(&mut out)?;
        Ok(reason)
    }

    /// Decodes the bytes of one session. Returns why it ended before the last byte.
    fn decode_session(
        &mut self,
        session: SessionId,
        bytes: &[u8],
        out: &mut impl FnMut(&Batch) -> io::Result<()>,
    ) -> io::Result<Option<SessionError>> {
        for chunk in bytes.chunks(CHUNK_BYTES) {
            let taken = self.shard.handle_all_bytes(session, chunk, Now::default());
            self.take_batches(out)?;
            if let Err(error) = taken {
                return Ok(Some(error));
            }
        }
        Ok(None)
    }

    fn take_batches(&mut self, out: &mut impl FnMut(&Batch) -> io::Result<()>) -> io::Result<()> {
        while let Some(batch) = self.shard.poll_batch() {
            out(&batch)?;
            self.shard.handle_recycled(batch.payload);
        }
        Ok(())
    }

    /// Returns everything counted so far as one JSON object, which `docs/interop.md` explains.
    #[must_use]
    pub fn summary(&self) -> Value {
        let mut total = RouteCounts::default();
        let mut views = BTreeMap::<&str, RouteCounts>::new();
        let tables = self
            .shard
            .routers()
            .flat_map(|router| &router.peers)
            .flat_map(|peer| &peer.tables);
        for table in tables {
            total.add(table);
            views.entry(table.key.view.name()).or_default().add(table);
        }
        let views: Map<String, Value> = views
            .into_iter()
            .map(|(view, counts)| (view.to_owned(), counts.to_json()))
            .collect();
        let messages = nonzero(
            self.counters
                .messages
                .iter()
                .enumerate()
                .map(|(number, counter)| (MessageType::from_code(number as u8).name(), counter.get())),
        );
        let quirks = nonzero(
            Quirk::ALL
                .iter()
                .map(|&quirk| (quirk.name(), self.counters.quirks[quirk as usize].get())),
        );
        let of_views = |read: fn(&Counters, RibView) -> u64| -> u64 {
            RibView::ALL.iter().map(|&view| read(&self.counters, view)).sum()
        };
        json!({
            "streams": self.streams,
            "messages": messages,
            "routes": total.to_json(),
            "views": views,
            "malformed": self.counters.malformed.get(),
            "treated_as_withdraw": self.counters.treated_as_withdraw.get(),
            "discarded_attributes": self.counters.discarded_attributes.get(),
            "end_of_ribs": self.counters.end_of_ribs.get(),
            "emitted": of_views(|c, view| c.emitted_announces.of(view).get() + c.emitted_withdraws.of(view).get()),
            "suppressed": of_views(|c, view| c.suppressed.of(view).get()),
            "synthetic": self.counters.synthetic_withdraws.get(),
            "quirks": quirks,
            "ended": self.ended,
        })
    }
}

/// Announced and withdrawn routes of each family.
#[derive(Default)]
struct RouteCounts {
    announced: BTreeMap<String, u64>,
    withdrawn: BTreeMap<String, u64>,
}

impl RouteCounts {
    fn add(&mut self, table: &PeerTable) {
        for (counts, count) in [
            (&mut self.announced, table.received_announces),
            (&mut self.withdrawn, table.received_withdraws),
        ] {
            if count > 0 {
                *counts.entry(table.key.family.to_string()).or_default() += count;
            }
        }
    }

    fn to_json(&self) -> Value {
        json!({"announced": self.announced, "withdrawn": self.withdrawn})
    }
}

/// Returns the counts that are not zero.
fn nonzero<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Map<String, Value> {
    counts
        .filter(|&(_, count)| count > 0)
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect()
}

/// Writes the messages of a batch as JSON Lines.
///
/// # Errors
/// Returns the errors of `out`, and an error of kind `InvalidData` for a message that can't be read.
pub fn write_json(batch: &Batch, out: &mut impl io::Write) -> io::Result<()> {
    let kind = batch.kind;
    for message in Messages::new(&batch.payload) {
        let message =
            message.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        write_message(kind, &message, out)?;
    }
    Ok(())
}
