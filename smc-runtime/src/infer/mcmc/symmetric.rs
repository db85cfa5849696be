//! Many short chains that see every function a network's posterior has, and none of its copies twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chains::ChainsRun;
use super::modes::{Said, grouped};
use super::needed::chains_for;
use super::settings::Mcmc;
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::draws::NEARLY;
use crate::infer::observe::Step;
use crate::infer::{Cost, DrawnFrom, Draws, Inference, Outcome, Stepwise};
use crate::problem::Problem;
use crate::problem::population::Population;
use crate::sampling::adapt::{Scales, StepSize};
use crate::sampling::kernel::{Inexact, Kernel};

/// Draws of a pilot chain, by which its function is told from another's.
const PILOT_DRAWS: usize = 16;

/// The settings of many short chains; see [`symmetric`].
#[derive(Clone, Debug)]
pub struct Symmetric {
    chains: Option<usize>,
    pilots: usize,
    most: usize,
    probability: f64,
    each: Mcmc,
}

/// Many short chains, a few draws of each: as many as are needed for every functional mode to be seen. A network's posterior is the same functions
/// many times over, by permuted neurons and flipped signs; a chain that finds one copy of a function has found it, so that what counts
/// is how many functions there are, not how many copies (Wiese et al., arXiv 2304.02902).
///
/// Unless their number is given, 32 pilot chains say how many functions there are and how often a chain ends in each, by clusters of what they say of
/// the rows, and [`chains_for`](crate::posterior::symmetry::chains_for) says how many chains see all of them with a probability of .99; at most 1274, the
/// number for three modes in the paper. The pilots are some of them. Each makes 500 moves before the first of four draws, sixteen moves
/// apart; R-hat of the function is that between these four, over all chains, and says whether chains still go somewhere.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(symmetric(chains = 16, warmup = 60))]
/// struct Net {
///     #[prior(Normal(0.0, 1.0))]
///     hidden: Linear<1, 3>,
///     activation: Tanh,
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<3, 1>,
/// }
///
/// let x: Vec<f32> = (0..40).map(|i| i as f32 / 10.0 - 2.0).collect();
/// let y = x.iter().map(|x| x.sin()).collect();
/// let posterior = Net::infer(&Dataset::new(1, x, y)?).seed(1).run()?;
/// assert_eq!(posterior.chains(), Some(16));
/// # Ok::<(), Error>(())
/// ```
pub fn symmetric() -> Symmetric {
    Symmetric {
        chains: None,
        pilots: 32,
        most: 1274,
        probability: 0.99,
        each: Mcmc::default().draws(4).thin(16),
    }
}

impl Symmetric {
    /// So many chains, without pilots.
    pub fn chains(mut self, chains: usize) -> Self {
        self.chains = Some(chains);
        self
    }

    /// Pilot chains, by which the number of chains is chosen.
    pub fn pilots(mut self, chains: usize) -> Self {
        self.pilots = chains;
        self
    }

    /// Chains at the most, where their number is chosen.
    pub fn most(mut self, chains: usize) -> Self {
        self.most = chains;
        self
    }

    /// The probability with which every functional mode that pilots found is to be seen.
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Moves of each chain before its first draw.
    pub fn warmup(mut self, moves: usize) -> Self {
        self.each = self.each.warmup(moves);
        self
    }

    /// Draws of each chain.
    pub fn draws(mut self, draws: usize) -> Self {
        self.each = self.each.draws(draws);
        self
    }

    /// Moves from one draw of a chain to the next.
    pub fn thin(mut self, moves: usize) -> Self {
        self.each = self.each.thin(moves);
        self
    }

    /// How chains move, as in [`mcmc`](super::mcmc()).
    pub fn kernel(mut self, kernel: impl Kernel + 'static) -> Self {
        self.each = self.each.kernel(kernel);
        self
    }

    /// How the kernel's step size is set, as in [`mcmc`](super::mcmc()).
    pub fn step_size(mut self, policy: impl StepSize + 'static) -> Self {
        self.each = self.each.step_size(policy);
        self
    }

    /// Where the scales come from that the step is in units of, as in [`mcmc`](super::mcmc()).
    pub fn metric(mut self, scales: impl Scales + 'static) -> Self {
        self.each = self.each.metric(scales);
        self
    }

