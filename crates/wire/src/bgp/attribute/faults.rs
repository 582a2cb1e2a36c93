//! What was wrong with the attributes of an UPDATE, and what that means for its routes (RFC 7606).

/// What has to happen to the routes of an UPDATE with a fault, mildest first (RFC 7606 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Handling {
    /// The attribute counts as absent, the routes are fine.
    AttributeDiscard,
    /// The routes that the UPDATE announces count as withdrawn.
    TreatAsWithdraw,
    /// The routes can't be located: the message is skipped. A BGP speaker would reset the session or disable the family.
    SkipMessage,
}

/// What was wrong with an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Its length is impossible for it.
    BadLength,
    /// Its value is impossible.
    BadValue,
    /// Its optional or transitive flag is not that of its type (RFC 7606 §3 c).
    BadFlags,
    /// It came a second time (RFC 7606 §3 g).
    Duplicate,
    /// It is mandatory but absent (RFC 7606 §3 d).
    Missing,
    /// It may not be sent on such a session (RFC 6793 §4.1).
    Unexpected,
    /// It runs past the end of the Path Attributes field (RFC 7606 §4).
    Overrun,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The attribute; 0 where the field ends before the type code.
    pub type_code: u8,
    /// What was wrong.
    pub kind: FaultKind,
    /// What it means for the routes.
    pub handling: Handling,
    /// Where the attribute starts in the Path Attributes field; its length where the attribute is missing.
    pub offset: u32,
}

/// The faults of one UPDATE. Room for [`Faults::CAPACITY`]; what is beyond is counted, and its handling is kept.
#[derive(Clone, Copy)]
pub struct Faults {
    kept: [Fault; Self::CAPACITY],
    length: u8,
    overflow: u16,
    worst: Option<Handling>,
}

impl Faults {
    /// How many faults are kept one by one.
    pub const CAPACITY: usize = 8;

    /// No fault.
    pub(super) const NONE: Self = Self {
        kept: [Fault {
            type_code: 0,
            kind: FaultKind::BadLength,
            handling: Handling::AttributeDiscard,
            offset: 0,
        }; Self::CAPACITY],
        length: 0,
        overflow: 0,
        worst: None,
    };

    /// The strongest handling that any fault asks for (RFC 7606 §3 h); `None` without a fault.
    #[inline]
    #[must_use]
    pub const fn worst(&self) -> Option<Handling> {
        self.worst
    }

    /// Whether there is no fault.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.worst.is_none()
    }

    /// The faults that are kept, in the order of the attributes.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        self.kept.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// How many faults did not fit.
    #[must_use]
    pub const fn overflow(&self) -> usize {
        self.overflow as usize
    }

    #[cold]
    pub(super) fn push(&mut self, fault: Fault) {
        self.worst = self.worst.max(Some(fault.handling));
        match self.kept.get_mut(usize::from(self.length)) {
            Some(place) => {
                *place = fault;
                self.length += 1;
            }
            None => self.overflow = self.overflow.saturating_add(1),
        }
    }
}

impl core::fmt::Debug for Faults {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}
