//! The importance weights of a population. [`Weights::reweight`] is the only door: stage increments and kernel
//! corrections pass through it alike, and it alone normalises, adds to the log-evidence and decides what a non-finite
//! number means.

use serde::{Deserialize, Serialize};

use crate::base::sums::log_sum_exp;

/// The conditional effective sample size of `increments` under normalised log-weights, as a fraction of J:
/// (ΣWu)²/ΣWu² with u = exp(increment).
pub fn cess(log_weights: &[f64], increments: &[f64]) -> f64 {
    let pairs = || log_weights.iter().zip(increments);
    // It is the same for u relative to the largest; log-weights would be rounded away beside increments of −10²⁰.
    let largest = pairs()
        .filter(|(w, _)| **w > f64::NEG_INFINITY)
        .map(|(_, u)| finite(*u))
        .fold(f64::NEG_INFINITY, f64::max);
    let first: Vec<f64> = pairs().map(|(w, u)| finite(w + (u - largest))).collect();
    let second: Vec<f64> = pairs()
        .map(|(w, u)| finite(w + 2.0 * (u - largest)))
        .collect();
    let value = (2.0 * log_sum_exp(&first) - log_sum_exp(&second)).exp();
    if value.is_nan() { 0.0 } else { value }
}

/// The rule for log-densities that are not finite: they count as −∞.
fn finite(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        f64::NEG_INFINITY
    } else {
        x
    }
}

/// Normalised weights W of J particles and the log-evidence that has passed through them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    log: Vec<f64>,
    log_evidence: f64,
}

/// What a reweighting did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reweighted {
    /// Conditional effective sample size of the increments, as a fraction of J.
    pub cess: f64,
    /// Effective sample size 1/ΣW² after it, as a fraction of J.
    pub ess: f64,
    /// Particles whose increment was not finite and that had weight before.
    pub non_finite: usize,
}

/// Why weights or ancestors are not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No particle has weight left.
    Collapsed,
    /// There is not one number for each particle.
    Length {
        /// Number of particles.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
    /// An ancestor that is no particle.
    NoParticle {
        /// The ancestor.
        found: usize,
        /// Number of particles, counted from 0.
        particles: usize,
    },
}

fn as_many(expected: usize, found: usize) -> Result<(), Refusal> {
    if expected == found {
        Ok(())
    } else {
        Err(Refusal::Length { expected, found })
    }
}

/// The ancestor of every particle of a population: as many as there are particles, each of them one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestors(Vec<usize>);

impl Ancestors {
    /// `chosen` as the ancestors of `particles` particles.
    ///
    /// # Errors
    /// If there are more or fewer, or if one is no particle.
    pub fn new(chosen: Vec<usize>, particles: usize) -> Result<Self, Refusal> {
        as_many(particles, chosen.len())?;
        match chosen.iter().find(|&&ancestor| ancestor >= particles) {
            Some(&found) => Err(Refusal::NoParticle { found, particles }),
            None => Ok(Self(chosen)),
        }
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ancestor of each particle, in order.
    pub fn places(&self) -> &[usize] {
        &self.0
    }

    /// The probability that two particles have the same ancestor.
    pub fn coalescence(&self) -> f64 {
        let mut offspring = vec![0usize; self.len()];
        for &ancestor in &self.0 {
            offspring[ancestor] += 1;
        }
        let pairs = |n: usize| (n * n.saturating_sub(1)) as f64;
        let alike: f64 = offspring.iter().map(|&n| pairs(n)).sum();
        alike / pairs(self.len()).max(1.0)
    }

    /// Those of the particles of island number `k`, each of which has `particles`, counted within it.
    pub fn of_island(&self, k: usize, particles: usize) -> Self {
        let first = k * particles;
        let own = self.0[first..first + particles].iter();
        Self(own.map(|a| a.saturating_sub(first)).collect())
    }

    /// What each particle's ancestor has.
    pub fn of<T: Copy>(&self, each: &[T]) -> Vec<T> {
        self.0.iter().map(|&a| each[a]).collect()
    }
}

impl Weights {
    /// Equal weights on `particles` particles.
    pub fn uniform(particles: usize) -> Self {
        Self {
            log: vec![-(particles as f64).ln(); particles],
            log_evidence: 0.0,
        }
    }