    fn check(&self) -> Result<()> {
        if self.chains.is_none() && self.pilots < 2 {
            let expected = "at least 2 are needed, or the number of `chains`";
            return Err(Error::config("pilots", self.pilots, expected));
        }
        if self.chains.is_none() && self.most < self.pilots {
            let expected = format!("at least the {} pilots are run", self.pilots);
            return Err(Error::config("most", self.most, expected));
        }
        if !(0.0..1.0).contains(&self.probability) {
            let expected = "a number from 0 and below 1 is needed";
            return Err(Error::config("probability", self.probability, expected));
        }
        self.each.clone().chains(self.first()).check()
    }

    /// Chains that are run first.
    fn first(&self) -> usize {
        self.chains.unwrap_or(self.pilots)
    }

    /// The run of the chains that come first, which are all of them where their number is given.
    fn first_settings(&self) -> Mcmc {
        let each = self.each.clone().chains(self.first());
        match self.chains {
            Some(_) => each,
            None => each.clone().draws(each.draws.max(PILOT_DRAWS)),
        }
    }
}

impl Inference for Symmetric {
    fn name(&self) -> &'static str {
        "symmetric"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        let all = self.chains.unwrap_or(self.most.min(400));
        let cost = self.each.clone().chains(all).cost(problem)?;
        Some(Cost {
            guess: self.chains.is_none(),
            ..cost
        })
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let run = ChainsRun::new(self.first_settings(), problem.clone(), streams)?;
        Ok(Box::new(SymmetricRun {
            settings: self.clone(),
            problem,
            streams,
            run,
            others: None,
        }))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let state: State = state.read()?;
        let (settings, stream) = match &state.others {
            Some(others) if others.chains > 0 => {
                (self.each.clone().chains(others.chains), others_of(streams))
            }
            _ => (self.first_settings(), streams),
        };
        let run = ChainsRun::resume(settings, problem.clone(), stream, &state.run)?;
        Ok(Box::new(SymmetricRun {
            settings: self.clone(),
            problem,
            streams,
            run,
            others: state.others,
        }))
    }
}

/// The streams of the chains behind the pilots.
fn others_of(streams: Streams) -> Streams {
    streams.member(1)
}

/// The chains that follow the pilots.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Others {
    chains: usize,
    /// The last draws of the pilots, chain by chain.
    pilots: Population,
    /// What was found and decided, in words.
    said: String,
    /// Why that is less than was to be.
    caution: Option<String>,
    /// What is known of the error of the pilots' moves, where moves are inexact.
    inexact: Option<Inexact>,
}

#[derive(Serialize, Deserialize)]
struct State {
    run: Saved,
    others: Option<Others>,
}

struct SymmetricRun<'a> {
    settings: Symmetric,
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    /// The chains that run now.
    run: ChainsRun<'a>,
    /// What is known of those behind the pilots, once they run.
    others: Option<Others>,
}

impl SymmetricRun<'_> {
    /// From the pilots to the other chains, if more are needed.
    fn go_on(&mut self) -> Result<bool> {
        let settings = &self.settings;
        if settings.chains.is_some() || self.others.is_some() {
            return Ok(false);
        }
        let (pilots, draws) = (settings.pilots, self.run.draws()?);
        let each = draws.len() / pilots;
        let modes = functional_modes(&*self.problem, &draws, pilots);
        let (needed, said, caution) = needed(&modes, settings);
        let last = (0..pilots).flat_map(|chain| {
            let end = (chain + 1) * each;
            end - settings.each.draws..end
        });
        let chains = needed - pilots;
        let others = Others {
            chains,
            pilots: draws.gather(&last.collect::<Vec<_>>()),
            said,
            caution,
            inexact: self.run.inexact(),
        };
        if chains > 0 {
            let settings = settings.each.clone().chains(chains);
            let streams = others_of(self.streams);
            self.run = ChainsRun::new(settings, self.problem.clone(), streams)?;
        }
        self.others = Some(others);
        Ok(chains > 0)
    }
}

/// The group of each chain by its row log-likelihoods, at 256 rows at the most.
fn functional_modes(problem: &dyn Problem, draws: &Population, chains: usize) -> Vec<usize> {
    const ROWS: usize = 256;
    let (rows, each) = (problem.rows(), draws.len() / chains);
    let by = rows.div_ceil(ROWS).max(1);
    // Chain by chain: of many rows few are looked at, and all are computed.
    let said = (0..chains).map(|chain| {
        let own: Vec<usize> = (chain * each..(chain + 1) * each).collect();
        let logs = problem.row_log_likelihoods(&draws.gather(&own));
        let some: Vec<Vec<f64>> = logs
            .chunks_exact(rows)
            .map(|draw| draw.iter().step_by(by).copied().collect())
            .collect();
        Said::of(some.iter().map(Vec::as_slice))
    });
    let said: Vec<Said> = said.collect();
    grouped(&said)
}

