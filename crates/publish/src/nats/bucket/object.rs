//! One object: written chunk by chunk with a few chunks in flight, read back a few chunks at a time.
//!
//! The description of an object is stored last. The object exists from then on.

use std::collections::VecDeque;
use std::time::Duration;

use arancini_client::Trouble;
use async_nats::HeaderMap;
use async_nats::header::NATS_ROLLUP;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::object_store::{ObjectInfo, ObjectOptions};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bytes::{Bytes, BytesMut};
use ring::digest::{Context, SHA256};

use super::failure::BucketError;
use super::snapshot_bucket::{ObjectId, SnapshotBucket};

/// Chunks in flight, when writing and when reading: 4 MiB at most.
const CHUNKS_IN_FLIGHT: usize = 32;
/// Time without a request after which the server forgets a reader.
const READER_FORGOTTEN: Duration = Duration::from_secs(60);

/// An object that is being written. If it is dropped, its chunks stay until [`SnapshotBucket::remove_except`] removes
/// them.
pub struct Upload {
    object: ObjectId,
    chunk: BytesMut,
    unacknowledged: VecDeque<PublishAckFuture>,
    digest: Context,
    bytes: usize,
    chunks: usize,
}

impl Upload {
    /// Begins an object.
    #[must_use]
    pub fn begin(bucket: &SnapshotBucket, object: ObjectId) -> Self {
        Self {
            object,
            chunk: BytesMut::with_capacity(bucket.chunk_bytes),
            unacknowledged: VecDeque::with_capacity(CHUNKS_IN_FLIGHT),
            digest: Context::new(&SHA256),
            bytes: 0,
            chunks: 0,
        }
    }

