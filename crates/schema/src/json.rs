//! Messages as JSON Lines.
