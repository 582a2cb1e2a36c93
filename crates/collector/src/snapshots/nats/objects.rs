//! The files of snapshots as objects in NATS: their names, and writing and reading them.

use std::io::{self, Read};
use std::sync::Arc;

use arancini_publish::nats::bucket::{Download, ObjectId, Upload};
use bytes::{Buf, Bytes};

use super::connection::BucketConnection;
use crate::snapshots::store::{Draft, ManifestFile};

/// Returns the name of an object in a manifest.
pub(super) fn name_of(object: ObjectId) -> String {
    format!("{:020}/worker-{}", object.generation, object.worker)
}

/// Returns the object that a name in a manifest stands for; `None` for any other name.
pub(super) fn object_of(name: &str) -> Option<ObjectId> {
    let (generation, worker) = name.split_once("/worker-")?;
    Some(ObjectId {
        generation: generation.parse().ok()?,
        worker: worker.parse().ok()?,
    })
}

/// An object that is being written.
pub(super) struct ObjectWriter {
    upload: Upload,
    name: String,
    connection: Arc<BucketConnection>,
}

impl ObjectWriter {
    /// Starts an object.
    pub(super) fn new(connection: Arc<BucketConnection>, object: ObjectId) -> Self {
        Self {
            upload: Upload::begin(&connection.bucket, object),
            name: name_of(object),
            connection,
        }
    }
}

impl Draft for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bucket = &self.connection.bucket;
        let write = self.upload.write(bucket, bytes);
        self.connection.wait(async { Ok(write.await?) })
    }

    fn finish(self: Box<Self>, routers: u64, routes: u64) -> io::Result<ManifestFile> {
        let Self {
            upload,
            name,
            connection,
        } = *self;
        let finish = upload.finish(&connection.bucket);
        let bytes = connection.wait(async { Ok(finish.await?) })?;
        Ok(ManifestFile {
            name,
            bytes,
            routers,
            routes,
        })
    }
}

/// An object that is being read.
pub(super) struct ObjectReader {
    connection: Arc<BucketConnection>,
    download: Download,
    bytes: Bytes,
}

impl ObjectReader {
    /// Starts reading a download.
    pub(super) const fn new(connection: Arc<BucketConnection>, download: Download) -> Self {
        Self {
            connection,
            download,
            bytes: Bytes::new(),
        }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            let next = self.download.next(&self.connection.bucket);
            self.bytes = self.connection.wait(next)?.unwrap_or_default();
        }
        let some = into.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut into[..some]);
        Ok(some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_objects_and_nowhere_else() {
        let object = ObjectId {
            generation: 12,
            worker: 3,
        };
        assert_eq!(object_of(&name_of(object)), Some(object));
        for name in ["", "x", "12/worker-", "12/worker-3/4", "../worker-3", "12"] {
            assert_eq!(object_of(name), None, "{name}");
        }
    }
}
