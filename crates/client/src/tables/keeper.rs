//! The tables of all routers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use arancini_schema::MessageKind;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::table_key::{TableKey, address_of};

use super::counts::Counts;
use super::held::Held;
use super::key_hasher::KeyHash;
use super::route_key::RouteKey;
use super::router::Router;
use super::stored_key::StoredKey;
use super::table::{Route, Table};
use super::unreadable::{TakeError, UnreadableRecord};

/// Updates that are read before the first of them changes a table.
const READ_AHEAD: usize = 64;

/// The tables of all routers, kept from published messages. See the [module](crate::tables) for an example.
#[derive(Debug)]
pub struct Tables<T> {
    /// The routers with their addresses as published, IPv4-mapped.
    routers: Vec<([u8; 16], Router<T>)>,
    places: HashMap<[u8; 16], usize>,
    /// The router of the last message. All messages of a batch are of one router.
    last: usize,
    counts: Counts,
    /// Messages are missing, so a router that appears from now on may have routes that were never seen.
    has_gap: bool,
    /// The hash of all tables, so that a key is hashed before its table is known.
    hash: KeyHash,
}

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self {
            routers: Vec::new(),
            places: HashMap::new(),
            last: 0,
            counts: Counts::default(),
            has_gap: false,
            hash: KeyHash::default(),
        }
    }
}

impl<T> Tables<T> {
    /// Returns what has been taken so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Iterates over the routers of which any message has been taken.
    pub fn routers(&self) -> impl Iterator<Item = (IpAddr, &Router<T>)> {
        self.routers
            .iter()
            .map(|(address, router)| (ip_address(*address), router))
    }

    /// Returns a router.
    pub fn router(&self, address: IpAddr) -> Option<&Router<T>> {
        let place = self.places.get(&mapped(address))?;
        self.routers.get(*place).map(|(_, router)| router)
    }

    /// Iterates over the tables of all routers.
    pub fn tables(&self) -> impl Iterator<Item = (IpAddr, &Table<T>)> {
        self.routers()
            .flat_map(|(address, router)| router.tables().map(move |table| (address, table)))
    }

    /// Returns the number of routes in all tables.
    pub fn len(&self) -> usize {
        self.tables().map(|(_, table)| table.len()).sum()
    }

    /// Returns whether no table holds a route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Tables<T> {
    /// Notes that messages are missing before the next one, such as those that the limits of a stream have removed. No router is
    /// [whole](Router::is_whole) until its next resync.
    pub fn note_gap(&mut self) {
        self.has_gap = true;
        for (_, router) in &mut self.routers {
            router.note_gap();
        }
    }

    /// Notes that messages of one router are missing, or cannot be read. The router is not whole until its next resync.
    pub fn note_gap_of(&mut self, address: IpAddr) {
        self.router_of(mapped(address)).0.note_gap();
    }

    /// Removes a router with its tables, such as one that is gone for good. Returns whether it was known. If it publishes again, it
    /// is a new router.
    pub fn forget(&mut self, address: IpAddr) -> bool {
        let Some(place) = self.places.remove(&mapped(address)) else {
            return false;
        };
        self.routers.swap_remove(place);
        if let Some((moved, _)) = self.routers.get(place) {
            self.places.insert(*moved, place);
        }
        true
    }

    /// Returns whether messages have been missing at any time. A router of which nothing has been taken since is not known at all.
    pub const fn has_gap(&self) -> bool {
        self.has_gap
    }

    /// Returns the router, which is created if it is new, and the counters.
    fn router_of(&mut self, address: [u8; 16]) -> (&mut Router<T>, &mut Counts) {
        let is_last = self
            .routers
            .get(self.last)
            .is_some_and(|(last, _)| *last == address);
        if !is_last {
            self.last = *self.places.entry(address).or_insert_with(|| {
                let router = match self.has_gap {
                    true => Router::behind_a_gap(),
                    false => Router::default(),
                };
                self.routers.push((address, router));
                self.routers.len() - 1
            });
        }
        (&mut self.routers[self.last].1, &mut self.counts)
    }
}

