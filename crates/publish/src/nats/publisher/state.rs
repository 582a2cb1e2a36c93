//! What the publisher keeps over connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arancini_client::Trouble;
use arancini_core::window::Window;

use crate::hooks::Hooks;
use crate::message::Message;
use crate::nats::fence::Fence;
use crate::nats::inventory::Floors;
use crate::nats::labels::{HEADER_ALLOWANCE, Labels};
use crate::nats::landmarks::Landmarks;
use crate::nats::packer::Packer;
use crate::set_aside::SetAside;
use crate::settings::{NatsSettings, SidecarSettings};
use crate::spool::{FileHead, Stage};
use crate::status::SinkStatus;

/// Name of the sink in logs.
pub(super) const SINK: &str = "nats";

/// What nats-server takes unless configured otherwise. Used until a server has said what it takes.
const ASSUMED_MAX_PAYLOAD: usize = 1 << 20;
/// The client's inbox holds all acknowledgements of a window, and as many again.
const _: () = assert!(NatsSettings::MAX_WINDOW_MESSAGES <= 65_536 / 2);

/// The publisher: what outlives connections.
pub(super) struct Publisher {
    pub(super) packer: Packer,
    pub(super) window: Window<Message>,
    pub(super) labels: Labels,
    pub(super) settings: NatsSettings,
    pub(super) status: Arc<SinkStatus>,
    pub(super) hooks: Hooks,
    pub(super) started: Instant,
    pub(super) floors: Floors,
    /// When the stream was created, as the last connection found it.
    pub(super) created_unix_ns: Option<i128>,
    /// The fence, as raised for the last connection.
    pub(super) fence: Fence,
    /// Acknowledged messages that show whether the stream still has what it acknowledged.
    pub(super) landmarks: Landmarks,
    /// Set when the stream acknowledged a message at a lower place than one before.
    pub(super) counts_lower: Option<Trouble>,
    /// Highest stream sequence that was acknowledged.
    pub(super) stream_sequence: u64,
    /// The spool, if there is one.
    pub(super) stage: Option<Stage>,
    /// Head of the spool's first file, while it holds batches of an earlier run and the stream was not asked about them.
    pub(super) former: Option<FileHead>,
    /// Ids of messages of an earlier run that the stream has.
    pub(super) former_stored: HashMap<String, u64>,
    /// Messages that no server takes because of their size.
    pub(super) set_aside: SetAside,
    /// Largest payload that the last server takes.
    pub(super) max_payload: usize,
    /// Since when the window is full, in nanoseconds since the publisher was created.
    pub(super) full_since_ns: Option<u64>,
    /// Failures since the last acknowledgement.
    pub(super) failures: u32,
}

impl Publisher {
    /// Creates the publisher of one life.
    pub(super) fn new(
        nats: NatsSettings,
        settings: &SidecarSettings,
        stage: Option<Stage>,
        status: Arc<SinkStatus>,
        hooks: Hooks,
    ) -> Self {
        let labels = Labels::new(
            &settings.collector,
            settings.incarnation,
            &nats.stream.name,
            u32::from(arancini_schema::SCHEMA_VERSION),
        );
        Self {
            fence: Fence::new(&nats, &settings.collector, settings.incarnation),
            packer: Packer::new(settings.form, Arc::clone(&status), hooks.clone()),
            set_aside: SetAside::new(settings.set_aside.clone(), Arc::clone(&status)),
            window: Window::new(nats.window),
            labels,
            settings: nats,
            status,
            hooks,
            started: Instant::now(),
            floors: Floors::default(),
            landmarks: Landmarks::default(),
            counts_lower: None,
            stream_sequence: 0,
            created_unix_ns: None,
            former: stage.as_ref().and_then(Stage::former),
            former_stored: HashMap::new(),
            stage,
            max_payload: ASSUMED_MAX_PAYLOAD - HEADER_ALLOWANCE,
            full_since_ns: None,
            failures: 0,
        }
    }

    /// Returns the wall clock's time, in Unix nanoseconds, at which `now_ns` was this.
    pub(super) fn unix_ns_of(&self, now_ns: u64) -> u64 {
        let unix_ns = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        unix_ns.saturating_sub(self.now_ns().saturating_sub(now_ns))
    }

    /// Returns the nanoseconds since the publisher was created.
    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
