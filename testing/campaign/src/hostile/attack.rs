//! The attacks of hostile clients: what each is called, which settings it needs, and how it strikes.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;

use arancini_generate::initiation;

use super::{bytes, strike, updates};

/// An attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// No attack: what the honest router notices without one.
    Nothing,
    /// A thousand connections; each sends a byte every tenth of a second.
    Trickle,
    /// Ten thousand connections that send nothing.
    Connections,
    /// Ten thousand connections that the collector is configured to accept; each opens a session.
    Sessions,
    /// HTTP, TLS, random bytes.
    Garbage,
    /// Messages that claim four gigabytes.
    HugeLengths,
    /// 500 sessions, each with a message of nearly the allowed length whose last byte never comes.
    NeverEnding,
    /// A router that connects, announces and disconnects again and again.
    Flapping,
    /// UPDATEs of 65,535 bytes with 16,000 routes, which change every time.
    LargeUpdates,
    /// UPDATEs of 65,535 bytes that are all attributes.
    AttributeBombs,
    /// UPDATEs of one half attributes and one half routes: each route is published with all attributes.
    Amplification,
    /// 20,000 peers on one session.
    Peers,
    /// A peer that goes down and up with a thousand routes.
    PeerFlapping,
    /// Connections from an address that is not on the allow-list.
    Stranger,
    /// Route Monitoring messages of the largest allowed length that can't be read: each is published raw.
    LargeMalformed,
    /// Initiations of 1.04 MB.
    LargeInitiation,
    /// UPDATEs of 65,535 bytes with a long path of two-octet AS numbers, which is twice as long in every published route.
    WideRoutes,
    /// BMP messages with four such UPDATEs.
    FourWideUpdates,
    /// A table whose VRF name has 65,000 bytes.
    LongTableName,
    /// A sysName of 65,000 bytes, and Terminations of six bytes.
    LongSystemName,
    /// Statistics Reports, each of another AS number.
    FreshStatistics,
    /// Route Monitoring messages, each of another AS number.
    FreshAsNumbers,
    /// Thousands of peers, and messages with the BGP identifier 0.
    NoIdentifier,
    /// Peers that come with two routes and go for ever, each with another address.
    DynamicNeighbours,
    /// Many short sessions while nobody reads the collector's standard error.
    UnreadLog,
    /// Thousands of connections at once, again and again, from as many addresses.
    Bursts,
    /// Connections from the honest router's address that end before they have said anything.
    EmptyConnects,
    /// Connections to the control port, without a request, with half a request, and without reading the answer.
    ControlPort,
}

/// Where an attack strikes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The port for routers.
    pub routers: SocketAddr,
    /// The control port.
    pub control: SocketAddr,
    /// The honest router's address.
    pub honest: IpAddr,
}

impl Attack {
    /// All attacks, in the order of the report.
    pub const ALL: [Self; 28] = [
        Self::Nothing,
        Self::Trickle,
        Self::Connections,
        Self::Sessions,
        Self::Garbage,
        Self::HugeLengths,
        Self::NeverEnding,
        Self::Flapping,
        Self::PeerFlapping,
        Self::LargeUpdates,
        Self::AttributeBombs,
        Self::Amplification,
        Self::Peers,
        Self::Stranger,
        Self::LargeMalformed,
        Self::LargeInitiation,
        Self::WideRoutes,
        Self::FourWideUpdates,
        Self::LongTableName,
        Self::LongSystemName,
        Self::FreshStatistics,
        Self::FreshAsNumbers,
        Self::NoIdentifier,
        Self::DynamicNeighbours,
        Self::UnreadLog,
        Self::Bursts,
        Self::EmptyConnects,
        Self::ControlPort,
    ];

