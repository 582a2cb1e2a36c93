//! The tables of all routers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use arancini_schema::MessageKind;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::table_key::{TableKey, address_of};
use arancini_schema::update_capnp::update;

use super::counts::Counts;
use super::held::Held;
use super::route_key::RouteKey;
use super::router::Router;
use super::table::{Route, Table};
use super::unreadable::{TakeError, UnreadableRecord};

/// The tables of all routers, kept from published messages. See the [module](crate::tables) for an example.
#[derive(Debug)]
pub struct Tables<T> {
    /// By the router's address as published, IPv4-mapped.
    routers: HashMap<[u8; 16], Router<T>>,
    counts: Counts,
}

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self {
            routers: HashMap::new(),
            counts: Counts::default(),
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
        let mapped = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        self.routers.get(&mapped.octets())
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

impl<T: Held> Tables<T> {
    /// Takes a payload: the records of one kind, decompressed.
    ///
    /// # Errors
    /// The first record that cannot be read. The other records have been taken, unless the payload itself is damaged: then
    /// only those before the damage.
    pub fn take(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), TakeError> {
        let mut outcome = Ok(());
        for message in Messages::new(payload) {
            let taken = match message {
                Ok(message) => self.take_message(kind, &message),
                Err(error) => Err(error.into()),
            };
            outcome = outcome.and(taken);
        }
        outcome
    }

    /// Takes one message. Statistics and malformed messages say nothing about routes, so they are ignored.
    ///
    /// # Errors
    /// The message cannot be read.
    pub fn take_message(&mut self, kind: MessageKind, message: &Message<'_>) -> Result<(), TakeError> {
        let taken = match kind {
            MessageKind::Updates => self.take_update(message, message.update()?),
            MessageKind::Peers => {
                let event = message.peer_event()?;
                address_of(event.get_router_addr())
                    .map_err(UnreadableRecord::from)
                    .and_then(|router| self.routers.entry(router).or_default().take_peer_event(event))
            }
            MessageKind::Routers => {
                let event = message.router_event()?;
                let counts = &mut self.counts;
                address_of(event.get_router_addr())
                    .map_err(UnreadableRecord::from)
                    .and_then(|router| {
                        let router = self.routers.entry(router).or_default();
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

    fn take_update(
        &mut self,
        message: &Message<'_>,
        update: update::Reader<'_>,
    ) -> Result<(), UnreadableRecord> {
        // Everything is read before anything changes.
        let router = address_of(update.get_router_addr())?;
        let table = TableKey::of_update(&update)?;
        let key = RouteKey::of_update(update)?;
        let sequence = update.get_sequence();
        let route = if update.get_announced() {
            Some(Route {
                sequence,
                fingerprint: update.get_attribute_fingerprint(),
                held: T::of_announce(message, update)?,
            })
        } else {
            None
        };
        let table = self.routers.entry(router).or_default().table_of(table);
        match route {
            Some(route) => table.announce(key, route, &mut self.counts),
            None => table.withdraw(key, sequence, &mut self.counts),
        }
        Ok(())
    }
}

fn ip_address(address: [u8; 16]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(address)).to_canonical()
}
