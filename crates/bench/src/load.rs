//! The load: all bytes that will be sent, made before the first is.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::slice::SliceIndex;
use std::sync::Arc;
use std::thread;

use arancini_wire::bmp::frame_length;
use serde_json::{Value, json};

use crate::report::digits;
use arancini_generate::{Ending, Prefix, Scenario};

/// The first router's source address; the others follow.
const FIRST_ROUTER: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
/// Where the type of a BMP message stands (RFC 7854 §4.1), and one that nobody has defined.
const TYPE_OFFSET: usize = 5;
const UNKNOWN_TYPE: u8 = 200;
/// A type that stays as it is: the router's Initiation.
const INITIATION: u8 = 4;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadSettings {
    /// Routers, each with a source address and a connection of its own.
    pub routers: u16,
    /// Peers of each router.
    pub peers: u16,
    /// Prefixes that each peer announces.
    pub prefixes: u32,
    /// How many prefixes share an UPDATE.
    pub prefixes_per_update: u32,
    /// How many of a hundred prefixes are IPv6.
    pub ipv6_percent: u32,
    /// Whether the routes are of VPNs.
    pub vpn: bool,
    /// Prefixes of a real table, each with its origin, in place of generated ones.
    pub table: Arc<[(Prefix, u32)]>,
    /// Rounds of churn after the dump; each takes a tenth of the tables.
    pub churn_rounds: u32,
    /// The second router has twice the prefixes of the first, the third three times, and so on.
    pub unequal: bool,
    /// Measured is only what follows the dump: the tables are there already.
    pub held: bool,
    /// All but the Initiations are of a type that nobody knows: the collector frames them and reads past.
    pub framed_only: bool,
    /// What the details follow from.
    pub seed: u64,
}

impl Default for LoadSettings {
    /// A million routes of one router, each in an UPDATE of its own.
    fn default() -> Self {
        Self {
            routers: 1,
            peers: 4,
            prefixes: 250_000,
            prefixes_per_update: 1,
            ipv6_percent: 20,
            vpn: false,
            table: Arc::default(),
            churn_rounds: 2,
            unequal: false,
            held: false,
            framed_only: false,
            seed: 1,
        }
    }
}

/// What a collector must make of the load when it sees the routers for the first time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// BMP messages.
    pub messages: u64,
    /// Announced and withdrawn prefixes in all UPDATEs that are measured.
    pub elements: u64,
    /// Updates that attribute-aware curation passes on meanwhile.
    pub emitted: u64,
    /// Routes held at the end.
    pub routes: u64,
}

/// What one router sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its source address.
    pub from: IpAddr,
    /// All that it sends.
    pub bytes: Vec<u8>,
    /// How many of the bytes come before what is measured.
    pub before: usize,
}

/// The bytes of each router, in memory.
#[derive(Debug, Clone)]
pub struct Load {
    /// What it was made from.
    pub settings: LoadSettings,
    /// Each router's stream.
    pub streams: Vec<Stream>,
    /// What must come of it.
    pub wanted: Wanted,
}

impl LoadSettings {
    /// The same without churn: each router dumps its tables and no more.
    pub(crate) fn dump(&self) -> Self {
        Self {
            churn_rounds: 0,
            ..self.clone()
        }
    }

    /// Generates it, on all cores.
    #[must_use]
    pub fn make(&self) -> Load {
        let streams = self.of_each_router(|router| {
            let (mut bytes, dump_bytes) = self.scenario(router).to_bytes_with_dump();
            if self.framed_only {
                make_unknown(&mut bytes);
            }
            Stream {
                from: source_address(router),
                bytes,
                before: if self.held { dump_bytes } else { 0 },
            }
        });
        Load {
            settings: self.clone(),
            streams,
            wanted: self.wanted(),
        }
    }

    /// Makes something of each router, on all cores.
    pub(crate) fn of_each_router<T: Send>(&self, make: impl Fn(u16) -> T + Sync) -> Vec<T> {
        let routers: Vec<u16> = (0..self.routers).collect();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let share = routers.len().div_ceil(cores).max(1);
        let make = &make;
        thread::scope(|scope| {
            let parts: Vec<_> = routers
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().map(|&router| make(router)).collect::<Vec<_>>()))
                .collect();
            parts
                .into_iter()
                .flat_map(|part| {
                    part.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        })
    }

    /// What a router does.
    pub(crate) fn scenario(&self, router: u16) -> Scenario {
        Scenario {
            sys_name: format!("bench-{router}"),
            peers: self.peers,
            prefixes_per_peer: self.prefixes * self.weight(router),
            ipv6_percent: self.ipv6_percent,
            table: Arc::clone(&self.table),
            vpn: self.vpn,
            prefixes_per_update: self.prefixes_per_update,
            churn_rounds: self.churn_rounds,
            ending: Ending::Open,
            seed: self.seed.wrapping_add(u64::from(router)),
        }
    }

