//! Configuration in four layers: defaults, a TOML file, the environment (`ARANCINI_SECTION__KEY`), flags. A later layer
//! overrides an earlier one.
//!
//! [`table`] lists all settings. A configuration error names the setting, where its value was given, and the remedy.

mod settings;
mod types;
mod value;
mod identities;
mod bounds;
mod listen_default;
mod load;
mod validate;
mod validate_identities;
mod validate_nats;
mod nearest;
mod check;
mod error;
mod derived;
mod sink;
mod render;

pub use error::{ConfigError, ConfigErrors, Place};
pub use identities::{Identities, Identity, MOST_SYS_NAME_BYTES};
pub use listen_default::is_ipv4_fallback;
pub use load::{FlagValue, load, load_to_ask, service_file};
pub use render::{markdown, show, template};
pub use settings::{
    Config, Control, Curation, DetailedMetrics, File, Ingest, Limits, Listen, Log, Nats, Publish, Rib,
    Routers, SectionInfo, SettingInfo, Snapshots, table,
};
pub use types::{
    AttributesKind, BackendKind, ClientsMay, CompressionKind, CurationKind, DriverKind, FormatKind,
    IdentifyBy, IdentityKind, IpPrefix, LogFormat, OnFull, SameIdentity, Secret, SinkKind, StoreKind,
    mask_url,
};
