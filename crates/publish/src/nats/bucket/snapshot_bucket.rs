//! The connection to the two buckets: the index, and the objects that are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use arancini_client::Trouble;
use arancini_client::connect::{Connection, connect};
use arancini_client::streams::{explain_api, find_stream};
use async_nats::jetstream;
use async_nats::jetstream::kv;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use futures_util::StreamExt;

use super::create::{IfMissing, make_index, make_objects};
use super::failure::refused;
use crate::settings::NatsSettings;

/// Largest chunk of an object; NATS's own tools write the same size.
const CHUNK_BYTES: usize = 128 * 1024;
/// Header of the marker that a deleted key leaves.
const KV_OPERATION: &str = "KV-Operation";
/// Part of the server's `max_payload` that headers and subject take.
const HEADER_ROOM: usize = 1024;

/// A collector's index, as it is stored.
#[derive(Debug, Clone, Default)]
pub struct IndexValue {
    /// Its bytes; `None` if there is no index.
    pub bytes: Option<Bytes>,
    /// Revision that a replacement must name.
    pub revision: u64,
}

/// Name of an object of a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    /// The generation that it belongs to.
    pub generation: u64,
    /// The worker whose routers it holds.
    pub worker: usize,
}

/// Connection to the two buckets, for one collector's part of them.
pub struct SnapshotBucket {
    pub(super) name: String,
    pub(super) collector: String,
    index: kv::Store,
    index_stream: Stream,
    pub(super) objects: Stream,
    pub(super) context: jetstream::Context,
    pub(super) chunk_bytes: usize,
    /// Longest wait for one answer.
    pub(super) within: Duration,
    /// Kept open. Its events are not needed, since each request notices a lost connection.
    _connection: Connection,
}

impl SnapshotBucket {
    /// Connects to the buckets.
    ///
    /// # Errors
    /// The server cannot be reached or refuses, or a bucket does not exist.
    pub async fn open(
        settings: &NatsSettings,
        name: &str,
        collector: &str,
        if_missing: IfMissing,
    ) -> Result<Self, Trouble> {
        let connection = connect(&settings.server, "arancini snapshots").await?;
        let mut context = jetstream::new(connection.client.clone());
        context.set_timeout(settings.server.connect_timeout);
        let if_missing = match settings.create_stream {
            true => if_missing,
            false => IfMissing::Fail,
        };
        let (index_stream, object_stream) = (format!("KV_{name}"), format!("OBJ_{name}"));
        let index_stream = match find_stream(&context, &index_stream).await? {
            Some(stream) => stream,
            None => make_index(&context, settings, name, if_missing).await?,
        };
        let objects = match find_stream(&context, &object_stream).await? {
            Some(stream) => stream,
            None => make_objects(&context, settings, name, if_missing).await?,
        };
        let index = context.get_key_value(name).await;
        let index = index.map_err(|error| {
            let stream = &index_stream.cached_info().config.name;
            explain_api(stream, "STREAM.INFO", &error.to_string())
        })?;
        let max_payload = connection.client.server_info().max_payload;
        Ok(Self {
            name: name.to_owned(),
            collector: collector.to_owned(),
            index,
            index_stream,
            objects,
            context,
            chunk_bytes: max_payload.saturating_sub(HEADER_ROOM).clamp(1, CHUNK_BYTES),
            within: settings.server.connect_timeout,
            _connection: connection,
        })
    }

