//! Landmarks: acknowledged messages that show after a reconnect whether the stream still has what it acknowledged.
//!
//! A stream can lose its newest messages although it acknowledged them: a power failure before the server synced its files,
//! or a store that was restored from an older copy. Whoever reads the stream from then on misses those messages. The publisher
//! keeps the last acknowledged message of each router. A loss cuts off the end of the stream, so a router has lost something
//! exactly if its last message is gone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_client::Trouble;
use arancini_client::headers::message_identity;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};

use super::reply::lost;

/// With more routers than this, the older half is no longer told apart.
const MOST_ROUTERS: usize = 16_384;

/// An acknowledged message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Landmark {
    /// Its place in the stream.
    pub(crate) sequence: u64,
    /// Its subject.
    pub(crate) subject: Arc<str>,
    /// Its [identity](message_identity).
    pub(crate) identity: String,
}

/// The landmarks of one life of a collector.
#[derive(Debug, Clone, Default)]
pub(crate) struct Landmarks {
    /// Whatever was acknowledged before this message has no landmark of its own. The first fence, at the beginning.
    base: Option<Landmark>,
    /// The newest message of all.
    newest: Option<Landmark>,
    /// The last message of each router behind `base`.
    routers: HashMap<IpAddr, Landmark>,
}

/// The routers of which the stream has lost messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LostRouters {
    /// These.
    Some(Vec<IpAddr>),
    /// All, and perhaps some of an earlier run.
    All,
}

impl Landmarks {
    /// Begins anew with a fence that was just raised.
    pub(crate) fn begin(&mut self, fence: Landmark) {
        self.routers.clear();
        self.newest = Some(fence.clone());
        self.base = Some(fence);
    }

    /// Returns whether there is a base.
    pub(crate) const fn has_begun(&self) -> bool {
        self.base.is_some()
    }

    /// Notes that a message of a router was acknowledged. An older one than before changes nothing: if the stream counts
    /// lower than before, the message before it is the one that is gone.
    pub(crate) fn note(&mut self, router: IpAddr, landmark: Landmark) {
        if self
            .newest
            .as_ref()
            .is_none_or(|newest| newest.sequence < landmark.sequence)
        {
            self.newest = Some(landmark.clone());
        }
        match self.routers.get_mut(&router) {
            Some(before) if before.sequence >= landmark.sequence => {}
            Some(before) => *before = landmark,
            None => {
                if self.routers.len() >= MOST_ROUTERS {
                    self.forget_older_half();
                }
                self.routers.insert(router, landmark);
            }
        }
    }

    fn forget_older_half(&mut self) {
        let by_age = self.by_age();
        let middle = by_age.len() / 2;
        let Some((_, base)) = by_age.get(middle).cloned() else {
            return;
        };
        self.routers
            .retain(|_, landmark| landmark.sequence > base.sequence);
        self.base = Some(base);
    }

    /// Returns the newest landmark.
    pub(crate) const fn newest(&self) -> Option<&Landmark> {
        self.newest.as_ref()
    }

    /// Returns the landmarks of the routers, the oldest first.
    fn by_age(&self) -> Vec<(IpAddr, Landmark)> {
        let mut all: Vec<_> = self
            .routers
            .iter()
            .map(|(router, landmark)| (*router, landmark.clone()))
            .collect();
        all.sort_unstable_by_key(|(_, landmark)| landmark.sequence);
        all
    }

    /// Finds the routers whose last message is gone, when the newest landmark is gone. `fence` is the place of a fence that was
    /// raised since: what was acknowledged at or behind that place is gone for sure. `first` is the stream's first sequence:
    /// what lies before was removed by a limit, which is no loss.
    ///
    /// # Errors
    /// The stream cannot be read now.
    pub(crate) async fn lost_routers(
        &self,
        stream: &Stream,
        fence: u64,
        first: u64,
    ) -> Result<LostRouters, Trouble> {
        let is_there = async |landmark: &Landmark| match landmark.sequence {
            sequence if sequence >= fence => Ok(false),
            sequence if sequence < first => Ok(true),
            _ => is_stored(stream, landmark).await,
        };
        match &self.base {
            Some(base) if is_there(base).await? => {}
            _ => return Ok(LostRouters::All),
        }
        let by_age = self.by_age();
        // Everything before the cut is there, and everything behind it is gone.
        let (mut low, mut high) = (0, by_age.len());
        while low < high {
            let middle = (low + high) / 2;
            match by_age.get(middle) {
                Some((_, landmark)) if is_there(landmark).await? => low = middle + 1,
                _ => high = middle,
            }
        }
        let gone = by_age.into_iter().skip(low);
        Ok(LostRouters::Some(gone.map(|(router, _)| router).collect()))
    }
}

/// Returns whether the stream has the message at its place.
async fn is_stored(stream: &Stream, landmark: &Landmark) -> Result<bool, Trouble> {
    match stream.get_raw_message(landmark.sequence).await {
        Ok(found) => Ok(message_identity(&found.headers) == Some(&landmark.identity)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(false),
        Err(_) => Err(lost()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn landmark(sequence: u64) -> Landmark {
        Landmark {
            sequence,
            subject: "arancini.updates".into(),
            identity: sequence.to_string(),
        }
    }

    fn router(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn the_newest_message_of_each_router_counts() {
        let mut landmarks = Landmarks::default();
        assert!(landmarks.newest().is_none() && !landmarks.has_begun());
        landmarks.begin(landmark(5));
        assert_eq!(landmarks.newest(), Some(&landmark(5)));
        landmarks.note(router(1), landmark(9));
        landmarks.note(router(2), landmark(8));
        landmarks.note(router(1), landmark(7));
        assert_eq!(
            landmarks.newest(),
            Some(&landmark(9)),
            "an older message changes nothing"
        );
        assert_eq!(
            landmarks.by_age(),
            [(router(2), landmark(8)), (router(1), landmark(9))]
        );
        landmarks.begin(landmark(6));
        assert_eq!(
            landmarks.newest(),
            Some(&landmark(6)),
            "nothing is known of what was before"
        );
    }

    #[test]
    fn the_landmarks_are_bounded() {
        let mut landmarks = Landmarks::default();
        landmarks.begin(landmark(1));
        for number in 0..50_000 {
            landmarks.note(router(number), landmark(u64::from(number) + 2));
            assert!(landmarks.routers.len() <= MOST_ROUTERS);
        }
        assert_eq!(landmarks.newest(), Some(&landmark(50_001)));
        let base = landmarks.base.clone().unwrap().sequence;
        assert!(
            landmarks
                .by_age()
                .iter()
                .all(|(_, landmark)| landmark.sequence > base)
        );
    }
}
