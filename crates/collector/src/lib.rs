//! The collector: everything around the sans-I/O core that needs a machine.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod control;
pub mod generate;
