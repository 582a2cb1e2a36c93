//! Restores the tables when the collector starts: loads the newest whole generation of snapshots, and applies what was
//! published since.

mod run;
mod load;
mod awaited;
mod position;
mod catch_up;
mod cancel;
mod spool;
mod restored;

pub use load::{LoadError, Loaded, load};
pub use restored::Restored;
pub use run::restore;
pub use spool::{Spooled, open_spool};