    /// Multiplies every weight by exp(increment), adds log Σ W exp(increment) to the log-evidence and normalises.
    ///
    /// An increment that is NaN or +∞ counts as −∞.
    ///
    /// # Errors
    /// If there is not an increment for every particle, or if no weight is left; the weights are then unchanged.
    pub fn reweight(&mut self, increments: &[f64]) -> Result<Reweighted, Refusal> {
        as_many(self.log.len(), increments.len())?;
        let lost = |(w, u): &(&f64, &f64)| **w > f64::NEG_INFINITY && !u.is_finite();
        let non_finite = self.log.iter().zip(increments).filter(lost).count();
        let log: Vec<f64> = self
            .log
            .iter()
            .zip(increments)
            .map(|(w, u)| finite(w + u))
            .collect();
        let total = log_sum_exp(&log);
        if !total.is_finite() {
            return Err(Refusal::Collapsed);
        }
        let cess = cess(&self.log, increments);
        self.log = log.into_iter().map(|w| w - total).collect();
        self.log_evidence += total;
        Ok(Reweighted {
            cess,
            ess: self.ess(),
            non_finite,
        })
    }

    /// After the particles were resampled in proportion to these weights: W = 1/J. The log-evidence stays.
    pub fn resampled(&mut self) {
        let n = self.log.len();
        self.log.fill(-(n as f64).ln());
    }

    /// K generations of the same J particles as one population of K·J, in which those of one particle follow one another:
    /// generation k counts by its effective sample size, c_k ∝ 1/Σ_i W²_{k,i}. The log-evidence is that of the last.
    ///
    /// # Errors
    /// If generations differ in length.
    pub fn recycled(generations: &[Self]) -> Result<Self, Refusal> {
        let last = generations.last().ok_or(Refusal::Collapsed)?;
        let total: f64 = generations.iter().map(Self::ess).sum();
        let mut log = vec![0.0; generations.len() * last.log.len()];
        for (k, generation) in generations.iter().enumerate() {
            as_many(last.log.len(), generation.log.len())?;
            let share = (generation.ess() / total).ln();
            let places = log.iter_mut().skip(k).step_by(generations.len());
            for (place, w) in places.zip(&generation.log) {
                *place = w + share;
            }
        }
        Ok(Self {
            log,
            log_evidence: last.log_evidence,
        })
    }

    /// Normalised log-weights.
    pub fn log(&self) -> &[f64] {
        &self.log
    }

    /// Normalised weights.
    pub fn normalised(&self) -> Vec<f64> {
        self.log.iter().map(|w| w.exp()).collect()
    }

    /// Effective sample size 1/ΣW², as a fraction of J.
    pub fn ess(&self) -> f64 {
        let double: Vec<f64> = self.log.iter().map(|w| 2.0 * w).collect();
        (-log_sum_exp(&double)).exp() / self.log.len() as f64
    }

    /// The log-evidence accumulated so far. Whether it is one is the run's to say.
    pub fn log_evidence(&self) -> f64 {
        self.log_evidence
    }
}

/// The weights of K islands, independent populations of J particles each, which lie one after the other.
///
/// Each island is normalised, and has an evidence, of its own. One that has lost all of its weight is dead: its evidence is
/// zero and nothing touches it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Islands {
    each: Vec<Weights>,
    dead: Vec<bool>,
}

/// How islands count in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// By their evidence estimates, which is right for few particles too if there are many islands: their number makes the
    /// error small. With a few islands whose estimates are apart by more than one, one of them has all the weight by chance.
    Evidence,
    /// Equally, which is right if each has many particles: each is then a sample of the whole posterior by itself.
    #[default]
    Equally,
}

impl Islands {
    /// Equal weights on `islands` islands of `particles` particles.
    pub fn uniform(islands: usize, particles: usize) -> Self {
        Self {
            each: vec![Weights::uniform(particles); islands],
            dead: vec![false; islands],
        }
    }

