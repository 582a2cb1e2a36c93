//! The arguments that select named loads.

use arancini_bench::{LoadSettings, Named};
use arancini_generate::LoadName;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::arguments::{LoadArgs, each};

/// Named loads.
#[derive(Debug, Args)]
pub struct NamedLoadArgs {
    /// Send a load that resembles the traffic of real routers, instead of the generated tables with churn.
    ///
    /// A list measures one case per value. --routers divides the elements among routers, and --prefixes-per-update gives all
    /// UPDATEs this size instead of the sizes that belong to the load.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = load_parser(), conflicts_with_all = [
        "peers", "prefixes", "ipv6_percent", "vpn", "prefixes_from", "churn_rounds", "unequal", "held", "framed_only",
    ])]
    pub load: Vec<LoadName>,
    /// About how many elements of a named load are measured. An element is one announced or withdrawn prefix.
    #[arg(long, value_name = "N", requires = "load", default_value_t = Named::DEFAULT_ELEMENTS,
        value_parser = clap::value_parser!(u64).range(1_000..=20_000_000))]
    pub elements: u64,
}

/// Returns the parser of the names of loads. Its help describes each load.
fn load_parser() -> impl TypedValueParser<Value = LoadName> {
    let value = |load: LoadName| PossibleValue::new(load.name()).help(load.about());
    PossibleValuesParser::new(LoadName::ALL.map(value)).try_map(|word| {
        let found = LoadName::ALL.into_iter().find(|load| load.name() == word);
        found.ok_or_else(|| format!("there is no load {word}"))
    })
}

impl NamedLoadArgs {
    /// Returns whether no named load is selected.
    pub const fn is_empty(&self) -> bool {
        self.load.is_empty()
    }

    /// Returns the settings of each named load, combined with the numbers of routers and of prefixes per UPDATE.
    pub fn loads(&self, other: &LoadArgs) -> Vec<LoadSettings> {
        let of = |&name: &LoadName| LoadSettings {
            named: Some(Named {
                name,
                elements: self.elements,
                prefixes_per_update: None,
            }),
            seed: other.seed,
            ..LoadSettings::default()
        };
        let all = self.load.iter().map(of).collect();
        let all = each(all, &other.routers, |load, routers| load.routers = routers);
        each(all, &other.prefixes_per_update, |load, size| {
            if let Some(named) = &mut load.named {
                named.prefixes_per_update = Some(size);
            }
        })
    }
}
