//! `arancini tail`: follows what a collector publishes, and prints it.

mod arguments;
mod follow;
mod filter;
mod event;
mod line;
mod screen;
mod rate_line;

pub use arguments::TailArgs;
pub(crate) use arguments::{ago, unix_ns_before_now};
pub use follow::run;
pub(crate) use line::Line;
