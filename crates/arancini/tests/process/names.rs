//! Names and labels of routers in the settings: where they are shown.

use arancini_bed::router::Router;
use arancini_collector::config::{Identities, Identity, IpPrefix};
use arancini_core::Naming;
use arancini_generate::initiation;
use serde_json::Value;

use crate::command::arancini;
use crate::support::{Rig, get, router_address};

fn identity(name: &str, labels: &[(&str, &str)]) -> Identity {
    let labels = labels
        .iter()
        .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
    Identity {
        address: None,
        naming: Naming {
            name: name.to_owned(),
            labels: labels.collect(),
        },
    }
}

#[test]
fn the_names_of_routers_are_in_the_api_in_metrics_in_events_and_in_show() {
    let rig = Rig::start(|config| {
        config.metrics.per_router = true;
        let identities = [
            (
                IpPrefix::host(router_address(1)),
                identity("edge-1", &[("role", "edge")]),
            ),
            (
                "127.0.1.0/24".parse().unwrap(),
                identity("", &[("site", "fra \"1\"")]),
            ),
        ];
        config.routers.identity = Identities {
            by_address: identities.into(),
            ..Identities::default()
        };
    });
    let hello = initiation("r1.example", "test");
    let mut routers: Vec<Router> = (1..=2).map(|router| rig.connect(router)).collect();
    for router in &mut routers {
        router.send(&hello);
    }
    rig.received(2 * hello.len());

    let (status, body) = get(rig.control(), "/api/v1/routers");
    assert_eq!(status, 200);
    let list: Value = serde_json::from_str(&body).unwrap();
    let of = |at: usize| &list["routers"][at];
    assert_eq!(of(0)["name"], "edge-1");
    assert_eq!(
        of(0)["labels"],
        serde_json::json!({"role": "edge", "site": "fra \"1\""})
    );
    assert_eq!(of(0)["sysName"], "r1.example");
    assert_eq!(
        (&of(1)["name"], &of(1)["labels"]["site"]),
        (&Value::Null, &"fra \"1\"".into())
    );

    let (_, metrics) = get(rig.control(), "/metrics");
    for sample in [
        r#"arancini_router_info{router="127.0.1.1",sys_name="r1.example",name="edge-1",role="edge",site="fra \"1\""} 1"#,
        r#"arancini_router_info{router="127.0.1.2",sys_name="r1.example",site="fra \"1\""} 1"#,
    ] {
        assert!(
            metrics.lines().any(|line| line == sample),
            "{sample} in {metrics}"
        );
    }

    let control = rig.control().to_string();
    let shown = arancini()
        .args(["show", "routers", "--control", &control])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let line = |router: &str| shown.lines().find(|line| line.contains(router)).unwrap();
    assert!(line("127.0.1.1").contains("edge-1"), "{shown}");
    assert!(line("127.0.1.2").contains("r1.example"), "{shown}");

    let directory = rig.stop_publishing();
    let tail = arancini()
        .args([
            "tail",
            "--all",
            "--json",
            "--from-start",
            "--no-follow",
            "--data-dir",
        ])
        .arg(directory.path())
        .output()
        .unwrap();
    let printed = String::from_utf8(tail.stdout).unwrap();
    let named = |line: &&str| line.contains(r#""routerName":"edge-1""#) && line.contains("127.0.1.1");
    assert_eq!(
        printed.lines().filter(named).count(),
        2,
        "{printed}{:?}",
        tail.stderr
    );
}
