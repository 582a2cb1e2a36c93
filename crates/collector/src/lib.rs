//! The collector: everything around the sans-I/O core that needs a machine.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod control;
pub use arancini_generate as generate;
pub mod replay;
