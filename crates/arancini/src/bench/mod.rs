//! `arancini bench`: measures a collector under generated load.

mod command;
mod arguments;
mod named_load;
mod dispatch;
mod throughput;
mod scenarios;
mod cases;
mod start;
mod output;

pub use command::BenchArgs;
pub use dispatch::run;
