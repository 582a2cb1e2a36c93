//! The subscriptions of one client.

use std::sync::Arc;

use super::filter::Filter;

/// Most subscriptions of a client. A subscription with several prefixes counts once for each of them.
pub const MOST_ENTRIES: usize = 4096;

/// Most subscriptions of a client that name no prefix. No index of prefixes finds them, so many more routes are compared with
/// each of them.
pub const MOST_WITHOUT_PREFIX: usize = 256;

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// The client has it now, or had it before.
    Accepted,
    /// The client would have more than [`MOST_ENTRIES`].
    TooMany,
    /// The client would have more than [`MOST_WITHOUT_PREFIX`].
    TooManyWithoutPrefix,
}

/// The subscriptions of one client, in the order in which they came.
#[derive(Default)]
pub(super) struct Subscriptions {
    filters: Vec<Arc<Filter>>,
    entries: usize,
    /// How many of `filters` name no prefix.
    without_prefix: usize,
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
        let without_prefix = self.without_prefix + usize::from(filter.prefixes.is_empty());
        if without_prefix > MOST_WITHOUT_PREFIX {
            return Subscribed::TooManyWithoutPrefix;
        }
        self.entries = entries;
        self.without_prefix = without_prefix;
        self.filters.push(Arc::new(filter));
        Subscribed::Accepted
    }

    /// Removes a subscription. Returns whether the client had it.
    pub fn remove(&mut self, filter: &Filter) -> bool {
        let Some(place) = self.filters.iter().position(|known| **known == *filter) else {
            return false;
        };
        self.entries -= entries_of(filter);
        self.without_prefix -= usize::from(filter.prefixes.is_empty());
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
