//! The story of the demo: a real router dumps its tables and reconnects, then a small router shows each rule on one prefix.

use std::fmt;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use arancini_core::BatchKind;
use arancini_wire::bmp::MessageType;

use super::ledger::Ledger;
use super::summary::{StoryError, Summary};
use crate::output::print_words;
use crate::tail::Line;
use arancini_collector::Collector;
use arancini_collector::config::{Config, SinkKind};
use arancini_collector::replay::{Recording, connect};
use arancini_generate::{
    Attributes, Open, Peer, PeerDown, Prefix, Update, initiation, peer_down, peer_up, route_monitoring,
};

/// Part of a recording from FRR 10.3 with GoBGP peers (see `testdata/README.md`).
const RECORDING: &[u8] = include_bytes!("../../../../testdata/frr-10.3-prepost-locrib-vpn-c0.bmp.zst");
/// Source address of the recorded router. Every address in 127.0.0.0/8 belongs to this host.
const REAL_ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Source address of the small router.
const SMALL_ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// Number of prefixes of the small router besides the watched prefix.
const OTHER_PREFIXES: u8 = 200;
/// How long a step may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the demo prints its story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Narration {
    /// The demo prints each step.
    Printed,
    /// The demo prints nothing.
    Silent,
}

/// Runs the demo and returns its summary.
pub(super) fn tell(narration: Narration) -> Result<Summary, StoryError> {
    let directory = std::env::temp_dir().join(format!("arancini-demo-{}", std::process::id()));
    let told = Story::begin(narration, &directory).and_then(Story::tell);
    // An error does not matter: the directory is temporary.
    let _ = std::fs::remove_dir_all(&directory);
    told
}

/// The running demo.
struct Story {
    narration: Narration,
    begin: Instant,
    collector: Collector,
    address: SocketAddr,
    ledger: Ledger,
    bytes_sent: u64,
}

impl Story {
    fn begin(narration: Narration, directory: &std::path::Path) -> Result<Self, StoryError> {
        let mut config = Config::default();
        config.listen.address = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        config.control.address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.publish.sink = Some(SinkKind::File);
        config.file.data_dir = directory.to_owned();
        let ledger = Ledger::new(&config.file_settings().directory);
        let collector = Collector::start(&config)?;
        let address = collector.addresses()[0];
        let story = Self {
            narration,
            begin: Instant::now(),
            collector,
            address,
            ledger,
            bytes_sent: 0,
        };
        story.say(format_args!(
            "A collector listens on {address} and writes segment files."
        ));
        if let Some(control) = story.collector.control_address() {
            story.say(format_args!(
                "Its metrics are at http://{control}/metrics while the demo runs.\n"
            ));
        }
        Ok(story)
    }

    fn tell(mut self) -> Result<Summary, StoryError> {
        let recording = Recording::detect("the bundled recording", RECORDING.to_vec())?.remove(0);
        let (dump, rest) = split_at_peer_down(&recording);
        let first = self.dump(dump)?;
        let second = self.come_back(first, dump)?;
        self.live_on(second, rest)?;
        self.one_prefix()?;
        self.end()
    }

    fn dump(&mut self, dump: &[u8]) -> Result<TcpStream, StoryError> {
        self.chapter(
            1,
            "A real router connects and dumps its tables (FRR 10.3, recorded)",
        );
        let mut router = connect(self.address, Some(REAL_ROUTER))?;
        self.send(&mut router, dump)?;
        for event in self.ledger.events(BatchKind::Routers)? {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let (name, what) = (text("sysName"), text("sysDescr"));
            self.say(format_args!(
                "  router {} {} {name} {what}",
                text("routerAddr"),
                text("kind")
            ));
        }
        for event in self.ledger.events(BatchKind::Peers)? {
            let (peer, kind) = (&event["peer"], event["kind"].as_str().unwrap_or_default());
            let address = peer["address"].as_str().unwrap_or_default();
            self.say(format_args!("  peer {address} AS{} {kind}", peer["asn"]));
        }
        let updates = self.ledger.new_updates()?;
        self.say(format_args!(
            "  … {} updates, of which these are the first two and the last:",
            updates.len()
        ));
        for update in updates.iter().take(2).chain(updates.last()) {
            self.say(format_args!("  {}", Line(update)));
        }
        Ok(router)
    }

