//! Named loads: the generated loads that resemble the traffic of real routers.

use std::fmt;

use arancini_generate::{LoadName, NamedLoad, RouterLoad};
use serde_json::{Value, json};

use crate::described::Described;

/// The settings of a named load, of all routers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The load.
    pub name: LoadName,
    /// About how many elements are measured, of all routers together.
    pub elements: u64,
    /// The number of prefixes in each UPDATE, instead of the sizes that belong to the load.
    pub prefixes_per_update: Option<u32>,
}

impl Named {
    /// With this many elements, growing tables and reading the metrics no longer matter.
    pub const DEFAULT_ELEMENTS: u64 = 5_000_000;

    /// Generates what one of some routers sends.
    pub(crate) fn of_router(&self, router: u16, routers: u16, seed: u64) -> RouterLoad {
        let load = NamedLoad {
            name: self.name,
            sys_name: format!("bench-{router}"),
            elements: self.elements / u64::from(routers.max(1)),
            prefixes_per_update: self.prefixes_per_update,
            seed: seed.wrapping_add(u64::from(router)),
        };
        load.make()
    }
}

impl Described for Named {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name.name(),
            "prefixes_per_update": self.prefixes_per_update,
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.name())?;
        match self.prefixes_per_update {
            Some(size) => write!(f, ", prefixes per UPDATE {size}"),
            None => Ok(()),
        }
    }
}
