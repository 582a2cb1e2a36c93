//! Listens to the acknowledgements that the server sends to a publisher. Benchmarks use them to measure how long storing
//! takes.

use async_nats::Subscriber;
use futures_util::StreamExt;
use serde::Deserialize;

use crate::connect::{Connection, connect};
use crate::settings::ServerSettings;
use crate::trouble::{Reason, Trouble};

/// Subscription to the acknowledgements that the server sends to clients with one prefix of reply subjects.
pub struct Acknowledgements {
    /// Keeps the subscription alive.
    _connection: Connection,
    replies: Subscriber,
}

#[derive(Deserialize)]
struct Stored {
    seq: u64,
}

impl Acknowledgements {
    /// Connects and subscribes. The server knows the subscription when this returns.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses the subscription.
    pub async fn listen(settings: &ServerSettings) -> Result<Self, Trouble> {
        let connection = connect(settings, "arancini bench").await?;
        let subject = format!("{}.>", settings.inbox_prefix);
        let refused = |error: &dyn std::fmt::Display| {
            let cause = format!("can't subscribe to {subject}: {error}");
            Trouble::new(
                Reason::Permission,
                cause,
                format!("allow the user to subscribe to {subject}"),
            )
        };
        let replies = connection.client.subscribe(subject.clone()).await;
        let replies = replies.map_err(|error| refused(&error))?;
        connection.client.flush().await.map_err(|error| refused(&error))?;
        Ok(Self {
            _connection: connection,
            replies,
        })
    }

    /// Returns the stream sequence of the next message that the server acknowledges; `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<u64> {
        loop {
            let reply = self.replies.next().await?;
            // Replies to other requests have no stream sequence.
            if let Ok(Stored { seq }) = serde_json::from_slice(&reply.payload) {
                return Some(seq);
            }
        }
    }
}
