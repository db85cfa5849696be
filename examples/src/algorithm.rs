//! Algorithms by name, with settings that follow from the size of the problem, or from a budget, and from nothing else.

use clap::{Args, ValueEnum};
use smc_runtime::infer::Smc;
use smc_runtime::prelude::*;

use crate::Flags;
use crate::fit::FitFlags;

/// What `--infer` offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// A linear model in place of the network, by sequential Monte Carlo.
    Linear,
    /// What the library chooses.
    Auto,
    /// Markov chains by stochastic gradients.
    Sghmc,
    /// Sequential Monte Carlo: data annealing from the prior, or from an ensemble where the problem is large.
    Smc,
    /// Markov chain Monte Carlo: as many moves as the budget allows.
    Mcmc,
    /// Many short chains, as many as their functional modes need; 128 where there is a budget.
    Symmetric,
    /// A deep ensemble.
    Ensemble,
    /// One mode.
    Map,
    /// Score-based variational inference.
    ScoreVi,
    /// The evidence bound of independent coordinates, by Adam.
    MeanField,
    /// The same by online Newton steps.
    Ivon,
    /// Those in the eigenbases of Kronecker factors.
    Evon,
    /// Laplace's approximation around a mode.
    Laplace,
    /// Layerwise inference.
    Bali,
    /// Several fits of layerwise inference, mixed: six unless their number is given.
    ModesBali,
    /// SWAG: weights of a training that goes on at a constant rate.
    Swag,
    /// Gaussian score matching.
    Gsm,
    /// Batch and match.
    Bam,
}

/// The flag that limits a run.
#[derive(Clone, Copy, Debug, Args)]
pub struct BudgetFlags {
    /// About how many seconds a run may take, predictions apart: a short timing turns them into gradients, which are what is spent.
    #[arg(long)]
    pub seconds: Option<f64>,
    /// The flags of fits.
    #[command(flatten)]
    pub fit: FitFlags,
}

impl BudgetFlags {
    /// Row-gradients that the budget of `run` is worth in batches of `rows`, where there is one.
    ///
    /// # Errors
    /// If seconds are none, or if data and model do not fit.
    pub fn gradients<M: Model>(self, run: &Run<'_, M>, rows: usize) -> Result<Option<u64>> {
        let Some(seconds) = self.seconds else {
            return Ok(None);
        };
        if !(seconds > 0.0 && seconds.is_finite()) {
            let expected = "a positive, finite number is needed";
            return Err(Error::config("seconds", seconds, expected));
        }
        run.gradients_in(seconds, rows).map(Some)
    }
}

/// Rows × parameters above which sequential Monte Carlo begins at an ensemble: from the prior it would take many minutes.
const LARGE: usize = 2_000_000;

/// Rows × parameters × gradients to spend where a number of moves is free: a minute or two on two cores.
const BUDGET: usize = 200_000_000_000;

/// The same around an ensemble, where networks are wider or rows more, and a core does more of them in a second.
const LARGE_BUDGET: usize = 5 * BUDGET;

/// Leapfrog steps of a move: one momentum for long enough to cross the width of a posterior that is scaled to one.
const LEAPFROGS: usize = 32;

/// Draws that are kept of each particle: more cost time where something is predicted and say little that is new.
const GENERATIONS: usize = 50;

/// Moves of each of so many particles that a budget allows.
fn moves(budget: usize, size: usize, particles: usize) -> usize {
    budget / size / (particles * LEAPFROGS)
}

/// Islands that count equally, and so many moves on the posterior, or as many as a budget of gradients allows, which are recycled.
fn populations(
    flags: &Flags,
    islands: usize,
    particles: usize,
    moves: usize,
    budget: Option<u64>,
) -> Smc {
    let smc = smc()
        .islands(islands)
        .particles(islands * particles)
        .metric(Metric::Diagonal)
        .moves(flags.size(2, 1))
        .recycle(true);
    match budget {
        Some(budget) => smc.spend(budget),
        None => smc
            .final_moves(flags.size(moves, 1))
            .thin(flags.size(moves.div_ceil(GENERATIONS), 1)),
    }
}

/// Parameters of a network with hidden layers of some widths, but for its scales.
pub fn parameters(features: usize, hidden: &[usize], outputs: usize) -> usize {
    let widths = std::iter::once(&features).chain(hidden).chain([&outputs]);
    let pairs = widths.clone().zip(widths.skip(1));
    let of = |(inputs, outputs): (&usize, &usize)| (inputs + 1).saturating_mul(*outputs);
    pairs.map(of).fold(0, usize::saturating_add)
}

impl Algorithm {
    /// Rows that it takes the gradient of together: what a budget of seconds is timed on.
    pub fn batch(self, rows: usize) -> usize {
        let first = (rows / 32).clamp(32, 128);
        match self {
            Self::Ensemble | Self::Map | Self::Laplace => first,
            // They grow.
            Self::Sghmc => 2 * first,
            _ => 2048,
        }
    }

