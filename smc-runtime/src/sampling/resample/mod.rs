//! Resampling schemes: which particles have offspring. One scheme per file.
//!
//! All are unbiased; they differ in how much the numbers of offspring vary. With f the fractional part of J·W, the
//! variance of the number of offspring of one particle is
//!
//! | scheme | variance |
//! |---|---|
//! | [`Multinomial`] | J·W·(1 − W), the largest |
//! | [`Residual`] | R·r·(1 − r) with R and r what is left after ⌊J·W⌋ sure offspring each |
//! | [`Stratified`] | Σ_k p_k·(1 − p_k) with p_k the part of stratum k that the particle covers |
//! | [`Systematic`], [`Ssp`] | f·(1 − f), the smallest that there is |
//!
//! [`Systematic`] depends on the order of the particles, and can favour some of them together; [`Ssp`] cannot.

mod multinomial;
mod residual;
mod ssp;
mod stratified;
mod systematic;

pub use multinomial::Multinomial;
pub use residual::Residual;
pub use ssp::Ssp;
pub use stratified::Stratified;
pub use systematic::Systematic;

use std::fmt::Debug;

use crate::base::rng::Stream;

/// Chooses J ancestors in proportion to weights.
///
/// Contract. `weights` are normalised; the expected number of offspring of particle i is J·Wᵢ; cumulative sums are f64.
///
/// ```
/// use smc_runtime::base::rng::Stream;
/// use smc_runtime::prelude::*;
/// use smc_runtime::sampling::resample::Resample;
///
/// /// One turn of a roulette wheel for each new particle.
/// #[derive(Debug)]
/// struct Roulette;
///
/// impl Resample for Roulette {
///     fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize> {
///         let last = weights.iter().rposition(|&w| w > 0.0).unwrap_or(0);
///         let mut turn = || {
///             let mut left = stream.uniform();
///             let stops = |w: &f64| {
///                 left -= w;
///                 left < 0.0
///             };
///             weights.iter().position(stops).unwrap_or(last)
///         };
///         weights.iter().map(|_| turn()).collect()
///     }
/// }
/// let algorithm = smc().resample(Roulette);
/// ```
pub trait Resample: Debug + Send + Sync {
    /// The ancestors of the new particles, in order.
    fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize>;
}

const _: fn(&dyn Resample) = |_| ();

/// The particles on whose share of the cumulative `weights` the points, which ascend from 0 to 1, fall.
fn at_points(weights: &[f64], points: impl IntoIterator<Item = f64>) -> Vec<usize> {
    let mut cumulative = weights.first().copied().unwrap_or(0.0);
    // Rounding may leave the last points beyond the total; they go to the last particle that has weight.
    let last = weights.iter().rposition(|&w| w > 0.0).unwrap_or(0);
    let mut i = 0;
    let place = |point: f64| {
        while point >= cumulative && i < last {
            i += 1;
            cumulative += weights[i];
        }
        i
    };
    points.into_iter().map(place).collect()
}

/// `n` independent uniform numbers, in ascending order.
fn ascending_uniforms(n: usize, stream: &mut Stream) -> Vec<f64> {
    let mut points: Vec<f64> = (0..n).map(|_| stream.uniform()).collect();
    points.sort_unstable_by(f64::total_cmp);
    points
}

/// The sure offspring ⌊J·Wᵢ⌋ of every particle, and what is left of J·Wᵢ.
fn sure_and_left(weights: &[f64]) -> (Vec<usize>, Vec<f64>) {
    // A weight that rounding left just below k/J stands for k/J: equal weights are one sure offspring each.
    const ROUNDING: f64 = 1e-9;
    let expected = |w: &f64| {
        let expected = weights.len() as f64 * w;
        let sure = (expected + ROUNDING).floor();
        (sure as usize, (expected - sure).max(0.0))
    };
    weights.iter().map(expected).unzip()
}

