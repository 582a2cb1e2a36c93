//! The best possible distribution of routers over workers, which the measured distribution is compared with.

use crate::load_settings::LoadSettings;

/// With more routers than this, there are too many distributions to try all of them.
const MOST_TRIED: u16 = 16;

impl LoadSettings {
    /// Returns the smallest possible share of the busiest of this many workers. A router belongs to one worker, so the work
    /// can't always be divided evenly.
    #[must_use]
    pub fn ideal_share(&self, workers: usize) -> f64 {
        if workers < 2 {
            return workers as f64;
        }
        let mut weights: Vec<u64> = (0..self.routers)
            .map(|router| u64::from(self.weight(router)))
            .collect();
        weights.reverse();
        let all: u64 = weights.iter().sum();
        let even = all
            .div_ceil(workers as u64)
            .max(weights.first().copied().unwrap_or(0));
        let busiest = if self.routers <= MOST_TRIED {
            least_busiest(&weights, &mut vec![0; workers], all)
        } else {
            even
        };
        busiest as f64 / all.max(1) as f64
    }
}

/// Returns the smallest possible load of the busiest worker when these weights are distributed over the workers, or `best`
/// if that is smaller.
fn least_busiest(weights: &[u64], workers: &mut [u64], best: u64) -> u64 {
    let Some((first, rest)) = weights.split_first() else {
        return best.min(workers.iter().copied().max().unwrap_or(0));
    };
    let mut best = best;
    for worker in 0..workers.len() {
        let Some(load) = workers.get(worker).copied() else {
            continue;
        };
        // Workers with the same load are equivalent, so only the first of them is tried.
        if load + first < best && !workers.iter().take(worker).any(|other| *other == load) {
            workers[worker] = load + first;
            best = least_busiest(rest, workers, best);
            workers[worker] = load;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ideal_share_is_that_of_the_best_spread() {
        let equal = |routers| LoadSettings {
            routers,
            ..LoadSettings::default()
        };
        let unequal = |routers| LoadSettings {
            unequal: true,
            ..equal(routers)
        };
        assert_eq!(equal(8).ideal_share(2), 0.5);
        assert_eq!(equal(8).ideal_share(1), 1.0);
        assert_eq!(equal(1).ideal_share(2), 1.0);
        assert_eq!(equal(3).ideal_share(2), 2.0 / 3.0);
        // The busiest worker has 5 + 3 or 5 + 2 + 1 of 15.
        assert_eq!(unequal(5).ideal_share(2), 8.0 / 15.0);
        assert_eq!(equal(1000).ideal_share(2), 0.5);
        assert_eq!(equal(8).ideal_share(0), 0.0);
    }
}
