//! The parameters that choose messages: of the history and of the live stream.

use arancini_wire::iana::AfiSafi;

use super::parameters::{Parameters, check_family, read_prefix};
use super::problem::Problem;
use crate::config::IpPrefix;
use crate::message_filter::{MessageFilter, PrefixCondition};

/// The conditions that `router`, `peer`, `view`, `family`, `prefix` and `match` make.
pub(super) fn read_conditions(parameters: &Parameters) -> Result<MessageFilter, Problem> {
    let selector = parameters.selector()?;
    Ok(MessageFilter {
        router: selector.router,
        peer: selector.peer,
        view: selector.view,
        family: selector.family,
        prefix: read_prefix_condition(parameters, selector.family)?,
        ..MessageFilter::default()
    })
}

fn read_prefix_condition(
    parameters: &Parameters,
    family: Option<AfiSafi>,
) -> Result<Option<PrefixCondition>, Problem> {
    let matching = parameters.get("match");
    let Some(text) = parameters.get("prefix") else {
        return match matching {
            None => Ok(None),
            Some(_) => Err(Problem::invalid(
                "match",
                "there is no prefix to agree with",
                "add prefix, or leave match out",
            )),
        };
    };
    let prefix = read_prefix(text)?;
    check_family(family, prefix)?;
    let prefix = IpPrefix::new(prefix.address(), prefix.length());
    let mut condition = PrefixCondition::default();
    match matching.unwrap_or("exact") {
        "exact" => condition.exact = prefix,
        "covering" => condition.covering = prefix,
        "covered" => condition.covered = prefix,
        other => {
            return Err(Problem::invalid(
                "match",
                format!("there is no match {other:?} for messages"),
                "write exact, covering or covered",
            ));
        }
    }
    Ok(Some(condition))
}