/// Every particle as often as it has offspring.
fn repeated(offspring: &[usize]) -> Vec<usize> {
    let of = |(i, &n): (usize, &usize)| std::iter::repeat_n(i, n);
    offspring.iter().enumerate().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Purpose, Streams};
    use proptest::prelude::*;

    const RUNS: usize = 40_000;

    fn all() -> [&'static dyn Resample; 5] {
        [&Multinomial, &Residual, &Stratified, &Systematic, &Ssp]
    }

    fn offspring(scheme: &dyn Resample, weights: &[f64], run: usize) -> Vec<f64> {
        let mut stream = Streams::new(12).stream(Purpose::Resample, run, 0, 0);
        let mut counts = vec![0.0; weights.len()];
        for a in scheme.ancestors(weights, &mut stream) {
            counts[a] += 1.0;
        }
        counts
    }

    /// (mean, standard error) of a function of the offspring.
    fn mean(scheme: &dyn Resample, weights: &[f64], f: impl Fn(&[f64]) -> f64) -> (f64, f64) {
        let values: Vec<f64> = (0..RUNS)
            .map(|run| f(&offspring(scheme, weights, run)))
            .collect();
        let mean = values.iter().sum::<f64>() / RUNS as f64;
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / RUNS as f64;
        (mean, (square / RUNS as f64).sqrt())
    }

    /// The variance of the number of offspring of every particle, from the formulas at the head of this module.
    fn variances(weights: &[f64]) -> [Vec<f64>; 5] {
        let n = weights.len() as f64;
        let bernoulli = |p: f64| p * (1.0 - p);
        let left: Vec<f64> = weights.iter().map(|w| (n * w).fract()).collect();
        let rest: f64 = left.iter().sum();
        let covered = |k: usize, i: usize| {
            let start: f64 = n * weights[..i].iter().sum::<f64>();
            let end = start + n * weights[i];
            (end.min(k as f64 + 1.0) - start.max(k as f64)).max(0.0)
        };
        let strata = |i: usize| (0..weights.len()).map(|k| bernoulli(covered(k, i))).sum();
        let least: Vec<f64> = left.iter().map(|&f| bernoulli(f)).collect();
        [
            weights.iter().map(|&w| n * bernoulli(w)).collect(),
            left.iter().map(|f| rest * bernoulli(f / rest)).collect(),
            (0..weights.len()).map(strata).collect(),
            least.clone(),
            least,
        ]
    }

    #[test]
    fn offspring_have_the_mean_and_the_variance_of_their_scheme() {
        let weights = [0.07, 0.0, 0.33, 0.18, 0.26, 0.16];
        for (scheme, variances) in all().into_iter().zip(variances(&weights)) {
            for (i, variance) in variances.into_iter().enumerate() {
                let expected = 6.0 * weights[i];
                let close = |what: &str, (mean, se): (f64, f64), truth: f64| {
                    assert!(
                        (mean - truth).abs() <= 4.5 * se + 1e-12,
                        "{scheme:?}, particle {i}: {what} {mean} ± {se}, expected {truth}"
                    );
                };
                close("mean", mean(scheme, &weights, |c| c[i]), expected);
                let square = |c: &[f64]| (c[i] - expected).powi(2);
                close("variance", mean(scheme, &weights, square), variance);
            }
        }
    }

    #[test]
    fn the_variances_are_in_order() {
        let weights = [0.07, 0.0, 0.33, 0.18, 0.26, 0.16];
        let [multinomial, residual, stratified, systematic, _] = variances(&weights);
        for i in 0..weights.len() {
            assert!(residual[i] <= multinomial[i] + 1e-12);
            assert!(stratified[i] <= multinomial[i] + 1e-12);
            assert!(systematic[i] <= stratified[i].min(residual[i]) + 1e-12);
        }
    }

    /// Covariance of the offspring of particles 0 and 2 where J·W is ½ for the first four.
    fn covariance(scheme: &dyn Resample) -> (f64, f64) {
        mean(scheme, &[0.1, 0.1, 0.1, 0.1, 0.6], |c| {
            (c[0] - 0.5) * (c[2] - 0.5)
        })
    }

    #[test]
    fn ssp_never_favours_particles_together_and_systematic_does() {
        let (together, se) = covariance(&Ssp);
        assert!(together <= 4.5 * se, "{together} ± {se}");
        let (together, se) = covariance(&Systematic);
        assert!(
            (together - 0.25).abs() <= 4.5 * se + 1e-12,
            "{together} ± {se}"
        );
    }

    #[test]
    fn one_particle_with_all_the_weight_has_all_the_offspring() {
        for scheme in all() {
            for n in [1, 2, 7] {
                for one in 0..n {
                    let mut weights = vec![0.0; n];
                    weights[one] = 1.0;
                    let mut stream = Streams::new(1).stream(Purpose::Resample, n, one, 0);
                    let ancestors = scheme.ancestors(&weights, &mut stream);
                    assert_eq!(ancestors, vec![one; n], "{scheme:?}");
                }
            }
        }
    }

    #[test]
    fn equal_weights_are_one_offspring_each_where_the_scheme_says_so() {
        let schemes: [&dyn Resample; 4] = [&Residual, &Stratified, &Systematic, &Ssp];
        for n in 1..200 {
            // As weights come out of a run: the exponential of a logarithm.
            let weights = vec![(-(n as f64).ln()).exp(); n];
            for scheme in [&Residual as &dyn Resample, &Ssp] {
                assert_eq!(offspring(scheme, &weights, n), vec![1.0; n], "{scheme:?}");
            }
            for scheme in schemes {
                let most = offspring(scheme, &weights, n)
                    .into_iter()
                    .fold(0.0, f64::max);
                assert!(most <= 2.0, "{scheme:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_weights_give_as_many_ancestors_and_none_without_weight(
            raw in prop::collection::vec(prop_oneof![Just(0.0), 0.0..1.0f64, 1e-300..1e-290f64], 1..60),
            run in 0usize..1000,
        ) {
            let total: f64 = raw.iter().sum();
            prop_assume!(total > 1e-280);
            let weights: Vec<f64> = raw.iter().map(|w| w / total).collect();
            let n = weights.len() as f64;
            for scheme in all() {
                let counts = offspring(scheme, &weights, run);
                prop_assert_eq!(counts.iter().sum::<f64>(), n);
                for (count, w) in counts.iter().zip(&weights) {
                    prop_assert!(*count == 0.0 || *w > 0.0, "{:?}: {:?}", scheme, weights);
                }
            }
            for (count, w) in offspring(&Residual, &weights, run).iter().zip(&weights) {
                prop_assert!(*count >= (n * w).floor());
            }
            for scheme in [&Systematic as &dyn Resample, &Ssp] {
                for (count, w) in offspring(scheme, &weights, run).iter().zip(&weights) {
                    prop_assert!((count - n * w).abs() < 1.0 + 1e-9, "{:?}", scheme);
                }
            }
        }
    }
}