    /// Number of particles of an island.
    pub fn particles(&self) -> usize {
        self.each[0].log.len()
    }

    /// Number of particles of all islands.
    pub fn all_particles(&self) -> usize {
        self.each.len() * self.particles()
    }

    /// Every island's weights.
    pub fn each(&self) -> &[Weights] {
        &self.each
    }

    /// The conditional effective sample size of `increments`, as a fraction of J: the mean over the islands that live. That
    /// islands differ from each other does not count, for they do not exchange particles.
    pub fn cess(&self, increments: &[f64]) -> f64 {
        let islands = self.each.iter().zip(&self.dead);
        let islands = islands.zip(increments.chunks(self.particles()));
        let each = islands.filter(|((_, dead), _)| !**dead);
        let each = each.map(|((weights, _), increments)| cess(&weights.log, increments));
        let each: Vec<f64> = each.collect();
        each.iter().sum::<f64>() / each.len().max(1) as f64
    }

    /// [`Weights::reweight`] on every island; the mean CESS and the smallest ESS of those that live.
    ///
    /// # Errors
    /// If there is not an increment for every particle, or if no island has weight left; all are then unchanged.
    pub fn reweight(&mut self, increments: &[f64]) -> Result<Reweighted, Refusal> {
        as_many(self.all_particles(), increments.len())?;
        let mut next = self.clone();
        let mut all = Reweighted {
            cess: 0.0,
            ess: 1.0,
            non_finite: 0,
        };
        let islands = next.each.iter_mut().zip(&mut next.dead);
        for ((weights, dead), increments) in islands.zip(increments.chunks(self.particles())) {
            if *dead {
                continue;
            }
            match weights.reweight(increments) {
                Ok(one) => {
                    all.cess += one.cess;
                    all.ess = all.ess.min(one.ess);
                    all.non_finite += one.non_finite;
                }
                Err(_) => {
                    *dead = true;
                    weights.log_evidence = f64::NEG_INFINITY;
                    all.non_finite += increments.len();
                }
            }
        }
        if next.dead.iter().all(|dead| *dead) {
            return Err(Refusal::Collapsed);
        }
        // An island that dies of the increments has kept nothing.
        let lived = self.dead.iter().filter(|dead| !**dead).count();
        all.cess /= lived.max(1) as f64;
        *self = next;
        Ok(all)
    }

    /// The ancestors of every particle where the islands whose ESS is below `threshold` are resampled; `None` if none is.
    /// `choose` gives the ancestors of island number k with those weights.
    ///
    /// # Errors
    /// If `choose` gives more or fewer than an island has particles, or one that is none of them; nothing is then changed.
    pub fn resample(
        &mut self,
        threshold: f64,
        mut choose: impl FnMut(usize, &[f64]) -> Vec<usize>,
    ) -> Result<Option<Ancestors>, Refusal> {
        let particles = self.particles();
        let mut ancestors: Vec<usize> = (0..self.all_particles()).collect();
        let mut any = false;
        let mut next = self.clone();
        for (k, (weights, dead)) in next.each.iter_mut().zip(&next.dead).enumerate() {
            if *dead || weights.ess() >= threshold {
                continue;
            }
            let first = k * particles;
            let chosen = Ancestors::new(choose(k, &weights.normalised()), particles)?;
            for (place, ancestor) in ancestors[first..].iter_mut().zip(chosen.0) {
                *place = first + ancestor;
            }
            weights.resampled();
            any = true;
        }
        *self = next;
        Ok(any.then_some(Ancestors(ancestors)))
    }

    /// The logarithm of the mean of the islands' evidences.
    pub fn log_evidence(&self) -> f64 {
        log_sum_exp(&self.log_evidences()) - (self.each.len() as f64).ln()
    }

    /// Every island's log-evidence; −∞ for one that is dead.
    pub fn log_evidences(&self) -> Vec<f64> {
        self.each.iter().map(Weights::log_evidence).collect()
    }

