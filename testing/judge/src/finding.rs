//! Findings: promises of the product that a stream breaks.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::message::Subject;
use crate::route::{Route, Scope};

/// How many findings of each kind are kept; all are counted.
const KEPT: u64 = 4;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Two messages of a router have the same sequence.
    SameSequence {
        /// The subject of the second.
        subject: Subject,
        /// The sequence.
        sequence: u64,
    },
    /// Sequences do not rise within a subject.
    OutOfOrder {
        /// The subject.
        subject: Subject,
        /// The sequence that comes too late.
        sequence: u64,
        /// The sequence before it.
        after: u64,
    },
    /// An event stands before something that its router said earlier, or behind something that it said later.
    BarrierBroken {
        /// The subject.
        subject: Subject,
        /// The sequence that comes too late.
        sequence: u64,
        /// The sequence before it.
        after: u64,
    },
    /// A route is withdrawn that consumers do not hold.
    WithdrawnUnheld {
        /// The route.
        route: Box<Route>,
        /// The sequence of the withdraw.
        sequence: u64,
    },
    /// A route is announced with the attributes that consumers hold.
    AnnouncedAsHeld {
        /// The route.
        route: Box<Route>,
        /// The sequence of the announce.
        sequence: u64,
    },
    /// No router has this route, or not with these attributes.
    Foreign {
        /// The route.
        route: Box<Route>,
        /// The sequence of the update.
        sequence: u64,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// No router causes messages of this kind.
    Unexpected {
        /// The subject.
        subject: Subject,
        /// The sequence of the message.
        sequence: u64,
    },
    /// A resync ends that never began.
    EndWithoutBegin {
        /// The router.
        router: IpAddr,
        /// The sequence of the end.
        sequence: u64,
        /// What the resync is of.
        scope: Scope,
    },
    /// A resync ends that says that all is withdrawn, and consumers hold routes that are gone.
    LeftToSweep {
        /// The router.
        router: IpAddr,
        /// The sequence of the end.
        sequence: u64,
        /// What the resync is of.
        scope: Scope,
        /// How many routes are gone.
        routes: usize,
    },
    /// A message stands under a subject that its content does not belong to.
    WrongSubject {
        /// The subject under which it stands.
        stands: String,
        /// The subject that it belongs to.
        belongs: Subject,
    },
    /// A message can't be read.
    Unreadable {
        /// Where it stands: a subject, or a file.
        place: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// [`Finding::SameSequence`].
    SameSequence,
    /// [`Finding::OutOfOrder`].
    OutOfOrder,
    /// [`Finding::BarrierBroken`].
    BarrierBroken,
    /// [`Finding::WithdrawnUnheld`].
    WithdrawnUnheld,
    /// [`Finding::AnnouncedAsHeld`].
    AnnouncedAsHeld,
    /// [`Finding::Foreign`].
    Foreign,
    /// [`Finding::Unexpected`].
    Unexpected,
    /// [`Finding::EndWithoutBegin`].
    EndWithoutBegin,
    /// [`Finding::LeftToSweep`].
    LeftToSweep,
    /// [`Finding::WrongSubject`].
    WrongSubject,
    /// [`Finding::Unreadable`].
    Unreadable,
}

impl FindingKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::SameSequence,
        Self::OutOfOrder,
        Self::BarrierBroken,
        Self::WithdrawnUnheld,
        Self::AnnouncedAsHeld,
        Self::Foreign,
        Self::Unexpected,
        Self::EndWithoutBegin,
        Self::LeftToSweep,
        Self::WrongSubject,
        Self::Unreadable,
    ];

    /// The kind in one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameSequence => "same-sequence",
            Self::OutOfOrder => "out-of-order",
            Self::BarrierBroken => "barrier-broken",
            Self::WithdrawnUnheld => "withdrawn-unheld",
            Self::AnnouncedAsHeld => "announced-as-held",
            Self::Foreign => "foreign",
            Self::Unexpected => "unexpected",
            Self::EndWithoutBegin => "end-without-begin",
            Self::LeftToSweep => "left-to-sweep",
            Self::WrongSubject => "wrong-subject",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Finding {
    /// The kind of the finding.
    #[must_use]
    pub const fn kind(&self) -> FindingKind {
        match self {
            Self::SameSequence { .. } => FindingKind::SameSequence,
            Self::OutOfOrder { .. } => FindingKind::OutOfOrder,
            Self::BarrierBroken { .. } => FindingKind::BarrierBroken,
            Self::WithdrawnUnheld { .. } => FindingKind::WithdrawnUnheld,
            Self::AnnouncedAsHeld { .. } => FindingKind::AnnouncedAsHeld,
            Self::Foreign { .. } => FindingKind::Foreign,
            Self::Unexpected { .. } => FindingKind::Unexpected,
            Self::EndWithoutBegin { .. } => FindingKind::EndWithoutBegin,
            Self::LeftToSweep { .. } => FindingKind::LeftToSweep,
            Self::WrongSubject { .. } => FindingKind::WrongSubject,
            Self::Unreadable { .. } => FindingKind::Unreadable,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameSequence { subject, sequence } => {
                write!(f, "{subject}: the router's sequence {sequence} occurs twice")
            }
            Self::OutOfOrder {
                subject,
                sequence,
                after,
            } => write!(f, "{subject}: sequence {sequence} stands after {after}"),
            Self::BarrierBroken {
                subject,
                sequence,
                after,
            } => write!(
                f,
                "{subject}: sequence {sequence} stands after {after}, and an event is between them"
            ),
            Self::WithdrawnUnheld { route, sequence } => {
                write!(
                    f,
                    "{route}: sequence {sequence} withdraws it, but consumers do not hold it"
                )
            }
            Self::AnnouncedAsHeld { route, sequence } => {
                write!(f, "{route}: sequence {sequence} announces it without a change")
            }
            Self::Foreign {
                route,
                sequence,
                cause,
            } => write!(f, "{route}: sequence {sequence} speaks of it, but {cause}"),
            Self::Unexpected { subject, sequence } => {
                write!(
                    f,
                    "{subject}: sequence {sequence} is a message that no router caused"
                )
            }
            Self::EndWithoutBegin {
                router,
                sequence,
                scope,
            } => write!(
                f,
                "router {router}: sequence {sequence} ends a resync that never began, of {scope:?}"
            ),
            Self::LeftToSweep {
                router,
                sequence,
                scope,
                routes,
            } => write!(
                f,
                "router {router}: sequence {sequence} ends a resync and says that all is withdrawn, but consumers hold {routes} \
                 routes that are gone, of {scope:?}"
            ),
            Self::WrongSubject { stands, belongs } => {
                write!(f, "{stands}: carries a message that belongs to {belongs}")
            }
            Self::Unreadable { place, cause } => write!(f, "{place}: {cause}"),
        }
    }
}

/// How many findings there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; FindingKind::ALL.len()]);

impl Counts {
    /// How many findings there are of this kind.
    #[must_use]
    pub fn of(&self, kind: FindingKind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// How many findings there are in all.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The findings of a judgement: all are counted, the first few of each kind are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many there are.
    pub counts: Counts,
    kept: Vec<Finding>,
}

impl Findings {
    /// Writes a finding down.
    pub fn add(&mut self, finding: Finding) {
        let Some(count) = self.counts.0.get_mut(finding.kind() as usize) else {
            return;
        };
        *count += 1;
        if *count <= KEPT {
            self.kept.push(finding);
        }
    }

    /// The findings that are kept, in the order in which they were made.
    #[must_use]
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// The findings that are kept, in words, by the names of their kinds.
    #[must_use]
    pub fn examples(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut examples: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for finding in &self.kept {
            examples
                .entry(finding.kind().name())
                .or_default()
                .push(finding.to_string());
        }
        examples
    }

    /// Takes the first finding out, if there is one.
    #[must_use]
    pub fn into_first(self) -> Option<Finding> {
        self.kept.into_iter().next()
    }
}
