//! `arancini tail`: follows what a collector publishes, and prints it.

mod arguments;
mod follow;
mod filter;
mod event;
mod line;
mod screen;
mod rate_line;

pub use arguments::TailArgs;
pub use follow::run;
pub(crate) use line::Line;
