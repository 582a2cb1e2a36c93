//! What the server acknowledges to others, overheard: for measurements of how long that takes.

use async_nats::Subscriber;
use futures_util::StreamExt;
use serde::Deserialize;

use crate::nats::connect::{Connection, connect};
use crate::settings::NatsSettings;
use crate::status::{Reason, Trouble};

/// Overhears the acknowledgements that go to the clients with this prefix of reply subjects, as they go out.
pub struct Acknowledgements {
    /// The subscription lives as long as it.
    _connection: Connection,
    replies: Subscriber,
}

#[derive(Deserialize)]
struct Stored {
    seq: u64,
}

impl Acknowledgements {
    /// Connects and subscribes. The server knows of it when this returns.
    pub async fn listen(settings: &NatsSettings) -> Result<Self, Trouble> {
        let connection = connect(settings, "arancini bench").await?;
        let subject = format!("{}.>", settings.inbox_prefix);
        let refused = |error: &dyn std::fmt::Display| {
            let cause = format!("{subject} can't be subscribed: {error}");
            Trouble::new(Reason::Permission, cause, "let the user subscribe it")
        };
        let replies = connection.client.subscribe(subject.clone()).await;
        let replies = replies.map_err(|error| refused(&error))?;
        connection.client.flush().await.map_err(|error| refused(&error))?;
        Ok(Self {
            _connection: connection,
            replies,
        })
    }

    /// The stream sequence of the next message that is acknowledged; `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<u64> {
        loop {
            let reply = self.replies.next().await?;
            // Replies to other requests look different.
            if let Ok(Stored { seq }) = serde_json::from_slice(&reply.payload) {
                return Some(seq);
            }
        }
    }
}