    /// Appends bytes. Waits while too many chunks are in flight.
    ///
    /// # Errors
    /// The server cannot be reached or refuses: the object cannot be finished.
    pub async fn write(&mut self, bucket: &SnapshotBucket, mut bytes: &[u8]) -> Result<(), Trouble> {
        self.bytes += bytes.len();
        self.digest.update(bytes);
        while !bytes.is_empty() {
            let room = bucket.chunk_bytes - self.chunk.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
            if self.chunk.len() == bucket.chunk_bytes {
                self.send(bucket).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, bucket: &SnapshotBucket) -> Result<(), Trouble> {
        while self.unacknowledged.len() >= CHUNKS_IN_FLIGHT {
            self.acknowledged(bucket).await?;
        }
        let next = BytesMut::with_capacity(bucket.chunk_bytes);
        let chunk = std::mem::replace(&mut self.chunk, next).freeze();
        let subject = format!("{}.{}", bucket.chunks(), self.chunk_name(bucket));
        let publish = bucket.context.publish(subject, chunk);
        self.unacknowledged
            .push_back(bucket.answer("a chunk", publish).await?);
        self.chunks += 1;
        // The connection's own task shares this thread. Without this turn it would send nothing before the next wait.
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn acknowledged(&mut self, bucket: &SnapshotBucket) -> Result<(), Trouble> {
        match self.unacknowledged.pop_front() {
            Some(acknowledgement) => bucket
                .answer("a chunk", acknowledgement.into_future())
                .await
                .map(drop),
            None => Ok(()),
        }
    }

    /// Waits until all chunks are stored, and stores the description. Returns the object's size.
    ///
    /// # Errors
    /// The server cannot be reached or refuses: the object may exist or not.
    pub async fn finish(mut self, bucket: &SnapshotBucket) -> Result<u64, Trouble> {
        if !self.chunk.is_empty() {
            self.send(bucket).await?;
        }
        while !self.unacknowledged.is_empty() {
            self.acknowledged(bucket).await?;
        }
        let description = ObjectInfo {
            name: bucket.object_name(self.object),
            description: None,
            metadata: Default::default(),
            headers: None,
            options: Some(ObjectOptions {
                link: None,
                max_chunk_size: Some(bucket.chunk_bytes),
            }),
            bucket: bucket.name.clone(),
            nuid: self.chunk_name(bucket),
            size: self.bytes,
            chunks: self.chunks,
            modified: None,
            deleted: false,
            digest: Some(format!("SHA-256={}", URL_SAFE.encode(self.digest.finish()))),
        };
        let description =
            serde_json::to_vec(&description).map_err(|error| bucket.refused("a description", &error))?;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_ROLLUP, "sub");
        let subject = bucket.description(self.object);
        let publish = bucket
            .context
            .publish_with_headers(subject, headers, description.into());
        let acknowledgement = bucket.answer("a description", publish).await?;
        bucket
            .answer("a description", acknowledgement.into_future())
            .await?;
        Ok(self.bytes as u64)
    }

    /// Returns the part of the chunks' subject that belongs to this object alone.
    fn chunk_name(&self, bucket: &SnapshotBucket) -> String {
        let ObjectId { generation, worker } = self.object;
        format!("{}.{generation:020}.{worker}", bucket.collector)
    }
}

/// An object that is being read.
pub struct Download {
    name: String,
    reader: Consumer<pull::Config>,
    fetched: VecDeque<Bytes>,
    chunks_left: usize,
}

impl Download {
    /// Opens an object.
    ///
    /// # Errors
    /// The server does not answer, or the object is not complete.
    pub async fn begin(bucket: &SnapshotBucket, object: ObjectId) -> Result<Self, BucketError> {
        let name = bucket.object_name(object);
        let damaged = |what: &str| BucketError::Damaged(format!("the object {name} {what}"));
        let subject = bucket.description(object);
        let description = bucket.last(&bucket.objects, "a description", &subject).await?;
        let description = description.ok_or_else(|| damaged("does not exist"))?;
        let info: ObjectInfo = serde_json::from_slice(&description.payload)
            .map_err(|error| damaged(&format!("has a description that can't be read: {error}")))?;
        if info.deleted {
            return Err(damaged("was deleted"));
        }
        let subject = format!("{}.{}", bucket.chunks(), info.nuid);
        // The chunks are counted first, since the reader would wait for a missing one.
        let fetch = bucket.objects.info_builder().subjects(&subject).fetch();
        let mut counted = bucket.answer("an object's chunks", fetch).await?;
        let counted = bucket.next("an object's chunks", &mut counted).await?;
        let there = counted.map_or(0, |(_, chunks)| chunks);
        if there != info.chunks {
            return Err(damaged(&format!("has {there} of its {} chunks", info.chunks)));
        }
        let config = pull::Config {
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            filter_subject: subject,
            inactive_threshold: READER_FORGOTTEN,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let create = bucket.objects.create_consumer(config);
        let reader = bucket.answer("an object's reader", create).await?;
        Ok(Self {
            name,
            reader,
            fetched: VecDeque::new(),
            chunks_left: info.chunks,
        })
    }

    /// Returns the next bytes; `None` at the end.
    ///
    /// # Errors
    /// The server cannot be reached, or hands out no more chunks.
    pub async fn next(&mut self, bucket: &SnapshotBucket) -> Result<Option<Bytes>, BucketError> {
        if self.fetched.is_empty() && self.chunks_left > 0 {
            let some = self.chunks_left.min(CHUNKS_IN_FLIGHT);
            let fetch = self.reader.batch().max_messages(some);
            let fetch = fetch.expires(bucket.within).messages();
            let mut messages = bucket.answer("an object", fetch).await?;
            while self.fetched.len() < some
                && let Some(message) = bucket.next("an object", &mut messages).await?
            {
                self.fetched.push_back(message.message.payload);
            }
            if self.fetched.is_empty() {
                // All chunks were counted at the beginning, so the rest must exist.
                let what = format!("the rest of the object {}", self.name);
                return Err(bucket.refused(&what, &"no chunk arrived").into());
            }
        }
        let next = self.fetched.pop_front();
        self.chunks_left -= usize::from(next.is_some());
        Ok(next)
    }
}
