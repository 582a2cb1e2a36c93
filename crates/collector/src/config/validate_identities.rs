//! Validates the settings that say who a router is.

use arancini_core::Naming;

use super::check::Check;
use super::identities::{Identity, MOST_SYS_NAME_BYTES};
use super::settings::Config;
use super::types::{IdentifyBy, IdentityKind, IpPrefix};
use super::value::quote;

const BY: &str = "routers.identify_by";
const KEY: &str = "routers.identity";

/// Longest name of a router, and longest value of a label: as long as a sysName (RFC 3418).
const MOST_NAME_BYTES: usize = 255;
/// More labels of a router can only be a mistake.
const MOST_LABELS: usize = 16;
/// The labels that `arancini_router_info` has besides.
const OWN_LABELS: [&str; 3] = ["router", "sys_name", "name"];

/// Checks what says who a router is.
pub(super) fn identity(config: &Config, check: &mut Check<'_>) {
    if let IdentifyBy::ByListener(kinds) = &config.routers.identify_by
        && let Some(unknown) = kinds.keys().find(|it| !config.listen.address.contains(it))
    {
        check.fail(
            BY,
            format!("the collector does not listen on {unknown}"),
            "write addresses of listen.address, each as it is written there",
        );
    }
    load_balancers(config, check);
    sys_names(config, check);
    identities(config, check);
}

/// Checks that load balancers are named where PROXY headers are read, and only there.
fn load_balancers(config: &Config, check: &mut Check<'_>) {
    const FROM: &str = "listen.proxy_from";
    let reads_headers = config.routers.identify_by.uses(IdentityKind::Proxy);
    if reads_headers && config.listen.proxy_from.is_empty() {
        check.fail(
            BY,
            "no load balancer is known, so no PROXY header would be read",
            "write the addresses of the load balancers to listen.proxy_from",
        );
    }
    if !reads_headers && !config.listen.proxy_from.is_empty() {
        check.fail(
            FROM,
            "no listener reads PROXY headers, so all routers behind a load balancer would be one router",
            "set routers.identify_by = \"proxy\", or leave listen.proxy_from out",
        );
    }
    if let Some(all) = config.listen.proxy_from.iter().find(|it| it.length() == 0) {
        check.fail(
            FROM,
            format!("{all} is every address, so every host could name itself any router"),
            "write the addresses of the load balancers",
        );
    }
}

/// Checks that sysNames are mapped where they identify routers, and only there: a mistyped address would be one.
fn sys_names(config: &Config, check: &mut Check<'_>) {
    let by_sys_name = &config.routers.identity.by_sys_name;
    let is_used = config.routers.identify_by.uses(IdentityKind::SysName);
    if is_used && by_sys_name.is_empty() {
        check.fail(
            BY,
            "no sysName is known, so no router could open a session",
            "write the sysNames of the routers to routers.identity, each with the address that the router is to be known by",
        );
    }
    for (sys_name, Identity { address, .. }) in by_sys_name {
        let name = quote(sys_name);
        if looks_like_an_address(sys_name) {
            check.fail(
                KEY,
                format!("{name} is written like an address or a prefix, and is none"),
                "write an address or a prefix, or give the router another sysName",
            );
        } else if !is_used {
            check.fail(
                KEY,
                format!("{name} is neither an address nor a prefix, and no listener identifies routers by their sysName"),
                "write an address or a prefix, or set routers.identify_by = \"sysname\"",
            );
        } else if sys_name.is_empty() || sys_name.len() > MOST_SYS_NAME_BYTES {
            check.fail(
                KEY,
                format!("a sysName of {} bytes identifies no router", sys_name.len()),
                format!("write 1 to {MOST_SYS_NAME_BYTES} bytes"),
            );
        } else if address.is_none_or(|address| address.is_unspecified() || address.is_multicast()) {
            check.fail(
                KEY,
                format!("the sysName {name} has no address that a router can be known by"),
                format!("write {name} = \"ADDRESS\", or a table with an address"),
            );
        }
    }
}

/// Whether somebody who wrote this may have meant an address or a prefix.
fn looks_like_an_address(text: &str) -> bool {
    let is_only = |others: &str, digit: fn(&char) -> bool| {
        text.chars()
            .all(|letter| digit(&letter) || others.contains(letter))
    };
    let is_v4 = !text.is_empty() && is_only("./", char::is_ascii_digit);
    is_v4 || text.contains(':') && is_only(".:/", char::is_ascii_hexdigit)
}

/// Checks the identities: an address or a name is not one for a whole prefix, and labels are labels of Prometheus.
fn identities(config: &Config, check: &mut Check<'_>) {
    let identities = &config.routers.identity;
    for (source, identity) in &identities.by_address {
        let is_host = *source == IpPrefix::host(source.address());
        if !is_host && (identity.address.is_some() || !identity.naming.name.is_empty()) {
            check.fail(
                KEY,
                format!("{source} is a prefix, and its routers can't all have one address or name"),
                "write an entry for each router, and only labels for the prefix",
            );
        }
        naming(&source.to_string(), &identity.naming, check);
    }
    for (sys_name, identity) in &identities.by_sys_name {
        naming(&quote(sys_name), &identity.naming, check);
    }
}

/// Checks name and labels of the routers of a source.
fn naming(source: &str, naming: &Naming, check: &mut Check<'_>) {
    if naming.name.len() > MOST_NAME_BYTES {
        check.fail(
            KEY,
            format!("the name of {source} has {} bytes", naming.name.len()),
            format!("write at most {MOST_NAME_BYTES}"),
        );
    }
    if naming.labels.len() > MOST_LABELS {
        check.fail(
            KEY,
            format!("{source} has {} labels", naming.labels.len()),
            format!("write at most {MOST_LABELS}"),
        );
    }
    for (label, value) in &naming.labels {
        if !is_label(label) {
            check.fail(
                KEY,
                format!("{} can't be a label", quote(label)),
                format!(
                    "use letters, digits and _, no digit at the start, and none of {}",
                    OWN_LABELS.join(", ")
                ),
            );
        }
        if value.len() > MOST_NAME_BYTES {
            check.fail(
                KEY,
                format!("the label {label} of {source} has {} bytes", value.len()),
                format!("write at most {MOST_NAME_BYTES}"),
            );
        }
    }
}

/// Whether this can be a label in Prometheus, which keeps names with `__` for itself, and is none that the metric has already.
fn is_label(label: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    label.bytes().all(is_word)
        && label.bytes().next().is_some_and(|first| !first.is_ascii_digit())
        && !label.starts_with("__")
        && !OWN_LABELS.contains(&label)
}
