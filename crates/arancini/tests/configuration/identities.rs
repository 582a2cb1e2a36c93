//! The settings that say who a router is: `routers.identify_by`, `routers.identity`, `routers.same_identity` and
//! `listen.proxy_from`.

use std::net::IpAddr;

use arancini_collector::config::{IdentityKind, SameIdentity, load, show};

use super::{errors_of, file, variable};

/// Without the other one, each of these settings would do nothing, or make one router of all.
#[test]
fn proxy_headers_are_read_from_known_load_balancers_only() {
    for (text, line, problem) in [
        (
            "[routers]\nidentify_by = \"proxy\"\n",
            "arancini.toml:2: routers.identify_by: ",
            "no load balancer is known",
        ),
        (
            "[listen]\nproxy_from = \"192.0.2.1\"\n",
            "arancini.toml:2: listen.proxy_from: ",
            "no listener reads PROXY headers",
        ),
        (
            "[routers]\nidentify_by = \"proxy\"\n[listen]\nproxy_from = [\"192.0.2.1\", \"::/0\"]\n",
            "arancini.toml:4: listen.proxy_from: ",
            "::/0 is every address",
        ),
        (
            "[listen]\nproxy_from = \"192.0.2.1\"\n[routers.identify_by]\n\"[::]:4001\" = \"proxy\"\n",
            "routers.identify_by: ",
            "the collector does not listen on [::]:4001",
        ),
        (
            "[routers]\nidentify_by = \"hostname\"\n",
            "arancini.toml:2: routers.identify_by: ",
            "expected one of \"address\", \"proxy\", \"sysname\", or a table of addresses",
        ),
    ] {
        let errors = errors_of(text);
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(
            errors[0].contains(line) && errors[0].contains(problem),
            "{errors:#?}"
        );
    }
}

#[test]
fn each_listener_has_its_own_way_to_identify_routers() {
    let [plain, proxied] = ["[::]:4000", "192.0.2.9:4001"].map(|it| it.parse().unwrap());
    let from_file = file(
        "[listen]\naddress = [\"[::]:4000\", \"192.0.2.9:4001\"]\nproxy_from = \"198.51.100.0/30\"\n\
         [routers.identify_by]\n\"192.0.2.9:4001\" = \"proxy\"\n",
    );
    let environment = [
        variable("ARANCINI_LISTEN__ADDRESS", "[::]:4000,192.0.2.9:4001"),
        variable("ARANCINI_LISTEN__PROXY_FROM", "198.51.100.0/30"),
        variable("ARANCINI_ROUTERS__IDENTIFY_BY", "192.0.2.9:4001=proxy"),
    ];
    for config in [
        load(Some(&from_file.path), [], &[]).unwrap(),
        load(None, environment, &[]).unwrap(),
    ] {
        let identify_by = &config.routers.identify_by;
        assert_eq!(identify_by.at(plain), IdentityKind::Address);
        assert_eq!(identify_by.at(proxied), IdentityKind::Proxy);
        assert_eq!(
            config.shown("routers", "identify_by").unwrap(),
            "{ \"192.0.2.9:4001\" = \"proxy\" }"
        );
        let shown = file(&show(&config));
        assert_eq!(load(Some(&shown.path), [], &[]).unwrap(), config);
    }
}

#[test]
fn identities_have_names_and_labels_and_are_shown_as_they_are_read() {
    let given = file(
        "[routers.identity]\n\"10.0.0.1\" = \"192.0.2.1\"\n\"192.0.2.7\" = { name = \"edge-7\" }\n\
         \"10.0.0.2\" = { address = \"192.0.2.2\", name = \"edge-2\", labels = { role = \"edge\" } }\n\
         \"192.0.2.0/24\" = { labels = { site = \"fra\" } }\n",
    );
    let config = load(Some(&given.path), [], &[]).unwrap();
    let identity = &config.routers.identity;
    let router = |last| IpAddr::from([192, 0, 2, last]);
    assert_eq!(identity.router_of([10, 0, 0, 2].into()), router(2));
    assert_eq!(
        identity.router_of([10, 0, 0, 3].into()),
        IpAddr::from([10, 0, 0, 3])
    );
    let names = identity.names();
    for (last, name, labels) in [(1, "", 1), (2, "edge-2", 2), (7, "edge-7", 1)] {
        let naming = names.of(router(last));
        assert_eq!((naming.name.as_str(), naming.labels.len()), (name, labels));
    }
    assert_eq!(
        config.shown("routers", "identity").unwrap(),
        "{ \"10.0.0.1\" = \"192.0.2.1\", \"10.0.0.2\" = { address = \"192.0.2.2\", name = \"edge-2\", \
         labels = { \"role\" = \"edge\" } }, \"192.0.2.0/24\" = { labels = { \"site\" = \"fra\" } }, \
         \"192.0.2.7\" = { name = \"edge-7\" } }"
    );
    let shown = file(&show(&config));
    assert_eq!(load(Some(&shown.path), [], &[]).unwrap(), config);
}

