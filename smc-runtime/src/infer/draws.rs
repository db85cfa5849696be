//! What an algorithm leaves: a weighted cloud, chains, points, or a density.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::diagnostics::{
    effective_sample_size, mean_variance, r_hat, weighted_effective_sample_size, weighted_r_hat,
};
use crate::base::error::{Error, Result};
use crate::base::ranks;
use crate::base::rng::Streams;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::sampling::kernel::Inexact;
use crate::sampling::weights::Weights;

/// Parameter vectors that stand for a posterior, and what they are.
///
/// ```
/// use smc_runtime::infer::Draws;
/// use smc_runtime::problem::population::Population;
/// let chains = Draws::chains(Population::zeros(6, 1), 2)?;
/// assert_eq!((chains.number_of_chains(), chains.log_evidence()), (Some(2), None));
/// assert!(chains.weights().iter().all(|w| (w - 1.0 / 6.0).abs() < 1e-15));
/// assert!(Draws::chains(Population::zeros(5, 1), 2).is_err());
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Draws {
    positions: Population,
    log_weights: Vec<f64>,
    form: Form,
    drawn_from: DrawnFrom,
    /// What draws of a density were drawn by.
    streams: Option<Streams>,
    /// Whether chains are compared over time alone.
    short: bool,
}

/// The distribution that draws are meant for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DrawnFrom {
    /// The posterior, given all rows.
    #[default]
    Posterior,
    /// A stage of the way there, where an annealing ended before all rows were in.
    Stage {
        /// Rows that are in, ramping ones counted by their exponent.
        rows: f64,
        /// Rows of the data.
        all_rows: usize,
    },
    /// The prior.
    Prior,
    /// The posterior, but for the errors of moves by mini-batches, which nothing corrects, or at another temperature.
    Nearly(Nearness),
    /// A density that was fitted to the posterior.
    Fitted(Fitted),
}

/// What is known of a density that was fitted to a posterior.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// E_q\[log p(θ) + Σ ℓ_i(θ) − log q(θ)\] over all rows, from draws: the evidence's lower bound, and no evidence.
    pub elbo: f64,
    /// Its standard error.
    pub elbo_error: f64,
    /// Pareto k of the importance weights p/q (A. Vehtari et al., *Pareto smoothed importance sampling*, JMLR 2024): above 0.7 they do not bear the
    /// density out. `None` with too few draws.
    pub pareto_k: Option<f64>,
    /// Draws that both were found from.
    pub draws: usize,
    /// Laplace's approximation of the log-evidence, log p(D, θ) − log q(θ) at the mode θ of a normal q around it: as good as the posterior is
    /// normal, and nothing that a sampler estimates. `None` of a density that is no such approximation.
    pub laplace: Option<f64>,
}

/// What was found of the errors of moves by mini-batches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nearness {
    /// The temperature T: draws are of the density to the power 1/T.
    pub temperature: f64,
    /// E\[ΔH²\]/d of a step on a fixed subset of the rows, at the last pass; `None` where a kernel sees to its steps itself.
    pub energy_error: Option<f64>,
    /// Temperature that the noise of the batches adds there, as a mean over the coordinates.
    pub heat: f64,
    /// The share of every chain's draws, its last ones, that were made with less error.
    pub finer: f64,
    /// Whether that was by exact moves; otherwise it was at half the step.
    pub by_exact_moves: bool,
}

/// The caution that goes with inexact moves.
pub(super) const NEARLY: &str = "the moves were made by mini-batches, and nothing corrects their errors: the draws are nearly those of the posterior, and there is no evidence";

impl From<Inexact> for Nearness {
    fn from(found: Inexact) -> Self {
        Self {
            temperature: 1.0,
            energy_error: Some(found.energy_error),
            heat: found.heat,
            finer: 0.0,
            by_exact_moves: false,
        }
    }
}

/// What draws are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Form {
    /// A weighted cloud.
    Cloud {
        /// log Z, where the algorithm has one: it began at a normalised density and ended at all rows.
        log_evidence: Option<f64>,
        /// The independent populations that it is made of, whose draws follow one another.
        islands: Vec<Island>,
    },
    /// So many Markov chains of one length, whose draws follow one another.
    Chains(usize),
    /// Points that stand for themselves, such as modes: they are no draws.
    Points,
    /// Independent draws of a density, of which any number can be had.
    Density(Arc<dyn Density>),
}

/// One of the independent populations of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Island {
    /// Its estimate of the log-evidence, if the run has one; −∞ if it lost all of its particles.
    pub log_evidence: f64,
    /// Effective sample size of its particles, as a fraction of J.
    pub ess: f64,
}