    /// The name of the attack in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nobody",
            Self::Trickle => "1,000 connections, 10 bytes/s each",
            Self::Connections => "10,000 connections, silent",
            Self::Sessions => "10,000 connections, all taken",
            Self::Garbage => "HTTP, TLS, random bytes",
            Self::HugeLengths => "lengths of 4 GiB",
            Self::NeverEnding => "500 messages of 1 MB, last byte missing",
            Self::Flapping => "session that comes and goes, 1,000 routes",
            Self::PeerFlapping => "peer that goes down and up, 1,000 routes",
            Self::LargeUpdates => "UPDATEs of 65,535 bytes, 16,000 routes",
            Self::AttributeBombs => "UPDATEs of 65,535 bytes of attributes",
            Self::Amplification => "8,000 routes with 32 KB of attributes, an UPDATE",
            Self::Peers => "20,000 peers on a session",
            Self::Stranger => "not on the allow-list",
            Self::LargeMalformed => "unreadable messages of 1 MiB",
            Self::LargeInitiation => "Initiations of 1.04 MB",
            Self::WideRoutes => "8,000 routes with 32 KB of two-octet AS numbers, an UPDATE",
            Self::FourWideUpdates => "four of these UPDATEs in one message",
            Self::LongTableName => "VRF name of 65,000 bytes, 1,000 routes",
            Self::LongSystemName => "sysName of 65,000 bytes, 1,000 Terminations",
            Self::FreshStatistics => "1,000 Statistics Reports, each of another AS",
            Self::FreshAsNumbers => "1,000 UPDATEs, each with another AS in its header",
            Self::NoIdentifier => "5,000 peers, headers with BGP identifier 0",
            Self::DynamicNeighbours => "100 new peers up and down, with two routes each",
            Self::UnreadLog => "short sessions, standard error unread",
            Self::Bursts => "bursts of 8,000 connections",
            Self::EmptyConnects => "empty connections from the honest router's address",
            Self::ControlPort => "control port: silent, half and unread requests",
        }
    }

    /// Settings of the collector that the attack needs.
    #[must_use]
    pub const fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sessions | Self::Bursts => &[
                ("limits.max_sessions", "20000"),
                ("limits.max_sessions_per_source", "100"),
            ],
            Self::Stranger => &[("limits.allow", "127.0.1.0/24")],
            _ => &[],
        }
    }

    /// Whether nobody reads the collector's standard error during the attack.
    #[must_use]
    pub const fn leaves_log_unread(self) -> bool {
        matches!(self, Self::UnreadLog)
    }

    /// Attacks until it is told to stop. Returns the number of connections, messages or sessions.
    #[must_use]
    pub fn run(self, target: &Target, stop: &AtomicBool) -> u64 {
        let to = target.routers;
        let hello = bytes::introduction();
        match self {
            Self::Nothing => 0,
            Self::Trickle => strike::trickle(to, stop),
            Self::Connections => strike::many(to, stop, &[]),
            Self::Sessions => strike::many(to, stop, &initiation("one of many", "hostile")),
            Self::Garbage => strike::one_after_another(to, stop, bytes::garbage),
            Self::HugeLengths => strike::one_after_another(to, stop, |_| bytes::huge_length()),
            Self::NeverEnding => strike::never_ending(to, stop),
            Self::Flapping | Self::Stranger => {
                strike::one_after_another(to, stop, |random| bytes::short_life(random.below(1000)))
            }
            Self::PeerFlapping => strike::repeat(to, stop, &hello, bytes::peer_flap),
            Self::LargeUpdates => strike::repeat(to, stop, &hello, updates::large),
            Self::AttributeBombs => strike::repeat(to, stop, &hello, updates::attribute_bomb),
            Self::Amplification => strike::repeat(to, stop, &hello, updates::amplification),
            Self::Peers => strike::repeat(to, stop, &hello, bytes::hundred_peers),
            Self::LargeMalformed => strike::repeat(to, stop, &hello, |_| bytes::large_malformed()),
            Self::LargeInitiation => strike::repeat(to, stop, &hello, bytes::large_initiation),
            Self::WideRoutes => strike::repeat(to, stop, &hello, updates::wide),
            Self::FourWideUpdates => strike::repeat(to, stop, &hello, updates::four_wide),
            Self::LongTableName => strike::repeat(to, stop, &bytes::long_table_name(), bytes::named_routes),
            Self::LongSystemName => {
                strike::repeat(to, stop, &bytes::long_system_name(), |_| bytes::terminations())
            }
            Self::FreshStatistics => strike::repeat(to, stop, &hello, bytes::fresh_statistics),
            Self::FreshAsNumbers => strike::repeat(to, stop, &hello, bytes::fresh_as_numbers),
            Self::NoIdentifier => strike::repeat(to, stop, &bytes::many_peers(), bytes::no_identifier),
            Self::DynamicNeighbours => strike::repeat(to, stop, &hello, bytes::dynamic_neighbours),
            Self::UnreadLog => strike::visits(to, stop),
            Self::Bursts => strike::bursts(to, stop),
            Self::EmptyConnects => strike::empty_connects(target.honest, to, stop),
            Self::ControlPort => strike::control_port(target.control, stop),
        }
    }
}
