//! Faults in the attributes of an UPDATE, and what they mean for its routes (RFC 7606).

/// What happens to the routes of an UPDATE with a fault, mildest first (RFC 7606 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Handling {
    /// The attribute counts as absent. The routes are valid.
    AttributeDiscard,
    /// The routes that the UPDATE announces count as withdrawn.
    TreatAsWithdraw,
    /// The message is skipped, because its routes cannot be located. A BGP speaker would reset the session or disable the family.
    SkipMessage,
}

/// What is wrong with an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The length is impossible for this attribute.
    BadLength,
    /// The value is impossible for this attribute.
    BadValue,
    /// The optional or transitive flag does not match the attribute's type (RFC 7606 §3 c).
    BadFlags,
    /// The attribute came a second time (RFC 7606 §3 g).
    Duplicate,
    /// The attribute is mandatory but absent (RFC 7606 §3 d).
    Missing,
    /// The attribute must not be sent in such a session (RFC 6793 §4.1).
    Unexpected,
    /// The attribute runs past the end of the Path Attributes field (RFC 7606 §4).
    Overrun,
}

/// A fault in one attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Type code of the attribute; 0 if the field ends before the type code.
    pub type_code: u8,
    /// What is wrong.
    pub kind: FaultKind,
    /// What happens to the routes.
    pub handling: Handling,
    /// Offset of the attribute in the Path Attributes field; length of the field if the attribute is missing.
    pub offset: u32,
}

/// The faults of one UPDATE.
///
/// Keeps [`Faults::CAPACITY`] faults. Further faults are counted, and count for [`Faults::worst`].
#[derive(Clone, Copy)]
pub struct Faults {
    kept: [Fault; Self::CAPACITY],
    length: u8,
    overflow: u16,
    worst: Option<Handling>,
}

impl Faults {
    /// Most faults that are kept.
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

    /// The strongest handling of all faults (RFC 7606 §3 h); `None` without a fault.
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

    /// The kept faults, in the order of the attributes.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        self.kept.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Number of faults that were not kept.
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