impl From<&Weights> for Island {
    fn from(weights: &Weights) -> Self {
        Self {
            log_evidence: weights.log_evidence(),
            ess: weights.ess(),
        }
    }
}

impl Draws {
    /// A weighted cloud of one population, without an evidence.
    ///
    /// # Errors
    /// If there is not one weight for every vector.
    pub fn cloud(positions: Population, weights: &Weights) -> Result<Self> {
        Self::islands(positions, weights, vec![weights.into()])
    }

    /// A weighted cloud of several populations of one size, whose vectors follow one another, without an evidence.
    ///
    /// # Errors
    /// If there is not one weight for every vector, or if islands do not share the vectors evenly.
    pub fn islands(positions: Population, weights: &Weights, islands: Vec<Island>) -> Result<Self> {
        let (draws, numbers) = (positions.len(), weights.log().len());
        if draws != numbers {
            let found = format!("{numbers} weights");
            return Err(Error::shape("draws", format!("{draws} weights"), found));
        }
        evenly(draws, islands.len(), "islands")?;
        Ok(Self {
            log_weights: weights.log().to_vec(),
            positions,
            form: Form::Cloud {
                log_evidence: None,
                islands,
            },
            drawn_from: DrawnFrom::Posterior,
            streams: None,
            short: false,
        })
    }

    /// Draws with weights that were written down.
    pub(crate) fn again(positions: Population, log_weights: Vec<f64>, form: Form) -> Result<Self> {
        let draws = positions.len();
        if draws != log_weights.len() {
            let found = format!("{} weights", log_weights.len());
            return Err(Error::shape("draws", format!("{draws} weights"), found));
        }
        match &form {
            Form::Chains(chains) => evenly(draws, *chains, "chains")?,
            Form::Cloud { islands, .. } => evenly(draws, islands.len(), "islands")?,
            Form::Points | Form::Density(_) => {}
        }
        Ok(Self {
            positions,
            log_weights,
            form,
            drawn_from: DrawnFrom::Posterior,
            streams: None,
            short: false,
        })
    }

    /// The same weights on other vectors, as many as there are; those of a density are a cloud then.
    pub(crate) fn with_positions(self, positions: Population) -> Self {
        let form = match self.form {
            Form::Density(_) => Form::Cloud {
                log_evidence: None,
                islands: vec![Island {
                    log_evidence: 0.0,
                    ess: 1.0,
                }],
            },
            other => other,
        };
        Self {
            positions,
            form,
            streams: None,
            ..self
        }
    }

    /// What draws of a density were drawn by.
    pub(crate) fn streams(&self) -> Option<Streams> {
        self.streams
    }

    /// With log Z, which only a cloud has: anything else stays as it is.
    pub fn with_log_evidence(mut self, log_z: f64) -> Self {
        if let Form::Cloud { log_evidence, .. } = &mut self.form {
            *log_evidence = Some(log_z);
        }
        self
    }

    /// `chains` chains of one length, whose draws follow one another.
    ///
    /// # Errors
    /// If chains do not share the vectors evenly.
    pub fn chains(positions: Population, chains: usize) -> Result<Self> {
        evenly(positions.len(), chains, "chains")?;
        Ok(Self::even(positions, Form::Chains(chains)))
    }

    /// The same as chains that were only to be many: of fewer than eight draws each they are compared over time, and not with each other.
    pub fn of_short_chains(mut self, short: bool) -> Self {
        self.short = short;
        self
    }

    /// Whether they are chains that were only to be many.
    pub(crate) fn are_short_chains(&self) -> bool {
        self.short
    }

    /// Points that count alike.
    pub fn points(positions: Population) -> Self {
        Self::even(positions, Form::Points)
    }

    /// `draws` draws of a density.
    pub fn of(density: Arc<dyn Density>, streams: Streams, draws: usize) -> Self {
        let mut positions = Population::zeros(draws, density.dim());
        density.sample(streams, 0, &mut positions);
        Self {
            streams: Some(streams),
            ..Self::even(positions, Form::Density(density))
        }
    }

    fn even(positions: Population, form: Form) -> Self {
        Self {
            log_weights: Weights::uniform(positions.len()).log().to_vec(),
            positions,
            form,
            drawn_from: DrawnFrom::Posterior,
            streams: None,
            short: false,
        }
    }

