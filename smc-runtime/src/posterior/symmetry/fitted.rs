//! What aligned draws can be put in place of: one network, or a few normal densities.

use std::sync::Arc;

use super::Aligned;
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::family::{Mixture, Trail};
use crate::infer::Draws;
use crate::model::Model;
use crate::posterior::Posterior;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::sampling::resample::{Resample as _, Systematic};

/// Draws whose distances from the mean a component keeps.
const RANK: usize = 20;

/// Rounds of assignment to the nearest centre.
const ROUNDS: usize = 50;

impl<M: Model> Aligned<M> {
    /// The mean of the draws, in unconstrained coordinates, as a posterior of one network. Means of draws that are not aligned are no network; that of aligned
    /// draws is one as far as their functions are alike.
    pub fn into_mean(self) -> Posterior<M> {
        let weights = self.posterior.weights();
        let mean = self.posterior.positions().means(&weights);
        let mut one = Population::zeros(1, mean.len());
        for (x, m) in one.on_host().row_mut(0).iter_mut().zip(mean) {
            *x = m as f32;
        }
        let instead =
            "the mean of aligned draws in the place of the draws: no posterior of the model";
        self.posterior.with_draws(Draws::points(one), instead)
    }

    /// A mixture of `components` normal densities, each of the draws nearest to its centre (diagonal and low-rank halves, as in [`swag`](crate::infer::swag())), as a
    /// posterior of as many draws of it as there were: a few vectors that can be saved in the place of a thousand, and drawn from again. What it is worth is to be
    /// measured: it is no posterior of the model.
    ///
    /// # Errors
    /// If there is no component, or if there are more than draws.
    pub fn into_normals(self, components: usize) -> Result<Posterior<M>> {
        let weights = self.posterior.weights();
        // Draws that count alike, each as often as its weight says.
        let streams = Streams::new(self.posterior.report().seed).member(2);
        let mut stream = streams.stream(Purpose::Resample, 0, 0, 0);
        let even = weights
            .iter()
            .all(|w| (w * weights.len() as f64 - 1.0).abs() < 1e-9);
        let draws = if even {
            self.posterior.positions().clone()
        } else {
            let chosen = Systematic.ancestors(&weights, &mut stream);
            self.posterior.positions().gather(&chosen)
        };
        let draws = &draws;
        if components == 0 || components > draws.len() {
            let expected = format!("between 1 and the {} draws", draws.len());
            return Err(Error::config("components", components, expected));
        }
        let groups = nearest(draws, components);
        let mut all: Vec<Arc<dyn Density>> = Vec::new();
        let mut shares = Vec::new();
        for group in 0..components {
            let mut trail = Trail::default();
            let members: Vec<usize> = (0..draws.len()).filter(|k| groups[*k] == group).collect();
            let Some(first) = members.first() else {
                continue;
            };
            for &k in &members {
                trail.look(&draws.gather(&[k]), RANK);
            }
            all.push(trail.density(&draws.gather(&[*first]))?);
            shares.push(members.len() as f64);
        }
        let mixture = Arc::new(Mixture::new(all, &shares)?);
        let drawn = Draws::of(mixture, streams, draws.len());
        let instead =
            "draws of a few normals in the place of aligned draws: no posterior of the model";
        Ok(self.posterior.with_draws(drawn, instead))
    }
}

/// The centre that each draw is nearest to, of so many: the first is the first draw, each other one the draw farthest from those there are, then they move to the
/// means of what is nearest until nothing changes.
fn nearest(draws: &Population, components: usize) -> Vec<usize> {
    let scale = vec![1.0; draws.dim()];
    let mut centres = vec![0];
    while centres.len() < components {
        let far = draws.squared_distances_to_each(&draws.gather(&centres), &scale);
        let least = |row: &Vec<f64>| row.iter().copied().fold(f64::INFINITY, f64::min);
        let next = (0..draws.len()).max_by(|a, b| least(&far[*a]).total_cmp(&least(&far[*b])));
        centres.push(next.unwrap_or(0));
    }
    let mut centres = draws.gather(&centres);
    let mut of = Vec::new();
    for _ in 0..ROUNDS {
        let far = draws.squared_distances_to_each(&centres, &scale);
        let closest = |row: &Vec<f64>| {
            let each = row.iter().enumerate();
            each.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(k, _)| k)
        };
        let now: Vec<usize> = far.iter().map(closest).collect();
        if now == of {
            break;
        }
        of = now;
        for group in 0..components {
            let weights: Vec<f64> = of
                .iter()
                .map(|g| f64::from(u8::from(*g == group)))
                .collect();
            let n: f64 = weights.iter().sum();
            if n > 0.0 {
                let weights: Vec<f64> = weights.iter().map(|w| w / n).collect();
                let mean = draws.means(&weights);
                let row = centres.on_host().row_mut(group);
                for (x, m) in row.iter_mut().zip(mean) {
                    *x = m as f32;
                }
            }
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_go_to_the_nearest_centre() {
        let values = vec![0.0, 0.1, 9.0, 0.2, 9.1, -5.0];
        let draws = Population::from_values(1, values).unwrap();
        let of = nearest(&draws, 3);
        assert_eq!(of[0], of[1]);
        assert_eq!(of[0], of[3]);
        assert_eq!(of[2], of[4]);
        let mut different = vec![of[0], of[2], of[5]];
        different.sort_unstable();
        assert_eq!(different, [0, 1, 2]);
    }
}