    /// How many times the work of the smallest router a router makes.
    pub(crate) fn weight(&self, router: u16) -> u32 {
        if self.unequal { u32::from(router) + 1 } else { 1 }
    }

    /// The counts don't depend on the seed, so routers of one size have the same.
    fn wanted(&self) -> Wanted {
        let mut all = Wanted::default();
        let distinct = if self.unequal { self.routers } else { 1 };
        let times = u64::from(self.routers / distinct.max(1));
        for router in 0..distinct {
            let one = self.wanted_of(router);
            all.messages += times * one.messages;
            all.elements += times * one.elements;
            all.emitted += times * one.emitted;
            all.routes += times * one.routes;
        }
        all
    }

    /// A scenario whose peers go down gives the number of routes without making them.
    fn wanted_of(&self, router: u16) -> Wanted {
        let expected = |churn_rounds| {
            Scenario {
                ending: Ending::PeersDown,
                churn_rounds,
                ..self.scenario(router)
            }
            .expected()
        };
        let one = expected(self.churn_rounds);
        let messages = one.messages - u64::from(self.peers);
        if self.framed_only {
            return Wanted {
                messages,
                ..Wanted::default()
            };
        }
        // Of a first dump all is passed on.
        let before = if self.held { expected(0).elements } else { 0 };
        Wanted {
            messages,
            elements: one.elements - before,
            emitted: one.emitted_announces + one.emitted_withdraws - before,
            routes: one.synthetic,
        }
    }
}

impl Load {
    /// All that is measured, of all streams together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = |stream: &Stream| (stream.bytes.len() - stream.before) as u64;
        self.streams.iter().map(bytes).sum()
    }

    /// A part of each stream.
    pub(crate) fn parts<R: SliceIndex<[u8], Output = [u8]>>(
        &self,
        part: impl Fn(&Stream) -> R,
    ) -> Vec<&[u8]> {
        let streams = self.streams.iter();
        streams
            .map(|stream| stream.bytes.get(part(stream)).unwrap_or_default())
            .collect()
    }

    /// Writes each stream to a file that is named after its source address.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        std::fs::create_dir_all(directory)?;
        for Stream { from, bytes, .. } in &self.streams {
            std::fs::write(directory.join(format!("{from}.bmp")), bytes)?;
        }
        Ok(())
    }
}

/// A load says what it is.
pub trait Described: fmt::Display {
    /// The same as an object.
    fn to_json(&self) -> Value;
}

impl Described for Load {
    fn to_json(&self) -> Value {
        let mut object = self.settings.to_json();
        object["bytes"] = json!(self.bytes());
        object["messages"] = json!(self.wanted.messages);
        object["elements"] = json!(self.wanted.elements);
        object["emitted"] = json!(self.wanted.emitted);
        object["routes"] = json!(self.wanted.routes);
        object
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} elements in {} messages, {:.1} MB",
            self.settings,
            digits(self.wanted.elements as f64, 0),
            digits(self.wanted.messages as f64, 0),
            self.bytes() as f64 / 1e6,
        )
    }
}

impl Described for LoadSettings {
    fn to_json(&self) -> Value {
        json!({
            "routers": self.routers,
            "peers": self.peers,
            "prefixes": self.prefixes,
            "prefixes_per_update": self.prefixes_per_update,
            "ipv6_percent": self.ipv6_percent,
            "vpn": self.vpn,
            "table": self.table.len(),
            "churn_rounds": self.churn_rounds,
            "unequal": self.unequal,
            "held": self.held,
            "framed_only": self.framed_only,
            "seed": self.seed,
        })
    }
}

impl fmt::Display for LoadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefixes, families) = if self.table.is_empty() {
            (self.prefixes as usize, format!("{} % IPv6", self.ipv6_percent))
        } else {
            (self.table.len(), "a real table".to_owned())
        };
        write!(
            f,
            "{} × {} × {} (routers × peers × prefixes), {families}, prefixes per UPDATE {}, rounds of churn {}, seed {}",
            self.routers,
            self.peers,
            digits(prefixes as f64, 0),
            self.prefixes_per_update,
            self.churn_rounds,
            self.seed,
        )?;
        for (is, words) in [
            (self.vpn, ", VPN"),
            (self.unequal, ", each router larger than the one before"),
            (self.held, ", measured behind the dump"),
            (self.framed_only, ", of an unknown type"),
        ] {
            f.write_str(if is { words } else { "" })?;
        }
        Ok(())
    }
}