    /// All particles as one weighted population.
    pub fn combined(&self, combine: Combine) -> Weights {
        let logs: Vec<f64> = match combine {
            Combine::Evidence => self.log_evidences(),
            Combine::Equally => {
                let alive = |dead: &bool| if *dead { f64::NEG_INFINITY } else { 0.0 };
                self.dead.iter().map(alive).collect()
            }
        };
        let total = log_sum_exp(&logs);
        let islands = self.each.iter().zip(&logs);
        Weights {
            log: islands
                .flat_map(|(w, log)| w.log.iter().map(move |w| w + log - total))
                .collect(),
            log_evidence: self.log_evidence(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn islands_of_one_are_one_population() {
        let increments = [0.3, -1.0, 2.0];
        let (mut islands, mut alone) = (Islands::uniform(1, 3), Weights::uniform(3));
        assert_eq!(islands.reweight(&increments), alone.reweight(&increments));
        for combine in [Combine::Evidence, Combine::Equally] {
            let combined = islands.combined(combine);
            assert!((combined.log_evidence() - alone.log_evidence()).abs() < 1e-14);
            for (a, b) in combined.log().iter().zip(alone.log()) {
                assert!((a - b).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn islands_count_by_their_evidence_or_equally_and_the_dead_not_at_all() {
        let mut islands = Islands::uniform(3, 2);
        let gone = f64::NEG_INFINITY;
        let found = islands
            .reweight(&[0.0, 0.0, 3f64.ln(), 3f64.ln(), gone, f64::NAN])
            .unwrap();
        assert_eq!((found.ess, found.non_finite), (1.0, 2));
        assert!((islands.log_evidence() - (4.0f64 / 3.0).ln()).abs() < 1e-14);
        let shares = |combine| islands.combined(combine).normalised();
        let near = |found: &[f64], expected: [f64; 6]| {
            let close = |(f, e): (&f64, &f64)| (f - e).abs() < 1e-14;
            assert!(found.iter().zip(&expected).all(close), "{found:?}");
        };
        near(
            &shares(Combine::Evidence),
            [0.125, 0.125, 0.375, 0.375, 0.0, 0.0],
        );
        near(
            &shares(Combine::Equally),
            [0.25, 0.25, 0.25, 0.25, 0.0, 0.0],
        );
        assert_eq!(islands.reweight(&[gone; 6]), Err(Refusal::Collapsed));
    }

    #[test]
    fn an_island_is_resampled_within_itself() {
        let mut islands = Islands::uniform(2, 2);
        islands.reweight(&[0.0, 0.0, 0.0, -9.0]).unwrap();
        let ancestors = islands.resample(0.9, |k, weights| {
            assert!(k == 1 && weights[0] > 0.9);
            vec![0, 0]
        });
        let ancestors = ancestors.unwrap().unwrap();
        assert_eq!(ancestors.places(), [0, 1, 2, 2]);
        let of = |k| ancestors.of_island(k, 2);
        assert_eq!((of(0).places(), of(1).places()), (&[0, 1][..], &[0, 0][..]));
        assert_eq!((of(0).coalescence(), of(1).coalescence()), (0.0, 1.0));
        assert_eq!(islands.each()[1].ess(), 1.0);
        assert_eq!(islands.resample(0.9, |_, _| unreachable!()), Ok(None));
    }

    #[test]
    fn the_cess_of_islands_is_the_mean_of_those_that_live() {
        let mut islands = Islands::uniform(3, 2);
        // (½(1 + 3))²/(½(1 + 9)) in the second one.
        let increments = [0.0, 0.0, 0.0, 3f64.ln(), 0.0, 0.0];
        assert!((islands.cess(&increments) - (1.0 + 0.8 + 1.0) / 3.0).abs() < 1e-14);
        let gone = f64::NEG_INFINITY;
        islands.reweight(&[gone, gone, 0.0, 0.0, 0.0, 0.0]).unwrap();
        assert!((islands.cess(&increments) - 0.9).abs() < 1e-14);
    }

    #[test]
    fn two_reweightings_equal_one() {
        let (a, b) = ([0.3, -1.0, 2.0], [-0.5, 0.25, 4.0]);
        let sum: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + b).collect();
        let mut twice = Weights::uniform(3);
        twice.reweight(&a).unwrap();
        twice.reweight(&b).unwrap();
        let mut once = Weights::uniform(3);
        once.reweight(&sum).unwrap();
        assert!((twice.log_evidence() - once.log_evidence()).abs() < 1e-14);
        for (t, o) in twice.log().iter().zip(once.log()) {
            assert!((t - o).abs() < 1e-14);
        }
        assert!((once.normalised().iter().sum::<f64>() - 1.0).abs() < 1e-14);
    }

    #[test]
    fn a_lost_particle_stays_lost_and_is_counted_once() {
        let mut weights = Weights::uniform(2);
        let first = weights.reweight(&[f64::NAN, 0.0]).unwrap();
        assert_eq!((first.non_finite, first.ess), (1, 0.5));
        let second = weights.reweight(&[f64::NAN, 1.0]).unwrap();
        assert_eq!(second.non_finite, 0);
        assert_eq!(weights.log()[0], f64::NEG_INFINITY);
        assert_eq!(
            weights.reweight(&[0.0, f64::NEG_INFINITY]),
            Err(Refusal::Collapsed)
        );
    }

    #[test]
    fn a_door_that_is_given_too_few_or_too_many_stays_shut() {
        let wrong = |expected, found| Refusal::Length { expected, found };
        let mut weights = Weights::uniform(3);
        let before = weights.clone();
        assert_eq!(weights.reweight(&[0.0; 2]), Err(wrong(3, 2)));
        assert_eq!(weights, before);
        let mut islands = Islands::uniform(2, 2);
        islands.reweight(&[0.0, -9.0, 0.0, -9.0]).unwrap();
        let before = islands.clone();
        assert_eq!(islands.reweight(&[0.0; 3]), Err(wrong(4, 3)));
        assert_eq!(islands.reweight(&[0.0; 5]), Err(wrong(4, 5)));
        // The first island is chosen well and the second is not.
        let found = islands.resample(0.9, |k, _| vec![0; 2 - k]);
        assert_eq!(found, Err(wrong(2, 1)));
        let found = islands.resample(0.9, |k, _| vec![2 * k; 2]);
        let (found, particles) = (found, 2);
        assert_eq!(
            found,
            Err(Refusal::NoParticle {
                found: 2,
                particles
            })
        );
        assert_eq!(islands, before);
    }

    #[test]
    fn generations_count_by_their_effective_size() {
        let even = Weights::uniform(2);
        let mut one = Weights::uniform(2);
        one.reweight(&[0.0, f64::NEG_INFINITY]).unwrap();
        let all = Weights::recycled(&[even.clone(), one.clone()]).unwrap();
        // Effective sizes 2 and 1; draws of a particle side by side.
        let expected = [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0];
        for (found, expected) in all.normalised().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14, "{all:?}");
        }
        assert_eq!(all.log_evidence(), one.log_evidence());
        let refused = Weights::recycled(&[Weights::uniform(3), even]);
        assert_eq!(
            refused,
            Err(Refusal::Length {
                expected: 2,
                found: 3
            })
        );
    }

    #[test]
    fn cess_of_a_constant_increment_is_one() {
        let mut weights = Weights::uniform(4);
        weights.reweight(&[0.0, 1.0, 2.0, -3.0]).unwrap();
        assert!((cess(weights.log(), &[7.0; 4]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn cess_sees_one_particle_among_impossible_ones() {
        let even = Weights::uniform(4);
        let increments = [-1e60, -2e60, -1.5e60, -3e60];
        assert!((cess(even.log(), &increments) - 0.25).abs() < 1e-12);
        assert_eq!(
            cess(
                even.log(),
                &[
                    f64::NEG_INFINITY,
                    f64::NAN,
                    f64::INFINITY,
                    f64::NEG_INFINITY
                ]
            ),
            0.0
        );
        let mut one = Weights::uniform(2);
        one.reweight(&[f64::NAN, 0.0]).unwrap();
        assert!((cess(one.log(), &[5.0, -1e60]) - 1.0).abs() < 1e-12);
    }
}
