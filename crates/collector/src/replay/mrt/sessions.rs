//! The sessions of a file: what a Peer Up has to say about each.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use arancini_wire::iana::AfiSafi;

/// What tells a session from the others of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    pub(super) address: IpAddr,
    pub(super) asn: u32,
    /// Whether the messages were sent to the peer: they are another view than those that came from it.
    pub(super) is_sent: bool,
}

/// One session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) key: SessionKey,
    pub(super) local: IpAddr,
    pub(super) local_asn: u32,
    pub(super) bgp_id: u32,
    /// How many earlier sessions of the file have the same address: a distinguisher keeps them apart.
    pub(super) number: u64,
    pub(super) four_octet_as: bool,
    /// Families with path identifiers.
    pub(super) add_path: BTreeSet<AfiSafi>,
    /// All families.
    pub(super) families: BTreeSet<AfiSafi>,
    /// Whether the messages so far have a Peer Up.
    pub(super) is_up: bool,
}

/// The sessions of a file, in the order in which they come.
#[derive(Default)]
pub(super) struct Sessions {
    by_key: HashMap<SessionKey, usize>,
    by_address: HashMap<(IpAddr, bool), u64>,
    all: Vec<Session>,
}

impl Sessions {
    /// Returns the session with this key; a new one has four-octet AS numbers and no families.
    pub(super) fn of(&mut self, key: SessionKey) -> &mut Session {
        let next = self.all.len();
        let index = *self.by_key.entry(key).or_insert(next);
        if index == next {
            let number = self.by_address.entry((key.address, key.is_sent)).or_default();
            self.all.push(Session {
                key,
                local: Ipv4Addr::UNSPECIFIED.into(),
                local_asn: 0,
                bgp_id: 0,
                number: *number,
                four_octet_as: true,
                add_path: BTreeSet::new(),
                families: BTreeSet::new(),
                is_up: false,
            });
            *number += 1;
        }
        &mut self.all[index]
    }
}
