//! Resampling by the Srinivasan sampling process.

use super::{Resample, repeated, sure_and_left};
use crate::base::rng::Stream;

/// The Srinivasan sampling process (Gerber, Chopin and Whiteley, *Negative association, ordering and convergence of
/// resampling methods*, 2019, Algorithm 3).
///
/// Particle i has ⌊J·Wᵢ⌋ or ⌈J·Wᵢ⌉ offspring, as in systematic resampling, and numbers of offspring are negatively
/// associated: whatever the order of the particles, none are favoured together. So the mean of any function over the
/// offspring is consistent, which is not known of systematic resampling.
///
/// What is left of J·Wᵢ after ⌊J·Wᵢ⌋ is settled in pairs a, b. Where a + b < 1, one of them, with odds a : b, carries the sum
/// on and the other is done. Otherwise one of them, with odds 1 − b : 1 − a, gets an offspring and the other carries
/// a + b − 1 on. In both cases the expected share of each is what it was.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().resample(Ssp);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ssp;

impl Resample for Ssp {
    fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize> {
        let (mut offspring, left) = sure_and_left(weights);
        let with_share = left.iter().enumerate().filter(|&(_, &share)| share > 0.0);
        let mut carried: Option<(usize, f64)> = None;
        for (b, &share_b) in with_share {
            let Some((a, share_a)) = carried else {
                carried = Some((b, share_b));
                continue;
            };
            let total = share_a + share_b;
            let u = stream.uniform();
            carried = Some(if total < 1.0 {
                (if u * total < share_a { a } else { b }, total)
            } else {
                let (done, on) = if u * (2.0 - total) < 1.0 - share_b {
                    (a, b)
                } else {
                    (b, a)
                };
                offspring[done] += 1;
                (on, total - 1.0)
            });
        }
        // The last share is 0 or 1 but for rounding.
        if let Some((last, _)) = carried {
            offspring[last] += weights.len().saturating_sub(offspring.iter().sum());
        }
        repeated(&offspring)
    }
}
