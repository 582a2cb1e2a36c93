//! The bound on the time series of single routers and peers.

/// How many time series a scrape may still have.
#[derive(Debug)]
pub(super) struct SeriesBudget {
    left: usize,
    left_out: u64,
}

impl SeriesBudget {
    /// A budget of this many series.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            left: most,
            left_out: 0,
        }
    }

    /// Takes series for one router or peer. Returns `false` if they do not fit. Then everything that follows is left out too, so
    /// that two scrapes leave out the same.
    pub(super) fn take(&mut self, series: usize) -> bool {
        let fits = self.left_out == 0 && series <= self.left;
        if fits {
            self.left -= series;
        } else {
            self.left_out += series as u64;
        }
        fits
    }

    /// Number of series that were left out.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_with_everything_behind_it() {
        let mut budget = SeriesBudget::new(10);
        assert!(budget.take(6));
        assert!(!budget.take(5));
        assert!(
            !budget.take(1),
            "it would fit, and in the next scrape it might not"
        );
        assert_eq!(budget.left_out(), 6);
    }
}
