//! Distribution functions of counts, and what a prediction asks of them: quantiles and the continuous ranked probability score.

use special::{Beta, Gamma};

/// −log y!.
pub(super) fn minus_ln_factorial(y: f64) -> f64 {
    -libm::lgamma(y + 1.0)
}

/// From this mean, or this dispersion, on a limit stands for the distribution.
const LARGE: f64 = 1e8;

/// P(Y <= y) of the Poisson distribution: the upper tail of a gamma distribution. A normal beyond a rate of 10⁸, which is
/// off by 10⁻⁵ at most.
pub(super) fn poisson_cdf(rate: f64, y: f64) -> f64 {
    if rate.is_nan() || y.is_nan() || rate < 0.0 {
        return f64::NAN;
    }
    if y < 0.0 || rate == f64::INFINITY {
        return 0.0;
    }
    if y == f64::INFINITY || rate == 0.0 {
        return 1.0;
    }
    if rate > LARGE {
        let z = (y.floor() + 0.5 - rate) / rate.sqrt();
        return 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    }
    (1.0 - rate.inc_gamma(y.floor() + 1.0)).clamp(0.0, 1.0)
}

/// P(Y <= y) of the negative binomial distribution with this mean and dispersion r: a regularised incomplete beta function.
/// The Poisson distribution beyond an r of 10⁸.
pub(super) fn negative_binomial_cdf(mean: f64, r: f64, y: f64) -> f64 {
    if r > LARGE {
        return poisson_cdf(mean, y);
    }
    if mean.is_nan() || y.is_nan() || mean < 0.0 || r <= 0.0 || r.is_nan() {
        return f64::NAN;
    }
    if y < 0.0 || mean == f64::INFINITY {
        return 0.0;
    }
    if y == f64::INFINITY {
        return 1.0;
    }
    let failures = y.floor() + 1.0;
    let p = r / (r + mean);
    p.inc_beta(r, failures, r.ln_beta(failures)).clamp(0.0, 1.0)
}

/// The smallest count whose distribution function is at least `p`, found from `centre` outwards; `None` if there is none
/// below 10¹⁵.
pub(crate) fn quantile(cdf: impl Fn(f64) -> f64, p: f64, centre: f64) -> Option<f64> {
    const MOST: f64 = 1e15;
    let reaches = |k: f64| cdf(k) >= p;
    // `low` is below the quantile, `high` is not.
    let mut low = -1.0;
    let mut high = if centre > 0.0 && centre < MOST {
        centre.ceil()
    } else {
        0.0
    };
    while !reaches(high) {
        low = high;
        high = 2.0 * high + 1.0;
        if high > MOST {
            return None;
        }
    }
    while high - low > 1.0 {
        let middle = (0.5 * (low + high)).floor();
        if reaches(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Continuous ranked probability score of the count y, Σ_k (F(k) − 1\[k >= y\])², where F is as good as 0 below `low` and
/// as good as 1 from `high` on. In bands of equal width beyond so many counts, in which F is taken to be level.
pub(crate) fn crps(cdf: impl Fn(f64) -> f64, low: f64, high: f64, y: f64) -> f64 {
    const BANDS: f64 = 4096.0;
    let part = |from: f64, to: f64, above: f64| {
        let width = ((to - from) / BANDS).ceil().max(1.0);
        let mut total = 0.0;
        let mut k = from;
        while k < to {
            let width = width.min(to - k);
            let middle = k + (0.5 * (width - 1.0)).floor();
            total += width * (cdf(middle) - above).powi(2);
            k += width;
        }
        total
    };
    part(low.min(y), y, 0.0) + part(y, high.max(y), 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_found_from_anywhere() {
        let cdf = |k: f64| poisson_cdf(7.5, k);
        for (p, expected) in [(1e-5, 0.0), (0.5, 7.0), (0.999, 17.0)] {
            assert!(cdf(expected) >= p && (expected == 0.0 || cdf(expected - 1.0) < p));
            for centre in [0.0, 7.5, 1e6, -3.0, f64::NAN, f64::INFINITY, 1e300] {
                assert_eq!(
                    quantile(cdf, p, centre),
                    Some(expected),
                    "{p} from {centre}"
                );
            }
        }
        assert_eq!(quantile(|_| f64::NAN, 0.5, 1.0), None);
        assert_eq!(quantile(|_| 0.4, 0.5, 1.0), None);
    }

    #[test]
    fn the_ranked_probability_score_of_a_certain_count_is_its_distance() {
        let cdf = |k: f64| f64::from(u8::from(k >= 12.0));
        for (y, expected) in [(12.0, 0.0), (3.0, 9.0), (40.0, 28.0)] {
            assert!((crps(cdf, 12.0, 12.0, y) - expected).abs() < 1e-12);
        }
        // More counts than there are bands: ∫ (F − 1)² of a step that ramps from 0 to 10⁶ is a third of its length.
        let ramp = |k: f64| (k / 1e6).clamp(0.0, 1.0);
        let found = crps(ramp, 0.0, 1e6, 0.0);
        assert!((found - 1e6 / 3.0).abs() < 1e-5 * found, "{found}");
    }
}
