//! Where snapshots are kept in NATS: a key-value bucket and an object store of one name.
//!
//! ```text
//! $KV.<bucket>.<collector>                                       one small value, the collector's index
//! $O.<bucket>.M.<name, base64>                                   what `nats object ls` shows: size, digest, chunks
//! $O.<bucket>.C.<collector>.<generation>.<worker>                the chunks of that object
//! ```
//!
//! Objects are read by anything that reads object stores. They are written here and not by async-nats, whose chunks have
//! random names: nobody could tell whose the chunks of a killed upload are. Here they name their collector, so what it
//! left behind is found and removed, and what others are writing is not touched.

mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use async_nats::jetstream::kv;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, StorageType, Stream};
use async_nats::jetstream::{self, object_store};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use futures_util::StreamExt;
use tracing::info;

pub use object::{Download, Upload};

use super::connect::{Connection, connect};
use super::stream::{explain_api, find};
use crate::settings::NatsSettings;
use crate::status::{Reason, Trouble};

/// Largest chunk of an object; what NATS's own tools write.
const CHUNK_BYTES: usize = 128 * 1024;
/// Header of a key's marker of deletion.
const KV_OPERATION: &str = "KV-Operation";
/// Room that headers and subject take of the server's `max_payload`.
const HEADER_ROOM: usize = 1024;

/// Why something of a bucket can't be had.
#[derive(Debug)]
pub enum BucketError {
    /// The broker can't be asked now, or refuses.
    Trouble(Trouble),
    /// What is there is not what was written.
    Damaged(String),
}

impl Display for BucketError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Trouble(trouble) => trouble.fmt(f),
            Self::Damaged(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for BucketError {}

impl From<Trouble> for BucketError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A collector's index as it is stored.
#[derive(Debug, Clone, Default)]
pub struct IndexValue {
    /// Its bytes; none where there is no index.
    pub bytes: Option<Bytes>,
    /// What it takes to replace it.
    pub revision: u64,
}

/// An object of a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    /// The generation it belongs to.
    pub generation: u64,
    /// The worker whose routers are in it.
    pub worker: usize,
}

/// A connection to the two buckets, for one collector's part of them.
pub struct SnapshotBucket {
    name: String,
    collector: String,
    index: kv::Store,
    index_stream: Stream,
    objects: Stream,
    context: jetstream::Context,
    chunk_bytes: usize,
    /// The longest that one answer is waited for.
    within: Duration,
    /// Its events are not needed: whoever asks notices a lost connection.
    _connection: Connection,
}