/// How many chains are run for the modes that pilots ended in, why, and what is to be said against it.
fn needed(modes: &[usize], settings: &Symmetric) -> (usize, String, Option<String>) {
    let (pilots, most, probability) = (modes.len(), settings.most, settings.probability);
    let found = modes.iter().max().map_or(0, |last| last + 1);
    let share = |mode| modes.iter().filter(|m| **m == mode).count() as f64 / pilots as f64;
    let shares: Vec<f64> = (0..found).map(share).collect();
    let plural = if found == 1 { "" } else { "s" };
    let found = format!("{pilots} pilot chains found {found} functional mode{plural}");
    match chains_for(&shares, probability) {
        Ok(bound) if bound as usize <= most => {
            let all = (bound as usize).max(pilots);
            let seen = format!("{all} chains see them with a probability of {probability}");
            (all, format!("{found}; {seen}"), None)
        }
        Ok(bound) => {
            let caution = format!(
                "{found}, for which {bound} chains would be needed, and {most} were run: modes may be missing"
            );
            (
                most,
                format!("{found}; {most} chains, the most"),
                Some(caution),
            )
        }
        // More than the bound is worth a sum over all their sets.
        Err(_) => {
            let caution =
                format!("{found}, nearly each its own: what {most} chains find are some of many");
            (
                most,
                format!("{found}; {most} chains, the most"),
                Some(caution),
            )
        }
    }
}

impl Stepwise for SymmetricRun<'_> {
    fn chosen(&self) -> Vec<String> {
        self.others
            .iter()
            .map(|others| others.said.clone())
            .collect()
    }

    fn step(&mut self) -> Result<Option<Step>> {
        let step = self.run.step()?;
        let step = match step {
            None if self.go_on()? => self.run.step()?,
            step => step,
        };
        let Some(mut step) = step else {
            return Ok(None);
        };
        // Pilots are all that is known of until they have ended.
        let pilots = self.settings.first_settings().moves();
        if let Some(others) = &self.others {
            let share = self.settings.pilots as f64 / (self.settings.pilots + others.chains) as f64;
            step.done = share + (1.0 - share) * step.done;
            step.step += pilots;
        } else if self.settings.chains.is_none() {
            step.done *= 0.1;
        }
        Ok(Some(step))
    }

    fn state(&self) -> Result<Saved> {
        Saved::of(&State {
            run: self.run.state()?,
            others: self.others.clone(),
        })
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        const AMONG_PILOTS: &str =
            "ended among the pilots: nothing says how many functional modes were missed";
        let Self {
            settings,
            run,
            others,
            ..
        } = *self;
        let Some(others) = others else {
            let mut outcome = Box::new(run).finish()?;
            if settings.chains.is_none() {
                outcome.cautions.push(AMONG_PILOTS.to_owned());
            }
            outcome.draws = outcome.draws.of_short_chains(true);
            return Ok(outcome);
        };
        if others.chains == 0 || run.draws().is_err() {
            // The pilots are all, or all that there is.
            let mut cautions: Vec<String> = others.caution.into_iter().collect();
            if others.chains > 0 {
                cautions.push(AMONG_PILOTS.to_owned());
            }
            let mut draws = Draws::chains(others.pilots, settings.pilots)?;
            if let Some(inexact) = others.inexact {
                cautions.push(NEARLY.to_owned());
                draws = draws.meant_for(DrawnFrom::Nearly(inexact.into()));
            }
            let draws = draws.of_short_chains(true);
            return Ok(Outcome { draws, cautions });
        }
        let outcome = Box::new(run).finish()?;
        let each = settings.each.draws;
        let made = outcome.draws.positions().len() / others.chains;
        // Where the run was ended early there are fewer draws of the others; as many of the pilots go with them.
        let last =
            (0..settings.pilots).flat_map(|chain| (chain + 1) * each - made..(chain + 1) * each);
        let pilots = others.pilots.gather(&last.collect::<Vec<_>>());
        let parts = [pilots, outcome.draws.positions().clone()];
        let all = Population::concat(&parts).unwrap_or_else(|| parts[1].clone());
        let drawn_from = outcome.draws.drawn_from();
        let draws = Draws::chains(all, settings.pilots + others.chains)?;
        let mut cautions = outcome.cautions;
        cautions.extend(others.caution);
        Ok(Outcome {
            draws: draws.meant_for(drawn_from).of_short_chains(true),
            cautions,
        })
    }
}
