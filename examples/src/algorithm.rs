//! Algorithms by name, with settings that follow from the size of the problem and from nothing else.

use clap::ValueEnum;
use smc_runtime::infer::Smc;
use smc_runtime::prelude::*;

use crate::Flags;

/// What `--infer` offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// A linear model in place of the network, by sequential Monte Carlo.
    Linear,
    /// Sequential Monte Carlo: data annealing from the prior, or from an ensemble where the problem is large.
    Smc,
    /// Markov chain Monte Carlo: as many moves as the budget allows.
    Mcmc,
    /// A deep ensemble.
    Ensemble,
    /// One mode.
    Map,
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

/// Islands that count equally, and so many moves on the posterior, which are recycled.
fn populations(flags: &Flags, islands: usize, particles: usize, moves: usize) -> Smc {
    smc()
        .islands(islands)
        .particles(islands * particles)
        .metric(Metric::Diagonal)
        .moves(flags.size(2, 1))
        .final_moves(flags.size(moves, 1))
        .recycle(true)
        .thin(flags.size(moves.div_ceil(GENERATIONS), 1))
}

/// Parameters of a network with hidden layers of some widths, but for its scales.
pub fn parameters(features: usize, hidden: &[usize], outputs: usize) -> usize {
    let widths = std::iter::once(&features).chain(hidden).chain([&outputs]);
    let pairs = widths.clone().zip(widths.skip(1));
    let of = |(inputs, outputs): (&usize, &usize)| (inputs + 1).saturating_mul(*outputs);
    pairs.map(of).fold(0, usize::saturating_add)
}

impl Algorithm {
    /// The algorithm for a network of so many `parameters` on so many `rows`.
    pub fn settings(self, flags: &Flags, rows: usize, parameters: usize) -> Box<dyn Inference> {
        let size = rows.saturating_mul(parameters).max(1);
        let kernel = Hmc::leapfrogs(flags.size(LEAPFROGS, 4));
        match self {
            Self::Linear => Box::new(smc().particles(flags.size(64, 8))),
            Self::Smc if size <= LARGE => {
                let (islands, particles) = (flags.size(8, 2), 2);
                let moves = moves(BUDGET, size, islands * particles).clamp(10, 5000);
                let smc = populations(flags, islands, particles, moves).kernel(kernel);
                Box::new(smc.annealing(SmoothDataAnnealing::geometric()))
            }
            Self::Smc => {
                let members = flags.size(16, 2);
                let moves = moves(LARGE_BUDGET, size, members).clamp(10, 200);
                let smc = populations(flags, members, 1, moves).kernel(kernel);
                Box::new(
                    smc.warm(ensemble().members(members), 0.3)
                        .annealing(Tempering::stages(flags.size(4, 2))),
                )
            }
            Self::Mcmc => {
                let chains = flags.size(8, 2);
                let moves = moves(BUDGET, size, chains).clamp(100, 1000);
                let half = flags.size(moves / 2, 10);
                Box::new(
                    mcmc()
                        .chains(chains)
                        .warmup(half)
                        .draws(half)
                        .kernel(kernel),
                )
            }
            Self::Ensemble => Box::new(ensemble().members(flags.size(16, 2))),
            Self::Map => Box::new(map()),
        }
    }
}
