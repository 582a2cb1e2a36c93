//! Finds the file that generates a load.

use super::name::LoadName;
use super::named_load::{NamedLoad, RouterLoad};
use super::{add_path, churn, full_packed, full_single, ipv6, named_tables, reconnect, vpn};

impl NamedLoad {
    /// Generates the load.
    #[must_use]
    pub fn make(&self) -> RouterLoad {
        match self.name {
            LoadName::FullPacked => full_packed::make(self),
            LoadName::FullSingle => full_single::make(self),
            LoadName::Reconnect => reconnect::make(self),
            LoadName::Churn => churn::make(self),
            LoadName::Ipv6 => ipv6::make(self),
            LoadName::Vpn => vpn::make(self),
            LoadName::NamedTables => named_tables::make(self),
            LoadName::AddPath => add_path::make(self),
        }
    }
}
