//! The subscriptions of one client.

use std::sync::Arc;

use super::filter::Filter;

/// Most subscriptions of a client. A subscription with several prefixes counts once for each of them.
pub const MOST_ENTRIES: usize = 4096;

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// The client has it now, or had it before.
    Accepted,
    /// The client would have more than [`MOST_ENTRIES`].
    TooMany,
}

/// The subscriptions of one client, in the order in which they came.
#[derive(Default)]
pub(super) struct Subscriptions {
    filters: Vec<Arc<Filter>>,
    entries: usize,
}

impl Subscriptions {
    /// Adds a subscription, unless the client has the same one.
    pub fn add(&mut self, filter: Filter) -> Subscribed {
        if self.filters.iter().any(|known| **known == filter) {
            return Subscribed::Accepted;
        }
        let entries = self.entries + entries_of(&filter);
        if entries > MOST_ENTRIES {
            return Subscribed::TooMany;
        }
        self.entries = entries;
        self.filters.push(Arc::new(filter));
        Subscribed::Accepted
    }

    /// Removes a subscription. Returns whether the client had it.
    pub fn remove(&mut self, filter: &Filter) -> bool {
        let Some(place) = self.filters.iter().position(|known| **known == *filter) else {
            return false;
        };
        self.entries -= entries_of(filter);
        self.filters.remove(place);
        true
    }

    /// Removes all subscriptions.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// All subscriptions.
    pub fn all(&self) -> Vec<Arc<Filter>> {
        self.filters.clone()
    }
}

fn entries_of(filter: &Filter) -> usize {
    filter.prefixes.len().max(1)
}