    /// Reads the collector's index.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn index(&self) -> Result<IndexValue, Trouble> {
        let subject = format!("$KV.{}.{}", self.name, self.collector);
        let Some(message) = self.last(&self.index_stream, "the index", &subject).await? else {
            return Ok(IndexValue::default());
        };
        Ok(IndexValue {
            revision: message.sequence,
            // A marker of deletion has no index, but its revision is the one that a replacement names.
            bytes: message
                .headers
                .get(KV_OPERATION)
                .is_none()
                .then_some(message.payload),
        })
    }

    /// Reads the last message of a subject from the stream's leader, since another replica may be behind.
    pub(super) async fn last(
        &self,
        stream: &Stream,
        what: &str,
        subject: &str,
    ) -> Result<Option<StreamMessage>, Trouble> {
        let last = stream.get_last_raw_message_by_subject(subject);
        match tokio::time::timeout(self.within, last).await {
            Ok(Ok(message)) => Ok(Some(message)),
            Ok(Err(error)) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Ok(Err(error)) => Err(self.refused(what, &error)),
            Err(late) => Err(self.refused(what, &late)),
        }
    }

    /// Replaces the index. Returns `false` if its revision is not `revision` any more.
    ///
    /// # Errors
    /// The server does not answer or refuses. The index may have been replaced nevertheless.
    pub async fn replace_index(&self, bytes: Vec<u8>, revision: u64) -> Result<bool, Trouble> {
        let update = self.index.update(&self.collector, bytes.into(), revision);
        let updated = match tokio::time::timeout(self.within, update).await {
            Ok(Err(error)) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => return Ok(false),
            Ok(updated) => updated.map_err(|error| self.refused("the index", &error)),
            Err(late) => Err(self.refused("the index", &late)),
        };
        updated.map(|_| true)
    }

    /// Stores a copy of an index that cannot be read, so that a person can look at it.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn keep_unreadable_index(&self, bytes: Bytes) -> Result<(), Trouble> {
        let key = format!("{}.damaged", self.collector);
        let put = self.index.put(key, bytes);
        self.answer("a damaged index", put).await.map(drop)
    }

    /// Lists the generations of this collector of which anything is stored, complete or not.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn generations(&self) -> Result<BTreeSet<u64>, Trouble> {
        Ok(self.stored().await?.into_keys().collect())
    }

    /// Removes this collector's generations up to `last`, except those to keep.
    ///
    /// # Errors
    /// The server does not answer or refuses. Some generations may have been removed.
    pub async fn remove_except(&self, keep: &BTreeSet<u64>, last: u64) -> Result<(), Trouble> {
        let mut stored = self.stored().await?;
        stored.retain(|generation, _| *generation <= last && !keep.contains(generation));
        for (generation, descriptions) in stored {
            // Descriptions first, so that no object exists without its chunks.
            let chunks = format!("{}.{}.{generation:020}.>", self.chunks(), self.collector);
            for subject in descriptions.into_iter().chain([chunks]) {
                let purge = self.objects.purge().filter(subject);
                self.answer("a removal", purge.into_future()).await?;
            }
        }
        Ok(())
    }

    /// Lists what is stored of this collector: for each generation the subjects of its descriptions.
    async fn stored(&self) -> Result<BTreeMap<u64, Vec<String>>, Trouble> {
        let mut stored: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        let of_this = format!("{}.{}.", self.chunks(), self.collector);
        for subject in self.subjects(format!("{of_this}>")).await? {
            let generation = subject
                .strip_prefix(&of_this)
                .and_then(|rest| rest.split('.').next());
            if let Some(generation) = generation.and_then(|digits| digits.parse().ok()) {
                stored.entry(generation).or_default();
            }
        }
        let descriptions = format!("$O.{}.M.", self.name);
        for subject in self.subjects(format!("{descriptions}>")).await? {
            let name = subject.strip_prefix(&descriptions);
            let name = name.and_then(|name| URL_SAFE.decode(name).ok());
            let name = name.and_then(|name| String::from_utf8(name).ok());
            let parts: Option<Vec<_>> = name.as_ref().map(|name| name.split('/').collect());
            if let Some(&[collector, generation, _]) = parts.as_deref()
                && collector == self.collector
                && let Ok(generation) = generation.parse()
            {
                stored.entry(generation).or_default().push(subject);
            }
        }
        Ok(stored)
    }

    async fn subjects(&self, filter: String) -> Result<Vec<String>, Trouble> {
        let fetch = self.objects.info_builder().subjects(filter).fetch();
        let mut listed = self.answer("what is stored", fetch).await?;
        let mut subjects = Vec::new();
        while let Some((subject, _)) = self.next("what is stored", &mut listed).await? {
            subjects.push(subject);
        }
        Ok(subjects)
    }

    /// Returns the first words of the subjects of chunks.
    pub(super) fn chunks(&self) -> String {
        format!("$O.{}.C", self.name)
    }

    /// Returns an object's name, as people see it.
    pub(super) fn object_name(&self, object: ObjectId) -> String {
        let ObjectId { generation, worker } = object;
        format!("{}/{generation:020}/worker-{worker}", self.collector)
    }

    /// Returns the subject of an object's description.
    pub(super) fn description(&self, object: ObjectId) -> String {
        format!("$O.{}.M.{}", self.name, URL_SAFE.encode(self.object_name(object)))
    }

    /// Waits for an answer of the server, up to the time limit.
    pub(super) async fn answer<T, E: Display>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.within, answer).await {
            Ok(answer) => answer.map_err(|error| self.refused(what, &error)),
            Err(late) => Err(self.refused(what, &late)),
        }
    }

    /// Waits for the next of several answers.
    pub(super) async fn next<T, E: Display>(
        &self,
        what: &str,
        answers: &mut (impl futures_util::Stream<Item = Result<T, E>> + Unpin),
    ) -> Result<Option<T>, Trouble> {
        match tokio::time::timeout(self.within, answers.next()).await {
            Ok(answer) => answer.transpose().map_err(|error| self.refused(what, &error)),
            Err(late) => Err(self.refused(what, &late)),
        }
    }

    /// Explains why the server refuses a request for `what`.
    pub(super) fn refused(&self, what: &str, error: &dyn Display) -> Trouble {
        refused(&self.name, what, error)
    }
}
