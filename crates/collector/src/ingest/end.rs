//! Why a connection ended.

use std::borrow::Cow;

/// Why a connection ended, as the metric `connections_ended` counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum EndReason {
    /// The router closed the connection.
    Closed,
    /// The connection was reset, or the network failed.
    Failed,
    /// The router sent something that is not BMP version 3, or a message with a length out of bounds.
    Framing,
    /// The router sent a Termination message (RFC 7854 §4.5).
    Terminated,
    /// The same router opened a newer session.
    Replaced,
    /// No whole BMP message of a known type came within `limits.handshake_timeout_ms`.
    Handshake,
    /// A load balancer on `listen.proxy_from` sent no PROXY protocol header that names a router.
    ProxyHeader,
    /// A load balancer looked whether the collector is there.
    HealthCheck,
    /// On a listener that identifies routers by their sysName, no Initiation came whose sysName can identify one.
    SysName,
    /// The sysName of the router is not in `routers.identity`.
    UnknownSysName,
    /// An Initiation has another sysName than the one that identified the router of the session.
    OtherSysName,
    /// The router has a session already, and `routers.same_identity` refuses another one.
    IdentityTaken,
    /// Nothing came for longer than `limits.idle_timeout_ms`.
    Idle,
    /// The unfinished messages of a worker occupied too much memory, and this connection held the most of it.
    Unfinished,
    /// The published stream was lost, so the router has to dump its tables again.
    Resync,
    /// The collector stops.
    Stopping,
}

impl EndReason {
    /// All reasons.
    pub const ALL: [Self; 16] = [
        Self::Closed,
        Self::Failed,
        Self::Framing,
        Self::Terminated,
        Self::Replaced,
        Self::Handshake,
        Self::ProxyHeader,
        Self::HealthCheck,
        Self::SysName,
        Self::UnknownSysName,
        Self::OtherSysName,
        Self::IdentityTaken,
        Self::Idle,
        Self::Unfinished,
        Self::Resync,
        Self::Stopping,
    ];

    /// The value of the label `reason` in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Framing => "framing",
            Self::Terminated => "terminated",
            Self::Replaced => "replaced",
            Self::Handshake => "handshake_timeout",
            Self::ProxyHeader => "proxy_header",
            Self::HealthCheck => "health_check",
            Self::SysName => "sys_name",
            Self::UnknownSysName => "unknown_sys_name",
            Self::OtherSysName => "other_sys_name",
            Self::IdentityTaken => "identity_taken",
            Self::Idle => "idle_timeout",
            Self::Unfinished => "unfinished_message",
            Self::Resync => "resync",
            Self::Stopping => "stopping",
        }
    }

    /// The reason as consumers and the log read it.
    const fn in_words(self) -> &'static str {
        match self {
            Self::Closed => "closed by the router",
            Self::Failed => "connection failed",
            Self::Framing => "not BMP",
            Self::Terminated => "the router sent a Termination message",
            Self::Replaced => "replaced by a newer session of the same router",
            Self::Handshake => "no whole BMP message of a known type within limits.handshake_timeout_ms",
            Self::ProxyHeader => "no PROXY protocol header that names a router",
            Self::HealthCheck => "health check of a load balancer",
            Self::SysName => "no Initiation with a sysName that can identify a router",
            Self::UnknownSysName => "the sysName of the router is not in routers.identity",
            Self::OtherSysName => "an Initiation has another sysName than the one that identified the router",
            Self::IdentityTaken => {
                "the router has a session already, and routers.same_identity refuses another one"
            }
            Self::Idle => "silent for longer than limits.idle_timeout_ms",
            Self::Unfinished => {
                "unfinished messages occupied too much memory, and this connection held the most of it"
            }
            Self::Resync => {
                "the router must dump again, because the sink lacks some of the router's messages"
            }
            Self::Stopping => "the collector stops",
        }
    }
}

/// The end of a connection: its reason for the counter, and in words for the log and for consumers.
#[derive(Debug)]
pub struct End {
    /// The reason as it is counted.
    pub reason: EndReason,
    /// The reason in words.
    pub words: Cow<'static, str>,
}

impl End {
    /// An end with the details of an error in its words.
    pub fn with_details(reason: EndReason, details: &dyn std::fmt::Display) -> Self {
        Self {
            reason,
            words: Cow::Owned(details.to_string()),
        }
    }
}

impl From<EndReason> for End {
    fn from(reason: EndReason) -> Self {
        Self {
            reason,
            words: Cow::Borrowed(reason.in_words()),
        }
    }
}