impl<T: Held> Tables<T> {
    /// Takes a payload: the records of one kind, decompressed.
    ///
    /// # Errors
    /// The first record that cannot be read. The other records have been taken, unless the payload itself is damaged: then
    /// only those before the damage.
    pub fn take(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), TakeError> {
        let mut outcome = Ok(());
        let mut read = Vec::with_capacity(READ_AHEAD);
        for message in Messages::new(payload) {
            let taken = match (kind, message) {
                (_, Err(error)) => Err(error.into()),
                (MessageKind::Updates, Ok(message)) => {
                    ReadUpdate::of(&message, self.hash).map(|update| read.push(update))
                }
                (_, Ok(message)) => self.take_message(kind, &message),
            };
            outcome = outcome.and(taken);
            if read.len() == READ_AHEAD {
                self.take_updates(&mut read);
            }
        }
        self.take_updates(&mut read);
        outcome
    }

    /// Takes updates in order. All keys are looked up before. No look-up needs the result of another one, so the processor fetches what
    /// several of them need at the same time.
    fn take_updates(&mut self, updates: &mut Vec<ReadUpdate<T>>) {
        let Some(first) = updates.first() else { return };
        let hash = self.hash;
        self.router_of(first.router).0.table_of(first.table, hash);
        if let Some((address, router)) = self.routers.get(self.last) {
            for update in updates.iter().filter(|update| update.router == *address) {
                if let Some(table) = router.last_table(&update.table) {
                    table.touch(&update.key, update.hash);
                }
            }
        }
        updates.drain(..).for_each(|update| self.take_update(update));
    }

    /// Takes one message. Statistics and malformed messages say nothing about routes, so they are ignored.
    ///
    /// # Errors
    /// The message cannot be read.
    pub fn take_message(&mut self, kind: MessageKind, message: &Message<'_>) -> Result<(), TakeError> {
        let taken = match kind {
            MessageKind::Updates => {
                self.take_update(ReadUpdate::of(message, self.hash)?);
                Ok(())
            }
            MessageKind::Peers => {
                let event = message.peer_event()?;
                address_of(event.get_router_addr())
                    .map_err(UnreadableRecord::from)
                    .and_then(|router| self.router_of(router).0.take_peer_event(event))
            }
            MessageKind::Routers => {
                let event = message.router_event()?;
                address_of(event.get_router_addr())
                    .map_err(UnreadableRecord::from)
                    .and_then(|router| {
                        let (router, counts) = self.router_of(router);
                        router.take_router_event(event, counts)
                    })
            }
            MessageKind::Statistics | MessageKind::Malformed => Ok(()),
        };
        taken.map_err(|cause| TakeError::Record {
            offset: message.offset(),
            cause,
        })
    }

    fn take_update(&mut self, update: ReadUpdate<T>) {
        let hash = self.hash;
        let (router, counts) = self.router_of(update.router);
        let table = router.table_of(update.table, hash);
        match update.route {
            Some(route) => table.announce(update.key, update.hash, route, counts),
            None => table.withdraw(update.key, update.hash, update.sequence, counts),
        }
    }
}

/// An update that is read completely, so that nothing changes if a field cannot be read.
struct ReadUpdate<T> {
    router: [u8; 16],
    table: TableKey,
    key: StoredKey,
    /// The hash of `key`.
    hash: u64,
    sequence: u64,
    /// `None` for a withdraw.
    route: Option<Route<T>>,
}

impl<T: Held> ReadUpdate<T> {
    fn of(message: &Message<'_>, hash: KeyHash) -> Result<Self, TakeError> {
        let update = message.update()?;
        let read = || -> Result<Self, UnreadableRecord> {
            let sequence = update.get_sequence();
            let route = match update.get_announced() {
                true => Some(Route {
                    sequence,
                    fingerprint: update.get_attribute_fingerprint(),
                    held: T::of_announce(message, update)?,
                }),
                false => None,
            };
            let key = StoredKey::from(RouteKey::of_update(update)?);
            Ok(Self {
                router: address_of(update.get_router_addr())?,
                table: TableKey::of_update(&update)?,
                hash: key.hash(hash),
                key,
                sequence,
                route,
            })
        };
        read().map_err(|cause| TakeError::Record {
            offset: message.offset(),
            cause,
        })
    }
}

/// Returns the 16 bytes of an address as published.
fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn ip_address(address: [u8; 16]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(address)).to_canonical()
}
