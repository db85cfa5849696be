//! What a run of sequential Monte Carlo will cost.

use super::settings::Smc;
use crate::infer::Cost;
use crate::problem::Problem;
use crate::sampling::anneal::planned;

/// Vectors of each particle while it moves: where it was, where it is, its momentum, two gradients, and those of the
/// adaptation.
const VECTORS: f64 = 6.0;

/// Stages on all rows that adaptive annealing is worth, over √d: the number of stages grows as the root of the number of
/// parameters (Beskos, Crisan and Jasra, 2014), and with data annealing the quickstart spends 2.6 √d.
const STAGES: f64 = 3.0;

pub(super) fn of(settings: &Smc, problem: &dyn Problem) -> Cost {
    let (rows, dim) = (problem.rows() as f64, problem.dim() as f64);
    let stages = planned(&*settings.policy(), problem.rows());
    let stages = stages.ok().flatten();
    let stage_rows = stages
        .as_ref()
        .map_or(STAGES * dim.sqrt() * rows, |stages| {
            stages.iter().map(|s| s.cost() as f64).sum()
        });
    let (particles, passes) = (settings.particles as f64, settings.kernel.passes() as f64);
    let annealing = stage_rows * settings.moves.usual() as f64;
    let after = rows * settings.final_moves as f64;
    let warm = settings.warm.as_ref();
    let warm = warm.and_then(|warm| warm.algorithm.cost(problem));
    let kept = if settings.recycle {
        settings.final_moves / settings.thin.max(1)
    } else {
        0
    };
    if let Some(budget) = settings.spend {
        return Cost {
            row_gradients: (budget as f64).max(particles * passes * annealing),
            guess: stages.is_none(),
            vectors: particles * (VECTORS + 50.0) + warm.map_or(0.0, |w| w.vectors),
            reduce: "fewer particles",
        };
    }
    Cost {
        row_gradients: particles * passes * (annealing + after)
            + warm.map_or(0.0, |w| w.row_gradients),
        guess: stages.is_none() || warm.is_some_and(|w| w.guess),
        vectors: particles * (VECTORS + kept as f64),
        reduce: "fewer particles, or with `recycle` a larger `thin`",
    }
}
