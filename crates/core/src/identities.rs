//! Which peer of a router an identity names.
//!
//! Some messages come with a BGP identifier of zero, before or after messages with the true one. A zero stands for the only
//! peer that agrees in everything else. Peers that are down count only if no peer that is up agrees: the peer may have been
//! down under an earlier identifier.
//!
//! A look-up costs the same for one peer and for ten thousand: peers that differ only in their BGP identifier are counted, and
//! not searched.

use std::collections::HashMap;

use arancini_wire::bmp::PeerIdentity;

use crate::peer::{PeerIndex, PeerState};

/// The identities that lead to the peers of a router.
#[derive(Default)]
pub(crate) struct Identities {
    /// The present identity of each peer, some earlier ones, and those in the keys of its tables.
    exact: HashMap<PeerIdentity, PeerIndex>,
    /// The peers by their present identity without its BGP identifier.
    alike: HashMap<PeerIdentity, Alike>,
    #[cfg(test)]
    looked_up: std::cell::Cell<usize>,
}

/// The peers whose present identities differ only in the BGP identifier.
#[derive(Debug, Default, PartialEq, Eq)]
struct Alike {
    /// The peer whose BGP identifier is zero.
    nameless: Option<PeerIndex>,
    /// The peers that are up or provisional.
    up: Tally,
    /// The peers that are down.
    down: Tally,
}

/// The number of some peers, and the sum of their places. If there is only one peer, the sum is its place.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    peers: usize,
    places: usize,
}

impl Tally {
    const fn add(&mut self, peer: PeerIndex) {
        self.peers += 1;
        self.places += peer.0;
    }

    const fn remove(&mut self, peer: PeerIndex) {
        self.peers -= 1;
        self.places -= peer.0;
    }
}

impl Alike {
    const fn tally(&mut self, state: PeerState) -> &mut Tally {
        match state {
            PeerState::Down => &mut self.down,
            PeerState::Up | PeerState::Provisional => &mut self.up,
        }
    }

    const fn only(&self) -> Option<PeerIndex> {
        match (&self.up, &self.down) {
            (Tally { peers: 1, places }, _) | (Tally { peers: 0, .. }, Tally { peers: 1, places }) => {
                Some(PeerIndex(*places))
            }
            _ => None,
        }
    }
}

const fn without_bgp_id(identity: &PeerIdentity) -> PeerIdentity {
    PeerIdentity {
        bgp_id: 0,
        ..*identity
    }
}

impl Identities {
    /// The peer that an identity names in the header of a message.
    pub fn find(&self, identity: &PeerIdentity) -> Option<PeerIndex> {
        #[cfg(test)]
        self.looked_up.set(self.looked_up.get() + 1);
        if let Some(&peer) = self.exact.get(identity) {
            return Some(peer);
        }
        #[cfg(test)]
        self.looked_up.set(self.looked_up.get() + 1);
        let alike = self.alike.get(&without_bgp_id(identity))?;
        if identity.bgp_id == 0 {
            alike.only()
        } else {
            alike.nameless
        }
    }

    /// The peer that has or had exactly this identity.
    pub fn find_exact(&self, identity: &PeerIdentity) -> Option<PeerIndex> {
        self.exact.get(identity).copied()
    }

    /// Notes the present identity of a peer, which is in this state.
    pub fn add(&mut self, peer: PeerIndex, identity: &PeerIdentity, state: PeerState) {
        self.exact.insert(*identity, peer);
        let alike = self.alike.entry(without_bgp_id(identity)).or_default();
        alike.tally(state).add(peer);
        if identity.bgp_id == 0 {
            alike.nameless = Some(peer);
        }
    }

    /// Notes that a peer, which is in this state, gives up its present identity. The identity still leads to the peer until
    /// [`Self::forget`].
    pub fn remove(&mut self, peer: PeerIndex, identity: &PeerIdentity, state: PeerState) {
        let without = without_bgp_id(identity);
        if let Some(alike) = self.alike.get_mut(&without) {
            alike.tally(state).remove(peer);
            if identity.bgp_id == 0 {
                alike.nameless = None;
            }
            if *alike == Alike::default() {
                self.alike.remove(&without);
            }
        }
    }

    /// Notes that a peer with this present identity changed its state.
    pub fn change_state(
        &mut self,
        peer: PeerIndex,
        identity: &PeerIdentity,
        before: PeerState,
        after: PeerState,
    ) {
        if before != after
            && let Some(alike) = self.alike.get_mut(&without_bgp_id(identity))
        {
            alike.tally(before).remove(peer);
            alike.tally(after).add(peer);
        }
    }

    /// Notes that all peers are down.
    pub fn all_down(&mut self) {
        for alike in self.alike.values_mut() {
            let up = std::mem::take(&mut alike.up);
            alike.down.peers += up.peers;
            alike.down.places += up.places;
        }
    }

    /// Notes that a peer has tables under this identity. Returns whether the identity leads to this peer: it may lead to
    /// another one already.
    pub fn note(&mut self, peer: PeerIndex, identity: &PeerIdentity) -> bool {
        *self.exact.entry(*identity).or_insert(peer) == peer
    }