#[test]
fn identities_that_no_router_can_have_are_refused() {
    let long = "n".repeat(256);
    for (entry, problem) in [
        // The second entry once replaced the first one.
        (
            "\"10.0.0.1\" = \"192.0.2.1\"\n\"10.0.0.1/32\" = { name = \"edge\" }".to_owned(),
            "each source once",
        ),
        (
            "\"192.0.2.0/24\" = \"192.0.2.1\"".to_owned(),
            "192.0.2.0/24 is a prefix",
        ),
        (
            "\"192.0.2.0/24\" = { name = \"edge\" }".to_owned(),
            "192.0.2.0/24 is a prefix",
        ),
        (
            format!("\"192.0.2.1\" = {{ name = \"{long}\" }}"),
            "has 256 bytes",
        ),
        (
            "\"192.0.2.1\" = { labels = { sys_name = \"x\" } }".to_owned(),
            "\"sys_name\" can't be a label",
        ),
        (
            "\"192.0.2.1\" = { labels = { \"a-b\" = \"x\" } }".to_owned(),
            "\"a-b\" can't be a label",
        ),
        (
            "\"192.0.2.1\" = { nam = \"edge\" }".to_owned(),
            "expected a table of IP addresses",
        ),
        // A mistyped address is no sysName.
        (
            "edge = \"192.0.2.1\"".to_owned(),
            "\"edge\" is neither an address nor a prefix, and no listener",
        ),
        (
            "\"192.0.2.300\" = \"192.0.2.1\"".to_owned(),
            "\"192.0.2.300\" is written like an address",
        ),
    ] {
        let errors = errors_of(&format!("[routers.identity]\n{entry}\n"));
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(errors[0].contains(problem), "{errors:#?}");
    }
}

#[test]
fn a_sys_name_leads_to_an_address() {
    let given = file(
        "[routers]\nidentify_by = \"sysname\"\nsame_identity = \"refuse\"\n[routers.identity]\n\
         \"edge-7.example\" = \"192.0.2.7\"\n\
         \"Not defined\" = { address = \"192.0.2.8\", name = \"bird\", labels = { role = \"edge\" } }\n\
         \"10.0.0.1\" = \"192.0.2.9\"\n",
    );
    let environment = [
        variable("ARANCINI_ROUTERS__IDENTIFY_BY", "sysname"),
        variable(
            "ARANCINI_ROUTERS__IDENTITY",
            "edge-7.example=192.0.2.7, 10.0.0.1=192.0.2.9",
        ),
        variable("ARANCINI_ROUTERS__SAME_IDENTITY", "refuse"),
    ];
    let router = |last| IpAddr::from([192, 0, 2, last]);
    let config = load(Some(&given.path), [], &[]).unwrap();
    let from_environment = load(None, environment, &[]).unwrap();
    for config in [&config, &from_environment] {
        let identity = &config.routers.identity;
        assert_eq!(identity.router_named("edge-7.example"), Some(router(7)));
        assert_eq!(identity.router_named("Edge-7.example"), None);
        assert_eq!(identity.router_of([10, 0, 0, 1].into()), router(9));
        assert_eq!(config.routers.same_identity, SameIdentity::Refuse);
        let shown = file(&show(config));
        assert_eq!(load(Some(&shown.path), [], &[]).unwrap(), *config);
    }
    let identity = &config.routers.identity;
    assert_eq!(identity.router_named("Not defined"), Some(router(8)));
    let names = identity.names();
    assert_eq!(names.of(router(8)).name, "bird");
    assert_eq!(names.of(router(7)).name, "");
}

#[test]
fn sys_names_that_identify_no_router_are_refused() {
    let long = "n".repeat(256);
    for (entry, problem) in [
        (String::new(), "no sysName is known"),
        ("\"\" = \"192.0.2.1\"".to_owned(), "a sysName of 0 bytes"),
        (format!("{long} = \"192.0.2.1\""), "a sysName of 256 bytes"),
        ("edge = { name = \"edge\" }".to_owned(), "\"edge\" has no address"),
        ("edge = \"0.0.0.0\"".to_owned(), "\"edge\" has no address"),
        (
            "\"2001:db8::1::2\" = \"192.0.2.1\"".to_owned(),
            "\"2001:db8::1::2\" is written like an address",
        ),
        (
            "\"192.0.2.0/33\" = \"192.0.2.1\"".to_owned(),
            "\"192.0.2.0/33\" is written like an address",
        ),
        (
            "edge = { address = \"192.0.2.1\", labels = { \"a-b\" = \"x\" } }".to_owned(),
            "\"a-b\" can't be a label",
        ),
    ] {
        let errors = errors_of(&format!(
            "[routers]\nidentify_by = \"sysname\"\n[routers.identity]\n{entry}\n"
        ));
        assert_eq!(errors.len(), 1, "{entry}: {errors:#?}");
        assert!(errors[0].contains(problem), "{errors:#?}");
    }
}