    /// How far the mean of a scalar over the draws that were made with less error is from that over the others, in standard
    /// deviations of all; `None` where none were.
    pub(crate) fn finer_distance(&self, values: &[f64]) -> Option<f64> {
        let DrawnFrom::Nearly(nearness) = self.drawn_from else {
            return None;
        };
        let each = values.len() / self.groups().max(1);
        let halved = (nearness.finer * each as f64).round() as usize;
        if halved == 0 || halved >= each {
            return None;
        }
        let weights = self.weights();
        let (mut whole, mut half) = (Vec::new(), Vec::new());
        for (i, x) in values.iter().zip(weights).enumerate() {
            if i % each < each - halved {
                whole.push(x);
            } else {
                half.push(x);
            }
        }
        let mean = |part: &[(&f64, f64)]| {
            let sum: f64 = part.iter().map(|(x, w)| **x * w).sum();
            sum / part.iter().map(|(_, w)| w).sum::<f64>()
        };
        let sd = mean_variance(values.iter().copied()).1.sqrt();
        Some((mean(&half) - mean(&whole)).abs() / sd.max(f64::MIN_POSITIVE))
    }

    /// Of another distribution than the posterior.
    pub fn meant_for(mut self, distribution: DrawnFrom) -> Self {
        self.drawn_from = distribution;
        self
    }

    /// The distribution that they are meant for: the posterior, unless the algorithm says otherwise.
    pub fn drawn_from(&self) -> DrawnFrom {
        self.drawn_from
    }

    /// What they are.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Unconstrained parameter vectors.
    pub fn positions(&self) -> &Population {
        &self.positions
    }

    /// The vectors alone.
    pub fn into_positions(self) -> Population {
        self.positions
    }

    /// Normalised log-weights.
    pub fn log_weights(&self) -> &[f64] {
        &self.log_weights
    }

    /// The weights, which sum to 1.
    pub fn weights(&self) -> Vec<f64> {
        self.log_weights.iter().map(|w| w.exp()).collect()
    }

    /// log Z, if there is one.
    pub fn log_evidence(&self) -> Option<f64> {
        match self.form {
            Form::Cloud { log_evidence, .. } => log_evidence,
            _ => None,
        }
    }

    /// The independent populations of a weighted cloud; none of anything else.
    pub fn each_island(&self) -> &[Island] {
        match &self.form {
            Form::Cloud { islands, .. } => islands,
            _ => &[],
        }
    }

    /// Number of Markov chains, if they are some.
    pub fn number_of_chains(&self) -> Option<usize> {
        match self.form {
            Form::Chains(chains) => Some(chains),
            _ => None,
        }
    }

    /// Takes log-evidences and their bounds to another scale of the targets, on which all are larger by `shift`.
    pub(crate) fn shift_evidence(&mut self, shift: f64) {
        if let DrawnFrom::Fitted(fitted) = &mut self.drawn_from {
            fitted.elbo += shift;
            fitted.laplace = fitted.laplace.map(|l| l + shift);
        }
        if let Form::Cloud {
            log_evidence: Some(log_evidence),
            islands,
        } = &mut self.form
        {
            *log_evidence += shift;
            for island in islands {
                island.log_evidence += shift;
            }
        }
    }

    /// Where other moves go on from: the end of every chain, and all vectors of anything else.
    pub(crate) fn ends(&self) -> Population {
        let Some(each) = self.draws_of_a_chain() else {
            return self.positions.clone();
        };
        let last = (0..self.groups()).map(|chain| (chain + 1) * each - 1);
        self.positions.gather(&last.collect::<Vec<_>>())
    }

    /// Draw number k of every chain, for each k; nothing of anything else.
    pub(crate) fn generations(&self) -> Vec<Population> {
        let each = self.draws_of_a_chain().unwrap_or(0);
        let of = |k: usize| {
            let places = (0..self.groups()).map(|chain| chain * each + k);
            self.positions.gather(&places.collect::<Vec<_>>())
        };
        (0..each).map(of).collect()
    }

    fn draws_of_a_chain(&self) -> Option<usize> {
        Some(self.positions.len() / self.number_of_chains()?)
    }

    /// Number of chains or islands, whichever there are; 0 of anything else.
    pub(crate) fn groups(&self) -> usize {
        match &self.form {
            Form::Chains(chains) => *chains,
            Form::Cloud { islands, .. } => islands.len(),
            Form::Points | Form::Density(_) => 0,
        }
    }