    fn come_back(&mut self, first: TcpStream, dump: &[u8]) -> Result<TcpStream, StoryError> {
        self.chapter(2, "The session breaks; the router reconnects and dumps again");
        drop(first);
        let (suppressed, emitted) = (self.suppressed(), self.emitted());
        let mut router = connect(self.address, Some(REAL_ROUTER))?;
        // The recording starts while the peers are down, so it contains their Peer Down messages. In this dump they are up.
        let again = without_peer_downs(dump);
        self.send(&mut router, &again)?;
        let updates = self.ledger.new_updates()?;
        let suppressed = self.suppressed() - suppressed;
        let emitted = self.emitted() - emitted;
        self.say(format_args!(
            "  {suppressed} announces were unchanged, so the collector suppressed them."
        ));
        self.say(format_args!(
            "  {emitted} updates were published, because routes that changed during the recording change again. Two of them:"
        ));
        for update in updates.iter().take(2) {
            self.say(format_args!("  {}", Line(update)));
        }
        Ok(router)
    }

    fn live_on(&mut self, mut router: TcpStream, rest: &[u8]) -> Result<(), StoryError> {
        self.chapter(3, "The recording goes on: peers go down and up, routes change");
        let synthetic = self.synthetic();
        self.send(&mut router, rest)?;
        let updates = self.ledger.new_updates()?;
        let withdraws = updates
            .iter()
            .filter(|update| update["announced"] == false)
            .count();
        self.say(format_args!(
            "  {} updates, {withdraws} of them withdraws.",
            updates.len()
        ));
        self.say(format_args!(
            "  {} withdraws are synthetic: the router only sent a Peer Down, and the collector withdrew the routes.",
            self.synthetic() - synthetic
        ));
        Ok(())
    }

    fn one_prefix(&mut self) -> Result<(), StoryError> {
        self.chapter(4, "Each rule of curation, shown on one prefix of a small router");
        let peer = Peer::new(IpAddr::from([192, 0, 2, 1]), 64_500, Ipv4Addr::new(192, 0, 2, 1));
        let local = Ipv4Addr::new(192, 0, 2, 254);
        let watched = Prefix::new(IpAddr::from([203, 0, 113, 0]), 24);
        let others = (0..OTHER_PREFIXES).map(|n| Prefix::new(IpAddr::from([198, 18, n, 0]), 24));
        let path = |path: &[u32]| Attributes::new(path, Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::LOCALHOST);
        let announce =
            |attributes| route_monitoring(&peer, &Update::announce([watched], attributes).to_bytes());

        let mut router = connect(self.address, Some(SMALL_ROUTER))?;
        let opens = (Open::new(64_999, local), Open::new(64_500, peer.bgp_id));
        let hello = [
            initiation("small", "arancini demo"),
            peer_up(&peer, local.into(), &opens.0, &opens.1),
            route_monitoring(
                &peer,
                &Update::announce(others, path(&[64_500, 64_510])).to_bytes(),
            ),
        ];
        self.send(&mut router, &hello.concat())?;
        self.ledger.new_updates()?;
        self.step(&mut router, "announced", &announce(path(&[64_500, 64_501])))?;
        self.step(
            &mut router,
            "announced again, unchanged",
            &announce(path(&[64_500, 64_501])),
        )?;
        self.step(
            &mut router,
            "announced with another AS path",
            &announce(path(&[64_500, 64_666, 64_501])),
        )?;
        let withdraw = route_monitoring(&peer, &Update::withdraw([watched]).to_bytes());
        self.step(&mut router, "withdrawn", &withdraw)?;
        self.step(&mut router, "withdrawn again", &withdraw)?;
        let down = peer_down(&peer, &PeerDown::LocalEvent(0));
        self.step(&mut router, "the peer goes down", &down)
    }

