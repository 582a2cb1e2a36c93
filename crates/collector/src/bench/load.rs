//! The load: all bytes that will be sent, made before the first is.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::thread;

use crate::generate::{Ending, Expected, Scenario};

/// The first router's source address; the others follow.
const FIRST_ROUTER: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);

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
    /// Rounds of churn after the dump; each takes a tenth of the tables.
    pub churn_rounds: u32,
    /// What the details follow from.
    pub seed: u64,
}

/// What a collector must make of the load when it sees the routers for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// BMP messages.
    pub messages: u64,
    /// Announced and withdrawn prefixes in all UPDATEs.
    pub elements: u64,
    /// Updates that attribute-aware curation passes on.
    pub emitted: u64,
    /// Routes held at the end.
    pub routes: u64,
}

/// The bytes of each router, in memory.
#[derive(Debug, Clone)]
pub struct Load {
    /// What it was made from.
    pub settings: LoadSettings,
    /// Each router's source address and stream.
    pub streams: Vec<(IpAddr, Vec<u8>)>,
    /// What must come of it.
    pub wanted: Wanted,
}

impl LoadSettings {
    /// Generates it, on all cores.
    #[must_use]
    pub fn make(&self) -> Load {
        let routers: Vec<u16> = (0..self.routers).collect();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let share = routers.len().div_ceil(cores).max(1);
        let streams = thread::scope(|scope| {
            let parts: Vec<_> = routers
                .chunks(share)
                .map(|part| {
                    scope.spawn(move || {
                        part.iter()
                            .map(|&router| (source_address(router), self.scenario(router).to_bytes()))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            parts
                .into_iter()
                .flat_map(|part| {
                    part.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        Load {
            settings: self.clone(),
            streams,
            wanted: self.wanted(),
        }
    }

    fn scenario(&self, router: u16) -> Scenario {
        Scenario {
            sys_name: format!("bench-{router}"),
            peers: self.peers,
            prefixes_per_peer: self.prefixes,
            ipv6_percent: self.ipv6_percent,
            prefixes_per_update: self.prefixes_per_update,
            churn_rounds: self.churn_rounds,
            ending: Ending::Open,
            seed: self.seed.wrapping_add(u64::from(router)),
        }
    }

    /// The counts don't depend on the seed, so all routers have the same. A scenario whose peers go down gives the
    /// number of routes without making them.
    fn wanted(&self) -> Wanted {
        let one: Expected = Scenario {
            ending: Ending::PeersDown,
            ..self.scenario(0)
        }
        .expected();
        let routers = u64::from(self.routers);
        Wanted {
            messages: routers * (one.messages - u64::from(self.peers)),
            elements: routers * one.elements,
            emitted: routers * (one.emitted_announces + one.emitted_withdraws),
            routes: routers * one.synthetic,
        }
    }
}

impl Load {
    /// All streams together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.streams.iter().map(|(_, stream)| stream.len() as u64).sum()
    }

    /// Writes each stream to a file that is named after its source address.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        std::fs::create_dir_all(directory)?;
        for (from, stream) in &self.streams {
            std::fs::write(directory.join(format!("{from}.bmp")), stream)?;
        }
        Ok(())
    }
}

fn source_address(router: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(FIRST_ROUTER.to_bits() + u32::from(router)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_of_all_routers_together() {
        let settings = LoadSettings {
            routers: 3,
            peers: 2,
            prefixes: 1000,
            prefixes_per_update: 10,
            ipv6_percent: 20,
            churn_rounds: 2,
            seed: 7,
        };
        let load = settings.make();
        assert_eq!(load.streams.len(), 3);
        assert_ne!(load.streams[0].1, load.streams[1].1, "the seeds differ");
        let mut wanted = Wanted {
            messages: 0,
            elements: 0,
            emitted: 0,
            routes: 0,
        };
        for router in 0..3 {
            let one = settings.scenario(router).expected();
            wanted.messages += one.messages;
            wanted.elements += one.elements;
            wanted.emitted += one.emitted();
            wanted.routes += one.routes.len() as u64;
        }
        assert_eq!(load.wanted, wanted);
    }
}