    /// R-hat of a scalar with one value per draw, across chains or islands, of many short chains across the times of their draws; `None`
    /// without two of them.
    pub(crate) fn r_hat(&self, values: &[f64]) -> Option<f64> {
        let groups = self.groups();
        if groups < 2 {
            return None;
        }
        if self.has_short_chains() {
            // Chains that are this short have no halves to compare. Whether they still go somewhere all the same shows between
            // draws of all chains: the first of each, the second of each, ..
            let each = values.len() / groups;
            let at = |k: usize| values.iter().skip(k).step_by(each).copied().collect();
            let times: Vec<(Vec<f64>, Vec<f64>)> =
                (0..each).map(|k| (at(k), vec![1.0; groups])).collect();
            return weighted_r_hat(&times);
        }
        if let Some(chains) = self.chains_of(values) {
            return r_hat(&chains);
        }
        weighted_r_hat(&self.islands_of(values))
    }

    /// Whether they are many chains of few draws each, which are compared between the times of their draws: chains that are meant to end in functions of
    /// their own do not agree, and are not to.
    fn has_short_chains(&self) -> bool {
        let each = self.draws_of_a_chain().unwrap_or(usize::MAX);
        self.short && each < 8 && self.groups() >= 8
    }

    /// R-hat of a scalar with one value per draw as a table shows it: of chains by ranks, of islands by moments.
    pub(crate) fn rank_r_hat(&self, values: &[f64]) -> Option<f64> {
        match self.chains_of(values) {
            Some(chains) if chains.len() > 1 && !self.has_short_chains() => ranks::r_hat(&chains),
            _ => self.r_hat(values),
        }
    }

    /// Effective sample sizes of a scalar for the middle of its distribution and for its tails: of chains by ranks; others have
    /// one for both.
    pub(crate) fn rank_ess(&self, values: &[f64]) -> [Option<f64>; 2] {
        match self.chains_of(values) {
            Some(chains) if !self.has_short_chains() => [
                ranks::bulk_sample_size(&chains),
                ranks::tail_sample_size(&chains),
            ],
            _ => [self.ess(values), None],
        }
    }

    /// The values of each chain, where there are chains.
    fn chains_of(&self, values: &[f64]) -> Option<Vec<Vec<f64>>> {
        let chains = self.number_of_chains()?;
        let size = (values.len() / chains).max(1);
        let chains = values.chunks_exact(size).map(<[f64]>::to_vec);
        Some(chains.collect())
    }

    /// Effective sample size of a scalar as chains or islands show it, where those are several: of chains by their
    /// autocorrelations; of islands V/(B/K), with V the variance of all draws, each island counted alike, and B that of the
    /// means of the K islands, whose mean B/K is the squared error of. At most the number of draws.
    pub(crate) fn function_ess(&self, values: &[f64]) -> Option<f64> {
        let groups = self.groups();
        if groups < 2 || self.number_of_chains().is_some() {
            return self.ess(values).map(|ess| ess.min(values.len() as f64));
        }
        weighted_effective_sample_size(&self.islands_of(values))
    }

    /// The values of each island, or of any groups of one size, with their weights.
    fn islands_of(&self, values: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let size = self.positions.len() / self.groups();
        let weights = self.weights();
        let values = values.chunks_exact(size).zip(weights.chunks_exact(size));
        values.map(|(x, w)| (x.to_vec(), w.to_vec())).collect()
    }

    /// Effective sample size of a scalar with one value per draw: of chains by their autocorrelations, of a cloud 1/ΣW², of a
    /// density the number of draws; points have none.
    pub(crate) fn ess(&self, values: &[f64]) -> Option<f64> {
        match &self.form {
            // Chains are independent; what their means vary says how much draws of one are alike.
            Form::Chains(_) if self.has_short_chains() => {
                let chains = self.chains_of(values)?.into_iter();
                let chains = chains.map(|chain| (chain.clone(), vec![1.0; chain.len()]));
                weighted_effective_sample_size(&chains.collect::<Vec<_>>())
            }
            Form::Chains(_) => effective_sample_size(&self.chains_of(values)?),
            Form::Cloud { .. } => {
                let squares = self.weights().into_iter().map(|w| w * w);
                Some(1.0 / squares.sum::<f64>())
            }
            Form::Density(_) => Some(values.len() as f64),
            Form::Points => None,
        }
    }
}

/// Whether `groups` groups share `draws` draws evenly.
fn evenly(draws: usize, groups: usize, of_what: &str) -> Result<()> {
    if groups > 0 && draws > 0 && draws.is_multiple_of(groups) {
        return Ok(());
    }
    Err(Error::shape(
        "draws",
        format!("as many in each of {groups} {of_what}"),
        format!("{draws} draws"),
    ))
}
