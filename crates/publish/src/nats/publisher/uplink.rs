//! The uplink: one connection to NATS, ready to publish.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arancini_client::Trouble;
use arancini_client::connect::{Connection, connect};
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::{Subscriber, jetstream};

use crate::nats::fence::{self, Fence};
use crate::nats::inventory::{Doubts, Inventory, take_inventory};
use crate::nats::labels::HEADER_ALLOWANCE;
use crate::nats::landmarks::{Landmarks, LostRouters};
use crate::nats::reply::{explained, lost};
use crate::nats::stream::ensure::{Ensured, ensure};
use crate::settings::NatsSettings;

/// Longest wait for the stream's limits. Publishing stands still meanwhile.
const LIMITS_TIMEOUT: Duration = Duration::from_secs(1);

/// One connection, with what was learnt while it was made.
pub(super) struct Uplink {
    pub(super) connection: Connection,
    /// Acknowledgements that arrive.
    pub(super) acks: Subscriber,
    /// First words of the subjects on which acknowledgements arrive.
    pub(super) inbox: String,
    /// The stream, to ask for its limits again.
    pub(super) stream: Stream,
    /// When server and stream were last asked for their limits.
    pub(super) limits_asked: Instant,
    /// Most bytes of payload and headers that server and stream take.
    pub(super) max_bytes: usize,
    /// Largest payload that fits whatever its headers are.
    pub(super) max_payload: usize,
    /// Ids of the messages in doubt that the stream has, with their places.
    pub(super) stored: HashMap<String, u64>,
    /// The stream has lost messages of these routers that it acknowledged on an earlier connection.
    pub(super) lost: Option<LostRouters>,
    /// Place of the fence: the last sequence of the stream when it was raised.
    pub(super) stream_sequence: u64,
    /// When the stream was created, in Unix nanoseconds.
    pub(super) created_unix_ns: i128,
    /// Settings of the stream that weaken a promise.
    pub(super) warnings: Vec<Trouble>,
    /// The fence, raised for this connection.
    pub(super) fence: Fence,
    /// The stream has no limits: it removes nothing by itself.
    pub(super) keeps_all: bool,
    /// Server and stream check each message against the fence.
    pub(super) is_checked: bool,
}

/// Connects, makes sure that the stream fits, subscribes to the acknowledgements, raises the fence, and asks which messages
/// in doubt the stream has.
pub(super) async fn establish(
    settings: &NatsSettings,
    fence: Fence,
    doubts: Option<Doubts>,
    landmarks: Landmarks,
) -> Result<Uplink, Trouble> {
    let mut connection = connect(&settings.server, "arancini").await?;
    let context = jetstream::new(connection.client.clone());
    let Ensured { stream, warnings } = ensure(&context, settings)
        .await
        .map_err(|trouble| explained(trouble, &mut connection))?;
    let inbox = connection.client.new_inbox();
    let acks = connection
        .client
        .subscribe(format!("{inbox}.*"))
        .await
        .map_err(|_| lost())?;
    let fence = fence
        .raise(&connection.client, &stream)
        .await
        .map_err(|trouble| explained(trouble, &mut connection))?;
    // The fence is raised: what earlier connections had on the way is stored by now, or never will be.
    let place = fence.label();
    let mut inventory = Inventory::default();
    let mut lost = None;
    if let Some(doubts) = doubts {
        let base = settings.stream.subjects();
        inventory = take_inventory(&stream, base, &place, &doubts, settings.server.connect_timeout)
            .await
            .map_err(|trouble| explained(trouble, &mut connection))?;
        if doubts.landmark.is_some() && !inventory.has_landmark {
            lost = lost_since(&stream, &landmarks, place.place)
                .await
                .map_err(|trouble| explained(trouble, &mut connection))?;
        }
    }
    let config = &stream.cached_info().config;
    let max_bytes = max_bytes(&connection, config);
    let bounded = config.max_bytes > 0 || config.max_messages > 0 || config.max_messages_per_subject > 0;
    Ok(Uplink {
        keeps_all: !bounded && config.max_age.is_zero(),
        acks,
        inbox,
        limits_asked: Instant::now(),
        max_bytes,
        max_payload: max_payload(max_bytes),
        stored: inventory.ids,
        lost,
        stream_sequence: place.place,
        created_unix_ns: stream.cached_info().created.unix_timestamp_nanos(),
        is_checked: fence::is_checked(&connection.client, &stream),
        stream,
        fence,
        warnings,
        connection,
    })
}

impl Uplink {
    /// Asks server and stream for their limits again. The limits stay as they are if no answer comes, or if they were
    /// lowered: the stream then refuses a message, and the next connection learns them.
    pub(super) async fn ask_limits(&mut self) {
        if let Ok(Ok(info)) = tokio::time::timeout(LIMITS_TIMEOUT, self.stream.get_info()).await {
            self.max_bytes = self.max_bytes.max(max_bytes(&self.connection, &info.config));
            self.max_payload = max_payload(self.max_bytes);
        }
        self.limits_asked = Instant::now();
    }
}

/// Returns the most bytes of payload and headers that server and stream take.
fn max_bytes(connection: &Connection, config: &Config) -> usize {
    let server = connection.client.max_payload();
    match usize::try_from(config.max_message_size) {
        Ok(0) | Err(_) => server,
        Ok(stream) => server.min(stream),
    }
}

/// Returns the largest payload that fits whatever its headers are.
fn max_payload(max_bytes: usize) -> usize {
    max_bytes.saturating_sub(HEADER_ALLOWANCE).max(1)
}

/// Finds the routers of which the stream has lost messages, once the newest landmark is not there. `None` if a limit or a
/// purge has removed that message and all before it.
async fn lost_since(
    stream: &Stream,
    landmarks: &Landmarks,
    fence: u64,
) -> Result<Option<LostRouters>, Trouble> {
    let first = stream.get_info().await.map_err(|_| lost())?.state.first_sequence;
    match landmarks.newest() {
        Some(newest) if newest.sequence < fence && newest.sequence < first => Ok(None),
        Some(_) => landmarks.lost_routers(stream, fence, first).await.map(Some),
        None => Ok(None),
    }
}