    /// The algorithm for `run`, a network of so many `parameters` on so many `rows`.
    ///
    /// # Errors
    /// Those of [`BudgetFlags::gradients`].
    pub fn within<M: Model>(
        self,
        budget: BudgetFlags,
        flags: &Flags,
        run: &Run<'_, M>,
        (rows, parameters): (usize, usize),
    ) -> Result<Box<dyn Inference>> {
        // It turns seconds into gradients itself, by what it chooses.
        if let (Self::Auto, Some(seconds)) = (self, budget.seconds) {
            return Ok(Box::new(auto().seconds(seconds)));
        }
        // They time themselves.
        if let Some(fit) = budget.fit.fit(self, flags, budget.seconds) {
            return Ok(fit);
        }
        let gradients = budget.gradients(run, self.batch(rows))?;
        if self == Self::Laplace {
            let epochs = gradients.map(|all| (3 * all as usize / (4 * rows.max(1))).max(1));
            return Ok(budget.fit.laplace(flags, epochs));
        }
        let heat = budget.fit.temperature.unwrap_or(1.0);
        Ok(self.settings(flags, rows, parameters, gradients, heat))
    }

    /// The algorithm for a network of so many `parameters` on so many `rows`, with `budget` row-gradients to spend if there is a
    /// budget, and the temperature `heat` for chains by mini-batches.
    fn settings(
        self,
        flags: &Flags,
        rows: usize,
        parameters: usize,
        budget: Option<u64>,
        heat: f64,
    ) -> Box<dyn Inference> {
        let size = rows.saturating_mul(parameters).max(1);
        let kernel = Hmc::leapfrogs(flags.size(LEAPFROGS, 4));
        let passes = |of: usize| budget.map(|all| all / (of * rows).max(1) as u64);
        match self {
            Self::Linear => Box::new(smc().particles(flags.size(64, 8))),
            Self::Auto => match (budget, flags.smoke) {
                (Some(budget), _) => Box::new(auto().gradients(budget)),
                (None, true) => Box::new(auto().gradients(100_000)),
                (None, false) => Box::new(auto()),
            },
            Self::Sghmc => {
                let chains = sghmc().chains(flags.size(16, 2)).temperature(heat);
                match (budget, flags.smoke) {
                    (Some(budget), _) => Box::new(chains.gradients(budget)),
                    (None, true) => Box::new(chains.passes(10)),
                    (None, false) => Box::new(chains),
                }
            }
            Self::Smc if size <= LARGE => {
                let (islands, particles) = (flags.size(8, 2), 2);
                let moves = moves(BUDGET, size, islands * particles).clamp(10, 5000);
                let smc = populations(flags, islands, particles, moves, budget).kernel(kernel);
                Box::new(smc.annealing(SmoothDataAnnealing::geometric()))
            }
            Self::Smc => {
                let ensemble = trained(flags, budget.map(half_of_members));
                let members = ensemble.size(rows);
                let moves = moves(LARGE_BUDGET, size, members).clamp(10, 200);
                let all = budget.map(with_members);
                let smc = populations(flags, members, 1, moves, all).kernel(kernel);
                Box::new(
                    smc.warm(ensemble, 0.3)
                        .annealing(Tempering::stages(flags.size(4, 2))),
                )
            }
            Self::Mcmc => {
                let chains = flags.size(8, 2);
                let moves = match passes(chains) {
                    Some(passes) => (passes as usize / LEAPFROGS).max(4),
                    None => moves(BUDGET, size, chains).clamp(100, 1000),
                };
                let half = flags.size(moves / 2, 10);
                Box::new(
                    mcmc()
                        .chains(chains)
                        .warmup(half)
                        .draws(half)
                        .kernel(kernel),
                )
            }
            Self::Symmetric => {
                // Draws of a chain are some moves apart.
                const APART: usize = 64;
                let each = symmetric().kernel(kernel);
                Box::new(match (budget, flags.smoke) {
                    (_, true) => each.chains(8).warmup(10).draws(2).thin(2),
                    (Some(budget), _) => {
                        let all = budget as usize / (128 * rows.max(1) * LEAPFROGS);
                        each.chains(128).warmup(all.saturating_sub(APART).max(20))
                    }
                    (None, _) => each,
                })
            }
            Self::Ensemble => Box::new(trained(flags, budget.map(of_members))),
            // The last of all but the fits, which are not made here.
            _ => match passes(1) {
                // Gradients of one network take twice as long as those of sixteen together, which were timed.
                Some(passes) => Box::new(map().epochs((3 * passes as usize / 8).max(1))),
                None => Box::new(map()),
            },
        }
    }
}

/// What a budget is worth for an ensemble: members that hold out other rows than others have batches of their own, which is a third slower than
/// one for all.
fn of_members(budget: u64) -> u64 {
    budget / 20 * 13
}

/// Half of that, for a warm start.
pub fn half_of_members(budget: u64) -> u64 {
    of_members(budget) / 2
}

/// What a budget is worth for a run around such members: gradients of theirs are dearer than those of the moves that follow.
pub fn with_members(budget: u64) -> u64 {
    half_of_members(budget) + budget / 5 * 2
}

/// An ensemble within a budget of row-gradients, if there is one.
fn trained(flags: &Flags, budget: Option<u64>) -> smc_runtime::infer::Ensemble {
    match budget {
        _ if flags.smoke => ensemble().members(2).epochs(20),
        Some(budget) => ensemble().gradients(budget.max(1)),
        None => ensemble(),
    }
}
