//! The core without a network: recorded streams in, route events out. What `arancini decode` runs.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::counters::Counters;
use arancini_core::{Batch, BatchSettings, Now, Quirk, SessionError, Settings, Shard};
use arancini_publish::sink::stdout::json_kind;
use arancini_rib::CurationMode;
use arancini_schema::decode::Messages;
use arancini_schema::json::write_message;
use arancini_wire::bmp::{MessageType, RibView};
use serde_json::{Map, Value, json};

use crate::replay::Recording;

/// Bytes given to the core at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// One pass over recorded streams.
pub struct Decoder {
    shard: Shard,
    counters: Arc<Counters>,
    streams: u64,
    ended: Vec<Value>,
}

impl Decoder {
    /// A decoder that curates or lets everything through.
    #[must_use]
    pub fn new(curate: bool) -> Self {
        let counters = Arc::new(Counters::default());
        let settings = Settings {
            curation: if curate {
                CurationMode::Attributes
            } else {
                CurationMode::Off
            },
            // One message a batch: what comes out is in the order in which it came in.
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

    /// Decodes one recording as a session of this router, which replaces a former one of it. Returns why it ended
    /// before its last byte, if it did.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn decode(
        &mut self,
        recording: &Recording,
        router: IpAddr,
        mut out: impl FnMut(&Batch) -> io::Result<()>,
    ) -> io::Result<Option<String>> {
        // Recordings have no receive time; sequences begin at 1.
        let now = Now::default();
        self.streams += 1;
        let session = self.shard.open_session(router, 0, now);
        let mut reason = None;
        for chunk in recording.bytes.chunks(CHUNK_BYTES) {
            let taken = self.shard.receive(session, chunk, now);
            while let Some(batch) = self.shard.pop_batch() {
                out(&batch)?;
                self.shard.recycle(batch.payload);
            }
            if let Err(error) = taken {
                reason = Some(match error {
                    SessionError::Framing(_) => error.to_string(),
                    SessionError::Unknown => "the session is gone".to_owned(),
                });
                break;
            }
        }
        if let (None, Some((whole, rest @ 1..))) = (&reason, self.shard.progress(session)) {
            reason = Some(format!(
                "cut in the middle of a message: {rest} bytes are left behind byte {whole}"
            ));
        }
        if let Some(reason) = &reason {
            self.ended
                .push(json!({"stream": recording.name, "reason": reason}));
        }
        self.shard.flush(now);
        while let Some(batch) = self.shard.pop_batch() {
            out(&batch)?;
        }
        Ok(reason)
    }

    /// Everything counted so far, as one object (`docs/interop.md` explains it).
    #[must_use]
    pub fn summary(&self) -> Value {
        let mut announced = BTreeMap::<String, u64>::new();
        let mut withdrawn = BTreeMap::<String, u64>::new();
        let mut views = BTreeMap::<&str, (BTreeMap<String, u64>, BTreeMap<String, u64>)>::new();
        let tables = self
            .shard
            .routers()
            .flat_map(|router| &router.peers)
            .flat_map(|peer| &peer.tables);
        for table in tables {
            let family = table.key.family.to_string();
            let view = views.entry(table.key.view.name()).or_default();
            for (total, of_view, count) in [
                (&mut announced, &mut view.0, table.received_announces),
                (&mut withdrawn, &mut view.1, table.received_withdraws),
            ] {
                if count > 0 {
                    *total.entry(family.clone()).or_default() += count;
                    *of_view.entry(family.clone()).or_default() += count;
                }
            }
        }
        let views: Map<String, Value> = views
            .into_iter()
            .map(|(view, (announced, withdrawn))| {
                (
                    view.to_owned(),
                    json!({"announced": announced, "withdrawn": withdrawn}),
                )
            })
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
            "routes": {"announced": announced, "withdrawn": withdrawn},
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

fn nonzero<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Map<String, Value> {
    counts
        .filter(|&(_, count)| count > 0)
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect()
}

/// Writes the messages of a batch as JSON Lines.
///
/// # Errors
/// Those of `out`.
pub fn write_json(batch: &Batch, out: &mut impl io::Write) -> io::Result<()> {
    let kind = json_kind(batch.kind);
    for message in Messages::new(&batch.payload) {
        let message =
            message.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        write_message(kind, &message, out)?;
    }
    Ok(())
}