/// Reads a table: a line is a prefix and the AS it comes from. `.zst` is decompressed.
///
/// # Errors
/// The file can't be read, or a line of it makes no sense.
pub fn read_table(path: &Path) -> io::Result<Vec<(Prefix, u32)>> {
    let file = File::open(path)?;
    let reader: Box<dyn BufRead> = match path.extension() {
        Some(ending) if ending == "zst" => Box::new(BufReader::new(zstd::Decoder::new(file)?)),
        _ => Box::new(BufReader::new(file)),
    };
    let mut table = Vec::new();
    for (number, line) in reader.lines().enumerate() {
        let line = line?;
        let wrong = || io::Error::other(format!("line {}: not a prefix and an AS: {line}", number + 1));
        table.push(table_line(&line).ok_or_else(wrong)?);
    }
    Ok(table)
}

fn table_line(line: &str) -> Option<(Prefix, u32)> {
    let (prefix, origin) = line.split_once([' ', '\t'])?;
    let (address, length) = prefix.split_once('/')?;
    let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (length <= most).then_some(())?;
    Some((Prefix::new(address, length), origin.trim().parse().ok()?))
}

/// Makes the type of every message but the first one that nobody knows.
fn make_unknown(mut stream: &mut [u8]) {
    while let Ok(Some(length)) = frame_length(stream, usize::MAX) {
        let Some((frame, rest)) = stream.split_at_mut_checked(length) else {
            return;
        };
        match frame.get_mut(TYPE_OFFSET) {
            Some(kind) if *kind != INITIATION => *kind = UNKNOWN_TYPE,
            _ => {}
        }
        stream = rest;
    }
}

pub(crate) fn source_address(router: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(FIRST_ROUTER.to_bits() + u32::from(router)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> LoadSettings {
        LoadSettings {
            routers: 3,
            peers: 2,
            prefixes: 1000,
            prefixes_per_update: 10,
            seed: 7,
            ..LoadSettings::default()
        }
    }

    #[test]
    fn what_is_wanted_is_of_all_routers_together() {
        for unequal in [false, true] {
            let settings = LoadSettings { unequal, ..small() };
            let load = settings.make();
            assert_eq!(load.streams.len(), 3);
            assert_ne!(load.streams[0].bytes, load.streams[1].bytes, "the seeds differ");
            let mut wanted = Wanted::default();
            for router in 0..3 {
                let one = settings.scenario(router).expected();
                wanted.messages += one.messages;
                wanted.elements += one.elements;
                wanted.emitted += one.emitted();
                wanted.routes += one.routes.len() as u64;
            }
            assert_eq!(load.wanted, wanted);
            assert_eq!(wanted.elements, if unequal { 6 } else { 3 } * 2 * (1000 + 200));
        }
    }

    #[test]
    fn behind_the_dump_only_churn_is_measured() {
        let all = small().make();
        let held = LoadSettings {
            held: true,
            ..small()
        }
        .make();
        assert_eq!(held.wanted.elements, 3 * 2 * 200);
        assert_eq!(held.wanted.routes, all.wanted.routes);
        assert!(held.bytes() < all.bytes() / 5);
    }

    #[test]
    fn messages_of_an_unknown_type_are_the_same_bytes_otherwise() {
        let settings = LoadSettings {
            framed_only: true,
            ..small()
        };
        let (load, before) = (settings.make(), small().make());
        assert_eq!(load.bytes(), before.bytes());
        assert_eq!(load.wanted.elements, 0);
        let mut rest = load.streams[0].bytes.as_slice();
        let mut messages = 0;
        while let Ok(Some(length)) = frame_length(rest, usize::MAX) {
            let known = if messages == 0 { INITIATION } else { UNKNOWN_TYPE };
            assert_eq!(rest[TYPE_OFFSET], known);
            (rest, messages) = (&rest[length..], messages + 1);
        }
        assert_eq!(3 * messages, load.wanted.messages);
    }

    #[test]
    fn a_table_is_read_line_by_line() {
        let prefix = |text: &str| table_line(text).map(|(prefix, origin)| (prefix.length, origin));
        assert_eq!(prefix("192.0.2.0/24 64496"), Some((24, 64_496)));
        assert_eq!(prefix("2001:db8::/32\t64497"), Some((32, 64_497)));
        for wrong in ["", "192.0.2.0/33 1", "192.0.2.0 1", "192.0.2.0/24", "x/8 1"] {
            assert_eq!(prefix(wrong), None, "{wrong}");
        }
    }
}
