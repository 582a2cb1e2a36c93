//! Path attributes.
