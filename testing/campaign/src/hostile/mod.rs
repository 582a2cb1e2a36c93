//! The campaign of hostile clients: what each attack costs the collector, and what an honest router beside it notices.

mod bytes;
mod updates;
mod strike;
mod attack;
mod honest;
mod spread;
mod witness;
mod outcome;
mod bounds;
mod campaign;

pub use attack::{Attack, Target};
pub use bounds::Bounds;
pub use campaign::Campaign;
pub use honest::Noticed;
pub use outcome::{HEAD, Outcome};
pub use witness::Witnessed;
