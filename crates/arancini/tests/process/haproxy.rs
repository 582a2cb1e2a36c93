//! Routers behind a real HAProxy, which checks the collector's health, dies and comes back. It sends headers, or relays plain TCP.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use arancini_bed::port::Port;
use arancini_bed::process;
use arancini_bed::programs::haproxy;
use arancini_collector::config::{Config, IdentifyBy, IdentityKind};
use arancini_generate::Scenario;
use arancini_schema::update_capnp::RouterEventKind;

use crate::support::{Rig, Router, eventually, router_address, small, table_of};
use crate::sys_name::known;

/// The number whose address HAProxy connects from.
const BALANCER: u8 = 99;
const ROUTERS: u8 = 50;

/// A running HAProxy with a port of its own.
struct HaProxy {
    program: std::path::PathBuf,
    folder: tempfile::TempDir,
    port: Port,
    process: process::Process,
}

impl HaProxy {
    /// Starts one in front of this collector. `send` is the word that makes it send headers, and is empty for plain TCP.
    fn start(program: &Path, collector: SocketAddr, send: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = Port::reserve().unwrap();
        let settings = format!(
            "defaults\n  mode tcp\n  timeout connect 60s\n  timeout client 1h\n  timeout server 1h\n\
             frontend bmp\n  bind 127.0.0.1:{}\n  default_backend collector\n\
             backend collector\n  source {}\n  server arancini {collector} {send} check inter 20ms\n",
            port.number(),
            router_address(BALANCER),
        );
        std::fs::write(folder.path().join("haproxy.cfg"), settings).unwrap();
        let process = Self::spawn(program, folder.path());
        Self {
            program: program.to_owned(),
            folder,
            port,
            process,
        }
    }

    fn spawn(program: &Path, folder: &Path) -> process::Process {
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(folder.join("haproxy.cfg"));
        process::Process::start(&mut command, &folder.join("haproxy.log")).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("haproxy.log")).unwrap_or_default()
    }

    /// Connects as this router, once HAProxy listens.
    fn connect(&self, router: u8) -> Router {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        eventually("HAProxy listens", || {
            assert!(!self.log().contains("[ALERT]"), "{}", self.log());
            std::net::TcpStream::connect(address).is_ok()
        });
        Router::connect(address, router)
    }

    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process = Self::spawn(&self.program, self.folder.path());
    }
}

fn scenario(router: u8) -> Scenario {
    Scenario {
        sys_name: format!("router-{router}"),
        prefixes_per_peer: 40,
        churn_rounds: 0,
        ..small(router.into())
    }
}

/// Each router's header names it, and HAProxy itself may not connect.
fn by_header(config: &mut Config) {
    config.routers.identify_by = IdentifyBy::Everywhere(IdentityKind::Proxy);
    config.listen.proxy_from = vec![format!("{}/32", router_address(BALANCER)).parse().unwrap()];
    config.limits.allow = vec!["127.0.1.0/26".parse().unwrap()];
    // Each router connects once at a time.
    config.limits.max_sessions_per_source = 2;
}

/// Each router names itself, and all come from the address of HAProxy.
fn by_sys_name(config: &mut Config) {
    config.routers.identify_by = IdentifyBy::Everywhere(IdentityKind::SysName);
    config.routers.identity = known((1..=ROUTERS).map(|router| (format!("router-{router}"), router)));
    config.limits.allow = vec![format!("{}/32", router_address(BALANCER)).parse().unwrap()];
    config.limits.max_sessions_per_source = 200;
}

fn routers_behind_haproxy_are_themselves(send: &str, identify: fn(&mut Config)) {
    let Some(program) = haproxy() else {
        println!("skipped: no HAProxy (on Debian: apt-get install haproxy)");
        return;
    };
    let rig = Rig::start(identify);
    let mut balancer = HaProxy::start(&program, rig.address(), send);
    let health_checks = || rig.metric("connections_ended_total{reason=\"health_check\"}");
    let mut sent = 0;
    for life in 1..=2 {
        let mut routers: Vec<Router> = (1..=ROUTERS).map(|router| balancer.connect(router)).collect();
        for (router, number) in routers.iter_mut().zip(1..) {
            sent += router.send(&scenario(number).to_bytes());
        }
        rig.received(sent);
        rig.until_metric("sessions", ROUTERS.into());
        // A check without a header is over before the connection is: HAProxy resets it instead of completing it.
        if !send.is_empty() {
            let before = health_checks();
            eventually("HAProxy checks", || health_checks() > before + 3);
        }
        if life == 1 {
            balancer.restart();
            rig.until_metric("sessions", 0);
        }
    }
    for reason in [
        "proxy_header",
        "sys_name",
        "unknown_sys_name",
        "framing",
        "handshake_timeout",
    ] {
        let ended = format!("connections_ended_total{{reason=\"{reason}\"}}");
        assert_eq!(rig.metric(&ended), 0, "{reason}");
    }
    for reason in ["too_many_from_source", "too_many_sessions"] {
        let refused = format!("connections_refused_total{{reason=\"{reason}\"}}");
        assert_eq!(rig.metric(&refused), 0, "{reason}");
    }
    let stored = rig.stop();
    // Replaying fails where something is published twice.
    let tables = stored.tables();
    assert_eq!(tables.len(), usize::from(ROUTERS));
    for router in 1..=ROUTERS {
        assert_eq!(
            tables.get(&router_address(router)),
            Some(&table_of(&scenario(router)))
        );
        let events = stored.events_of(router);
        let opened = events
            .iter()
            .filter(|kind| **kind == RouterEventKind::SessionOpened);
        assert_eq!(opened.count(), 2, "{events:?}");
    }
}

#[test]
fn routers_behind_haproxy_with_headers_of_version_1() {
    routers_behind_haproxy_are_themselves("send-proxy", by_header);
}

#[test]
fn routers_behind_haproxy_with_headers_of_version_2() {
    routers_behind_haproxy_are_themselves("send-proxy-v2", by_header);
}

/// HAProxy as it relays plain TCP: nothing but their sysNames tells the routers apart.
#[test]
fn routers_behind_haproxy_without_headers_are_told_apart_by_their_sys_names() {
    routers_behind_haproxy_are_themselves("", by_sys_name);
}
