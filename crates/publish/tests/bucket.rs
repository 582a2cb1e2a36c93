//! Buckets for snapshots, in a real nats-server.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use arancini_bed::NatsServer;
use arancini_client::{Authentication, Secret};
use arancini_publish::NatsSettings;
use arancini_publish::nats::bucket::{BucketError, Download, IfMissing, ObjectId, SnapshotBucket, Upload};

async fn open(server: &NatsServer, collector: &str) -> SnapshotBucket {
    let settings = NatsSettings::new(vec![server.url()]);
    SnapshotBucket::open(&settings, "snapshots", collector, IfMissing::Create)
        .await
        .unwrap()
}

async fn read(bucket: &SnapshotBucket, object: ObjectId) -> Result<Vec<u8>, BucketError> {
    let mut download = Download::begin(bucket, object).await?;
    let mut read = Vec::new();
    while let Some(bytes) = download.next(bucket).await? {
        read.extend_from_slice(&bytes);
    }
    Ok(read)
}

const fn object(generation: u64) -> ObjectId {
    ObjectId {
        generation,
        worker: 0,
    }
}

/// Writes far more chunks than may be in flight, of a size that the server's limit decides.
#[tokio::test]
async fn an_object_reads_back_however_it_was_cut() {
    let Some(server) = NatsServer::start_with("max_payload: 4096") else {
        return;
    };
    let bucket = open(&server, "one").await;
    let bytes: Vec<u8> = (0..1_000_003_u32).map(|number| (number % 251) as u8).collect();
    for piece in [1_000, 70_001, bytes.len()] {
        let generation = piece as u64;
        let mut upload = Upload::begin(&bucket, object(generation));
        for piece in bytes.chunks(piece) {
            upload.write(&bucket, piece).await.unwrap();
        }
        let missing = Download::begin(&bucket, object(generation)).await;
        assert!(matches!(missing, Err(BucketError::Damaged(_))), "not there yet");
        assert_eq!(upload.finish(&bucket).await.unwrap(), bytes.len() as u64);
        assert!(read(&bucket, object(generation)).await.unwrap() == bytes);
    }
    let empty = Upload::begin(&bucket, object(1));
    assert_eq!(empty.finish(&bucket).await.unwrap(), 0);
    assert_eq!(read(&bucket, object(1)).await.unwrap(), b"");
}

#[tokio::test]
async fn only_what_is_ones_own_old_and_not_kept_is_removed() {
    let Some(server) = NatsServer::start() else { return };
    let (one, other) = (open(&server, "one").await, open(&server, "other").await);
    for generation in 1..=4 {
        for bucket in [&one, &other] {
            let mut upload = Upload::begin(bucket, object(generation));
            upload.write(bucket, b"abc").await.unwrap();
            upload.finish(bucket).await.unwrap();
        }
    }
    one.remove_except(&BTreeSet::from([2]), 3).await.unwrap();
    assert_eq!(one.generations().await.unwrap(), BTreeSet::from([2, 4]));
    assert_eq!(other.generations().await.unwrap().len(), 4);
    let gone = read(&one, object(1)).await;
    assert!(matches!(gone, Err(BucketError::Damaged(_))));
    assert_eq!(read(&one, object(2)).await.unwrap(), b"abc");
}

#[tokio::test]
async fn an_index_is_replaced_only_at_the_revision_that_was_read() {
    let Some(server) = NatsServer::start() else { return };
    let (one, again) = (open(&server, "one").await, open(&server, "one").await);
    let none = one.index().await.unwrap();
    assert_eq!((none.bytes, none.revision), (None, 0));
    assert!(one.replace_index(b"first".to_vec(), 0).await.unwrap());
    assert!(!again.replace_index(b"second".to_vec(), 0).await.unwrap());
    let read = again.index().await.unwrap();
    assert_eq!(read.bytes.as_deref(), Some(&b"first"[..]));
    assert!(
        again
            .replace_index(b"second".to_vec(), read.revision)
            .await
            .unwrap()
    );
    let other = open(&server, "other").await;
    assert_eq!(other.index().await.unwrap().revision, 0);
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_not_made_where_that_is_not_wanted() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    let opened = SnapshotBucket::open(&settings, "snapshots", "one", IfMissing::Fail).await;
    let trouble = opened.err().unwrap();
    assert!(trouble.remedy.contains("nats.create_stream"), "{trouble}");
}

#[tokio::test]
async fn the_documented_permissions_are_enough() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/nats.md")).unwrap();
    let block = page
        .split("```")
        .find(|block| block.contains("STREAM.PURGE.OBJ_arancini-snapshots"))
        .unwrap();
    let users =
        format!("authorization {{ users: [ {{ user: least, password: x, permissions: {{ {block} }} }} ] }}");
    let Some(server) = NatsServer::start_with(&users) else {
        return;
    };
    let mut settings = NatsSettings::new(vec![server.url()]);
    settings.server.authentication = Authentication::UserPassword {
        user: "least".to_owned(),
        password: Secret::Value("x".to_owned()),
    };
    let bucket = SnapshotBucket::open(&settings, "arancini-snapshots", "one", IfMissing::Create)
        .await
        .unwrap();
    for generation in [1, 2] {
        let mut upload = Upload::begin(&bucket, object(generation));
        upload.write(&bucket, b"abc").await.unwrap();
        upload.finish(&bucket).await.unwrap();
    }
    assert!(bucket.replace_index(b"{}".to_vec(), 0).await.unwrap());
    bucket
        .keep_unreadable_index(bucket.index().await.unwrap().bytes.unwrap())
        .await
        .unwrap();
    bucket.remove_except(&BTreeSet::from([2]), 2).await.unwrap();
    assert_eq!(bucket.generations().await.unwrap(), BTreeSet::from([2]));
    assert_eq!(read(&bucket, object(2)).await.unwrap(), b"abc");
}