    /// Forgets an identity that is not the present one of its peer.
    pub fn forget(&mut self, peer: PeerIndex, identity: &PeerIdentity) {
        if self.exact.get(identity) == Some(&peer) {
            self.exact.remove(identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few values, so that many identities agree.
    fn identity(address: u8, bgp_id: u32) -> PeerIdentity {
        PeerIdentity {
            peer_type: 0,
            distinguisher: [0; 8],
            address: [address; 16],
            bgp_id,
        }
    }

    /// The rule that the top of this file states, by a search through all peers.
    fn by_search(peers: &[(PeerIdentity, PeerState)], identity: &PeerIdentity) -> Option<PeerIndex> {
        let places = |wanted: &dyn Fn(&PeerIdentity, PeerState) -> bool| {
            let places = peers.iter().enumerate();
            let mut places = places.filter(|(_, (known, state))| wanted(known, *state));
            let first = places.next().map(|(place, _)| PeerIndex(place));
            (first, places.count())
        };
        if let (Some(exact), _) = places(&|known, _| known == identity) {
            return Some(exact);
        }
        let agrees = |known: &PeerIdentity| {
            without_bgp_id(known) == without_bgp_id(identity) && (known.bgp_id == 0 || identity.bgp_id == 0)
        };
        match places(&|known, state| agrees(known) && state != PeerState::Down) {
            (Some(only), 0) => Some(only),
            (Some(_), _) => None,
            (None, _) => match places(&|known, state| agrees(known) && state == PeerState::Down) {
                (Some(only), 0) => Some(only),
                _ => None,
            },
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// A message of this identity, which leaves its peer in this state.
        Message(u8, u32, PeerState),
        /// A Peer Up: the peer has this identity from now on.
        Identify(u8, u32),
        /// The peer at this place is forgotten, and a new peer gets its place.
        Replace(usize, u8, u32),
        /// The session is lost.
        Lose,
    }

    fn step() -> impl Strategy<Value = Step> {
        let state = prop::sample::select(vec![PeerState::Down, PeerState::Up, PeerState::Provisional]);
        prop_oneof![
            4 => (0..3_u8, 0..4_u32, state).prop_map(|(address, id, state)| Step::Message(address, id, state)),
            2 => (0..3_u8, 0..4_u32).prop_map(|(address, id)| Step::Identify(address, id)),
            1 => (0..8_usize, 0..3_u8, 0..4_u32).prop_map(|(place, address, id)| Step::Replace(place, address, id)),
            1 => Just(Step::Lose),
        ]
    }

    proptest! {
        #[test]
        fn a_look_up_finds_the_peer_that_a_search_finds(steps in prop::collection::vec(step(), 0..60)) {
            let mut identities = Identities::default();
            let mut peers: Vec<(PeerIdentity, PeerState)> = Vec::new();
            for step in steps {
                match step {
                    Step::Message(address, id, state) => {
                        let identity = identity(address, id);
                        let peer = identities.find(&identity).unwrap_or_else(|| {
                            peers.push((identity, PeerState::Down));
                            let peer = PeerIndex(peers.len() - 1);
                            identities.add(peer, &identity, PeerState::Down);
                            peer
                        });
                        let (present, before) = peers[peer.0];
                        identities.change_state(peer, &present, before, state);
                        peers[peer.0].1 = state;
                    }
                    Step::Identify(address, id) => {
                        let identity = identity(address, id);
                        if let Some(peer) = identities.find(&identity) {
                            let (before, state) = peers[peer.0];
                            identities.remove(peer, &before, state);
                            // The search knows present identities only.
                            identities.forget(peer, &before);
                            identities.add(peer, &identity, state);
                            peers[peer.0].0 = identity;
                        }
                    }
                    Step::Lose => {
                        identities.all_down();
                        peers.iter_mut().for_each(|(_, state)| *state = PeerState::Down);
                    }
                    Step::Replace(place, address, id) => {
                        let identity = identity(address, id);
                        if let Some(&(before, state)) = peers.get(place)
                            && identities.find(&identity).is_none()
                        {
                            let peer = PeerIndex(place);
                            identities.remove(peer, &before, state);
                            identities.forget(peer, &before);
                            identities.add(peer, &identity, PeerState::Down);
                            peers[place] = (identity, PeerState::Down);
                        }
                    }
                }
                for address in 0..3 {
                    for id in 0..5 {
                        let identity = identity(address, id);
                        prop_assert_eq!(identities.find(&identity), by_search(&peers, &identity));
                    }
                }
            }
        }
    }

    /// Each message whose header has no exact entry once looked at every peer: 10,000 peers cost 28 ms of a turn.
    #[test]
    fn a_header_without_an_exact_entry_costs_two_look_ups_however_many_peers_there_are() {
        let mut identities = Identities::default();
        for number in 1..=10_000 {
            let state = if number % 2 == 0 {
                PeerState::Up
            } else {
                PeerState::Down
            };
            identities.add(PeerIndex(number), &identity(1, number as u32), state);
        }
        for nameless_or_new in [identity(1, 0), identity(2, 0), identity(1, 99_999)] {
            identities.looked_up.set(0);
            assert_eq!(identities.find(&nameless_or_new), None);
            assert!(identities.looked_up.get() <= 2, "{}", identities.looked_up.get());
        }
    }
}
