//! Translates the configuration into the settings of the sidecar and of the sinks.

use std::path::PathBuf;
use std::time::Duration;

use arancini_client::{
    Authentication, ClientCertificate, Compression, Format, PayloadForm, Secret as ClientSecret,
    ServerSettings, TlsSettings,
};
use arancini_core::window::Limits;
use arancini_publish::{
    FileSettings, Fsync, NatsSettings, Retention, SidecarSettings, SinkSettings, SpoolSettings,
    StreamSettings,
};

use super::settings::Config;
use super::types::{CompressionKind, FormatKind, OnFull, Secret, SinkKind};

impl Config {
    /// Returns the settings of the sidecar. Its incarnation is the current time.
    #[must_use]
    pub fn sidecar_settings(&self) -> SidecarSettings {
        let sink = match self.sink() {
            SinkKind::Nats => SinkSettings::Nats(Box::new(self.nats_settings())),
            SinkKind::File => SinkSettings::File(self.file_settings()),
            SinkKind::Stdout => SinkSettings::Stdout,
            SinkKind::Null => SinkSettings::Null,
        };
        let mut settings = SidecarSettings::new(sink);
        settings.collector = self.collector_name();
        settings.on_full = match self.publish.on_full {
            OnFull::Block => arancini_publish::OnFull::Block,
            OnFull::Spool => arancini_publish::OnFull::Spool,
            OnFull::Drop => arancini_publish::OnFull::Drop,
        };
        settings.spool = SpoolSettings {
            directory: self.spool_dir(),
            max_bytes: self.publish.spool_bytes,
        };
        settings.set_aside = self.file.data_dir.join("set-aside");
        settings.form = PayloadForm {
            format: match self.publish.format {
                FormatKind::Capnp => Format::Capnp,
                FormatKind::Json => Format::Json,
            },
            compression: match self.publish.compression {
                CompressionKind::None => Compression::None,
                CompressionKind::Lz4 => Compression::Lz4,
                CompressionKind::Zstd => Compression::Zstd,
            },
        };
        settings
    }

    /// Returns the directory of the spool, used with `publish.on_full = "spool"`.
    #[must_use]
    pub fn spool_dir(&self) -> PathBuf {
        let beside = || self.file.data_dir.join("spool");
        self.publish.spool_dir.clone().unwrap_or_else(beside)
    }

    /// Returns the settings of the sink `file`.
    #[must_use]
    pub fn file_settings(&self) -> FileSettings {
        let file = &self.file;
        let mut settings = FileSettings::new(file.data_dir.join("segments"));
        settings.segment_bytes = file.segment_bytes;
        settings.segment_age = (file.segment_age_s > 0).then(|| Duration::from_secs(file.segment_age_s));
        settings.fsync = if file.fsync {
            Fsync::Every(Duration::from_millis(file.fsync_interval_ms))
        } else {
            Fsync::Never
        };
        settings.retention = Retention {
            max_bytes: (file.keep_bytes > 0).then_some(file.keep_bytes),
            max_age: (file.keep_age_s > 0).then(|| Duration::from_secs(file.keep_age_s)),
        };
        settings
    }

    /// Returns the settings of the NATS connection, for the sink `nats` and for the commands that connect to NATS.
    #[must_use]
    pub fn nats_settings(&self) -> NatsSettings {
        let nats = &self.nats;
        let mut settings = NatsSettings::new(nats.urls.clone());
        settings.server = self.server_settings();
        settings.stream = StreamSettings {
            name: nats.stream.clone(),
            base: self.publish.subject_base.clone(),
            replicas: usize::from(nats.replicas),
            max_bytes: (nats.max_bytes > 0).then_some(nats.max_bytes),
            max_age: (nats.max_age_s > 0).then(|| Duration::from_secs(nats.max_age_s)),
            least_age: if self.takes_snapshots() {
                Duration::from_millis(self.snapshots.interval_ms)
            } else {
                Duration::ZERO
            },
            duplicate_window: Duration::from_secs(nats.duplicate_window_s),
        };
        settings.create_stream = nats.create_stream;
        settings.window = Limits {
            max_bytes: self.publish.window_bytes,
            max_messages: self.publish.window_batches,
            ack_timeout_ns: self.publish.ack_timeout_ms.saturating_mul(1_000_000),
        };
        settings
    }

    /// Returns how to reach the NATS server and log in.
    fn server_settings(&self) -> ServerSettings {
        let nats = &self.nats;
        let certificate = nats.tls_cert_file.clone().zip(nats.tls_key_file.clone());
        ServerSettings {
            urls: nats.urls.clone(),
            authentication: self.authentication(),
            tls: TlsSettings {
                required: nats.require_tls,
                first: nats.tls_first,
                ca_file: nats.tls_ca_file.clone(),
                client_certificate: certificate
                    .map(|(certificate, key)| ClientCertificate { certificate, key }),
            },
            inbox_prefix: nats.inbox_prefix.clone(),
            connect_timeout: Duration::from_millis(nats.connect_timeout_ms),
        }
    }

    /// Returns the configured authentication. The validation has checked that at most one kind is configured.
    fn authentication(&self) -> Authentication {
        let nats = &self.nats;
        let secret = |value: &Option<Secret>, file: &Option<PathBuf>| {
            let value = value
                .as_ref()
                .map(|value| ClientSecret::Value(value.reveal().to_owned()));
            value.or_else(|| file.clone().map(ClientSecret::File))
        };
        if let (Some(user), Some(password)) = (&nats.user, secret(&nats.password, &nats.password_file)) {
            Authentication::UserPassword {
                user: user.clone(),
                password,
            }
        } else if let Some(token) = secret(&nats.token, &nats.token_file) {
            Authentication::Token(token)
        } else if let Some(seed) = &nats.nkey_seed_file {
            Authentication::NkeySeed(ClientSecret::File(seed.clone()))
        } else if let Some(credentials) = &nats.credentials_file {
            Authentication::Credentials(credentials.clone())
        } else {
            Authentication::Anonymous
        }
    }
}
