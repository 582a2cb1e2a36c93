//! An administrator's work on the stream, beside the collector.

use std::io;

use async_nats::jetstream::{self, stream::Info, stream::Stream};
use tokio::runtime::Runtime;

const STREAM: &str = "ARANCINI";

/// An administrator's client. Each call opens a connection of its own, because brokers come and go.
#[derive(Debug)]
pub struct Admin {
    runtime: Runtime,
    urls: Vec<String>,
}

impl Admin {
    /// A client of these servers.
    pub fn new(urls: Vec<String>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self { runtime, urls })
    }

    /// The stream's leader, and whether all replicas are current; `None` where no server answers.
    #[must_use]
    pub fn leader(&self) -> Option<(String, bool)> {
        let cluster = self.info().ok()?.cluster?;
        let all_there = cluster.replicas.iter().all(|replica| replica.current);
        Some((cluster.leader?, all_there))
    }

    /// The first and the last sequence of the stream.
    pub fn range(&self) -> io::Result<(u64, u64)> {
        let state = self.info()?.state;
        Ok((state.first_sequence, state.last_sequence))
    }

    /// Purges the stream.
    pub fn purge(&self) -> io::Result<()> {
        self.runtime.block_on(async {
            let (_, stream) = self.stream().await?;
            stream.purge().await.map(drop).map_err(failed)
        })
    }

    /// Deletes the stream.
    pub fn delete(&self) -> io::Result<()> {
        self.runtime.block_on(async {
            let (context, _) = self.stream().await?;
            context.delete_stream(STREAM).await.map(drop).map_err(failed)
        })
    }

    fn info(&self) -> io::Result<Info> {
        self.runtime
            .block_on(async { Ok(self.stream().await?.1.cached_info().clone()) })
    }

    async fn stream(&self) -> io::Result<(jetstream::Context, Stream)> {
        let client = async_nats::connect(&self.urls).await.map_err(failed)?;
        let context = jetstream::new(client);
        let stream = context.get_stream(STREAM).await.map_err(failed)?;
        Ok((context, stream))
    }
}

fn failed(error: impl std::error::Error) -> io::Error {
    io::Error::other(error.to_string())
}