impl SnapshotBucket {
    /// Connects. `make`: buckets that are missing are made, if the settings allow that.
    ///
    /// # Errors
    /// The broker can't be reached or refuses, or there is no such bucket.
    pub async fn open(
        settings: &NatsSettings,
        name: &str,
        collector: &str,
        make: bool,
    ) -> Result<Self, Trouble> {
        let connection = connect(settings, "arancini snapshots").await?;
        let mut context = jetstream::new(connection.client.clone());
        context.set_timeout(settings.connect_timeout);
        let make = make && settings.create_stream;
        let (index_stream, object_stream) = (format!("KV_{name}"), format!("OBJ_{name}"));
        let index_stream = match find(&context, &index_stream).await? {
            Some(stream) => stream,
            None => make_index(&context, settings, name, make).await?,
        };
        let objects = match find(&context, &object_stream).await? {
            Some(stream) => stream,
            None => make_objects(&context, settings, name, make).await?,
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
            within: settings.connect_timeout,
            _connection: connection,
        })
    }

    /// The collector's index.
    ///
    /// # Errors
    /// The broker can't be asked.
    pub async fn index(&self) -> Result<IndexValue, Trouble> {
        let subject = format!("$KV.{}.{}", self.name, self.collector);
        let Some(message) = self.last(&self.index_stream, "the index", &subject).await? else {
            return Ok(IndexValue::default());
        };
        Ok(IndexValue {
            revision: message.sequence,
            // A marker says that somebody deleted it; its revision is the one to replace.
            bytes: message
                .headers
                .get(KV_OPERATION)
                .is_none()
                .then_some(message.payload),
        })
    }

    /// The last message of a subject, as the stream's leader knows it: another replica may be behind.
    async fn last(
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

    /// Replaces the index; `false` if it is not the one of that revision any more.
    ///
    /// # Errors
    /// The broker can't be asked or refuses. It may have been replaced all the same.
    pub async fn replace_index(&self, bytes: Vec<u8>, revision: u64) -> Result<bool, Trouble> {
        let update = self.index.update(&self.collector, bytes.into(), revision);
        let updated = match tokio::time::timeout(self.within, update).await {
            Ok(Err(error)) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => return Ok(false),
            Ok(updated) => updated.map_err(|error| self.refused("the index", &error)),
            Err(late) => Err(self.refused("the index", &late)),
        };
        updated.map(|_| true)
    }

    /// Keeps an index that can't be read where a person can look at it.
    ///
    /// # Errors
    /// The broker can't be asked or refuses.
    pub async fn keep_unreadable_index(&self, bytes: Bytes) -> Result<(), Trouble> {
        let key = format!("{}.damaged", self.collector);
        let put = self.index.put(key, bytes);
        self.answer("a damaged index", put).await.map(drop)
    }

    /// Begins an object.
    #[must_use]
    pub fn upload(&self, object: ObjectId) -> Upload {
        Upload::begin(self, object)
    }

    /// Opens an object.
    ///
    /// # Errors
    /// The broker can't be asked, or the object is not all there.
    pub async fn download(&self, object: ObjectId) -> Result<Download, BucketError> {
        Download::begin(self, object).await
    }

    /// The generations of this collector of which anything is stored, whole or not.
    ///
    /// # Errors
    /// The broker can't be asked.
    pub async fn generations(&self) -> Result<BTreeSet<u64>, Trouble> {
        Ok(self.stored().await?.into_keys().collect())
    }

    /// Removes all of this collector's generations up to `last` but those to keep.
    ///
    /// # Errors
    /// The broker can't be asked or refuses; some may be removed.
    pub async fn remove_except(&self, keep: &BTreeSet<u64>, last: u64) -> Result<(), Trouble> {
        let mut stored = self.stored().await?;
        stored.retain(|generation, _| *generation <= last && !keep.contains(generation));
        for (generation, descriptions) in stored {
            // Descriptions first: no object without its chunks.
            let chunks = format!("{}.{}.{generation:020}.>", self.chunks(), self.collector);
            for subject in descriptions.into_iter().chain([chunks]) {
                let purge = self.objects.purge().filter(subject);
                self.answer("a removal", purge.into_future()).await?;
            }
        }
        Ok(())
    }

    /// What is stored of this collector: the subjects of the descriptions of each generation.
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

    fn chunks(&self) -> String {
        format!("$O.{}.C", self.name)
    }

    /// An object's name, as people see it.
    fn object_name(&self, object: ObjectId) -> String {
        let ObjectId { generation, worker } = object;
        format!("{}/{generation:020}/worker-{worker}", self.collector)
    }

    /// Where an object's description is published.
    fn description(&self, object: ObjectId) -> String {
        format!("$O.{}.M.{}", self.name, URL_SAFE.encode(self.object_name(object)))
    }

    /// An answer of the broker, which is not waited for for ever.
    async fn answer<T, E: Display>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.within, answer).await {
            Ok(answer) => answer.map_err(|error| self.refused(what, &error)),
            Err(late) => Err(self.refused(what, &late)),
        }
    }

    /// The next of several answers.
    async fn next<T, E: Display>(
        &self,
        what: &str,
        answers: &mut (impl futures_util::Stream<Item = Result<T, E>> + Unpin),
    ) -> Result<Option<T>, Trouble> {
        match tokio::time::timeout(self.within, answers.next()).await {
            Ok(answer) => answer.transpose().map_err(|error| self.refused(what, &error)),
            Err(late) => Err(self.refused(what, &late)),
        }
    }

    fn refused(&self, what: &str, error: &dyn Display) -> Trouble {
        refused(&self.name, what, error)
    }
}

fn refused(bucket: &str, what: &str, error: &dyn Display) -> Trouble {
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    if ["maximum", "insufficient", "resource limits"]
        .iter()
        .any(|part| lower.contains(part))
    {
        return Trouble::new(
            Reason::StreamFull,
            format!("the bucket {bucket} has no room for {what} ({text})"),
            "raise the limits of the account or of the streams KV_… and OBJ_… of the bucket",
        );
    }
    Trouble::new(
        Reason::Timeout,
        format!("the bucket {bucket} gives no answer for {what} ({text})"),
        "look at the server's log: the user needs the permissions that docs/nats.md lists",
    )
}

fn missing(stream: &str) -> Trouble {
    Trouble::new(
        Reason::StreamMissing,
        format!("there is no stream {stream}, which holds snapshots"),
        "set nats.create_stream = true and start the collector, or correct snapshots.bucket",
    )
}

async fn make_index(
    context: &jetstream::Context,
    settings: &NatsSettings,
    name: &str,
    make: bool,
) -> Result<Stream, Trouble> {
    let stream = format!("KV_{name}");
    if !make {
        return Err(missing(&stream));
    }
    let config = kv::Config {
        bucket: name.to_owned(),
        description: "Which snapshots of Arancini are current".to_owned(),
        history: 1,
        storage: StorageType::File,
        num_replicas: settings.stream.replicas,
        ..kv::Config::default()
    };
    let made = context.create_key_value(config).await;
    made.map_err(|error| explain_api(&stream, "STREAM.CREATE", &error.to_string()))?;
    info!(bucket = name, "key-value bucket for snapshots created");
    find(context, &stream).await?.ok_or_else(|| missing(&stream))
}

async fn make_objects(
    context: &jetstream::Context,
    settings: &NatsSettings,
    name: &str,
    make: bool,
) -> Result<Stream, Trouble> {
    let stream = format!("OBJ_{name}");
    if !make {
        return Err(missing(&stream));
    }
    let config = object_store::Config {
        bucket: name.to_owned(),
        description: Some("Snapshots of Arancini".to_owned()),
        max_bytes: -1,
        storage: StorageType::File,
        num_replicas: settings.stream.replicas,
        ..object_store::Config::default()
    };
    let made = context.create_object_store(config).await;
    made.map_err(|error| explain_api(&stream, "STREAM.CREATE", &error.to_string()))?;
    info!(bucket = name, "object store for snapshots created");
    find(context, &stream).await?.ok_or_else(|| missing(&stream))
}
