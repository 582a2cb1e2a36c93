//! Statistics of measurements: medians, quantiles, ratios.

/// The median of several runs, with the smallest and the largest value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// The middle value; for an even number of values, the mean of the middle two.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// Returns the spread of these values; all zeros without values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else {
            return Self::default();
        };
        let middle = values.len() / 2;
        let above = values.get(middle).copied().unwrap_or(max);
        let below = values.get(values.len().div_ceil(2) - 1).copied().unwrap_or(min);
        Self {
            median: f64::midpoint(below, above),
            min,
            max,
        }
    }
}

/// Divides two figures. Returns 0 if the divisor is 0, because it was not measured.
#[must_use]
pub fn ratio(of: f64, to: f64) -> f64 {
    if to > 0.0 { of / to } else { 0.0 }
}

/// Returns the rank of a quantile among `count` sorted values, counted from 1. The nearest rank is used, so the quantile is
/// always one of the values.
#[must_use]
pub fn rank(count: u64, quantile: f64) -> u64 {
    ((count as f64 * quantile).ceil() as u64).clamp(u64::from(count > 0), count)
}

/// Returns a quantile of sorted values; 0 without values.
#[must_use]
pub fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let place = rank(sorted.len() as u64, quantile).saturating_sub(1);
    sorted.get(place as usize).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_middle_two() {
        let spread = |values: &[f64]| {
            let spread = Spread::of(values.iter().copied());
            (spread.median, spread.min, spread.max)
        };
        assert_eq!(spread(&[]), (0.0, 0.0, 0.0));
        assert_eq!(spread(&[3.0]), (3.0, 3.0, 3.0));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), (2.0, 1.0, 9.0));
        assert_eq!(spread(&[4.0, 1.0, 9.0, 2.0]), (3.0, 1.0, 9.0));
    }

    #[test]
    fn a_quantile_is_the_value_of_the_nearest_rank() {
        let values: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.5), 500.0);
        assert_eq!(quantile(&values, 0.99), 990.0);
        assert_eq!(quantile(&values, 0.999), 999.0);
        assert_eq!(quantile(&values, 1.0), 1000.0);
        assert_eq!(quantile(&[7.0], 0.5), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
        assert_eq!((rank(0, 0.5), rank(10, 0.0), rank(3, 0.5)), (0, 1, 2));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!((ratio(1.0, 0.0), ratio(1.0, 4.0)), (0.0, 0.25));
    }
}
