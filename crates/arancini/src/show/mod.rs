//! `arancini show`: asks a running collector what it holds, and prints the answer.

mod arguments;
mod pages;
mod table;
mod print;
mod print_routes;
mod run;

pub use arguments::ShowArgs;
pub use run::run;