    /// Sends one message of the small router and prints what the collector published for it.
    fn step(&mut self, router: &mut TcpStream, what: &str, message: &[u8]) -> Result<(), StoryError> {
        self.send(router, message)?;
        let updates = self.ledger.new_updates()?;
        self.say(format_args!("  {what}:"));
        match updates.as_slice() {
            [] => self.say(format_args!(
                "      nothing is published, because consumers already know it"
            )),
            [update] => self.say(format_args!("      {}", Line(update))),
            [first, .., last] => {
                self.say(format_args!(
                    "      {} updates, of which these are the first and the last:",
                    updates.len()
                ));
                self.say(format_args!("      {}", Line(first)));
                self.say(format_args!("      {}", Line(last)));
            }
        }
        Ok(())
    }

    fn end(self) -> Result<Summary, StoryError> {
        let telemetry = std::sync::Arc::clone(self.collector.telemetry());
        let mut ledger = self.ledger;
        let report = self.collector.stop(PATIENCE);
        ledger.new_updates()?;
        let summary = Summary {
            received: telemetry.received(),
            emitted: telemetry.emitted(),
            suppressed: telemetry.suppressed(),
            synthetic: telemetry.synthetic(),
            stored: ledger.stored(),
            routes: ledger.routes(),
            contradictions: ledger.contradictions(),
            seconds: self.begin.elapsed().as_secs_f64(),
        };
        summary.check(report.lost_messages)?;
        Ok(summary)
    }

    /// Sends bytes and waits until everything that the collector publishes for them is stored.
    fn send(&mut self, router: &mut TcpStream, bytes: &[u8]) -> Result<(), StoryError> {
        router.write_all(bytes)?;
        self.bytes_sent += bytes.len() as u64;
        let begin = Instant::now();
        while !self.is_settled() {
            if begin.elapsed() > PATIENCE {
                return Err("the collector did not process the sent messages within 30 s; its log above may name the reason".into());
            }
            // The demo polls because it looks at the collector from outside, as a user would.
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Returns whether everything sent was received, curated, swept and stored.
    fn is_settled(&self) -> bool {
        let telemetry = self.collector.telemetry();
        let received = telemetry.core(|core| core.received_bytes.get());
        let waiting = telemetry.core(|core| core.doomed_tables.get());
        let events = telemetry.core(|core| core.events.get());
        let stored = telemetry
            .sink()
            .messages_acknowledged
            .load(std::sync::atomic::Ordering::Relaxed);
        received == self.bytes_sent && waiting == 0 && stored == telemetry.emitted() + events
    }

    fn emitted(&self) -> u64 {
        self.collector.telemetry().emitted()
    }

    fn suppressed(&self) -> u64 {
        self.collector.telemetry().suppressed()
    }

    fn synthetic(&self) -> u64 {
        self.collector.telemetry().synthetic()
    }

    fn chapter(&self, number: u32, title: &str) {
        self.say(format_args!("\n{number}. {title}"));
    }

    fn say(&self, line: fmt::Arguments<'_>) {
        if self.narration == Narration::Printed {
            print_words(line);
        }
    }
}

/// Returns the messages without the Peer Down messages.
fn without_peer_downs(bytes: &[u8]) -> Vec<u8> {
    let recording = Recording::from_bytes("", bytes.to_vec());
    let kept = recording
        .messages()
        .filter(|message| message.message_type != Some(MessageType::PeerDown));
    kept.flat_map(|message| message.bytes).copied().collect()
}

/// Splits the recording before the first Peer Down that follows routes.
fn split_at_peer_down(recording: &Recording) -> (&[u8], &[u8]) {
    let mut offset = 0;
    let mut routes = false;
    for message in recording.messages() {
        routes |= message.message_type == Some(MessageType::RouteMonitoring);
        if routes && message.message_type == Some(MessageType::PeerDown) {
            break;
        }
        offset += message.bytes.len();
    }
    recording.bytes.split_at(offset)
}
