//! Normal densities with a full covariance, fitted to the scores of all rows at their own draws: what the two rules of that kind share.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Fitting;
use super::plan::{Passes, Plan};
use super::run::{Batch, Fit, Rule};
use super::start::{Start, start};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::family::FullNormal;
use crate::infer::Cost;
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;

/// Parameters at the most: an iteration costs their cube.
const MOST: usize = 1024;

/// The settings of such a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Iterations {
    pub(super) number: usize,
    /// Draws of an iteration.
    pub(super) sample: usize,
    pub(super) batch: Option<usize>,
}

/// The setters that an algorithm with fields `iterations` and `passes` has.
macro_rules! iterations_setters {
    () => {
        /// Iterations, each of a gradient of all rows for every draw; 200 unless set.
        pub fn iterations(mut self, iterations: usize) -> Self {
            self.iterations.number = iterations;
            self
        }

        /// Draws of an iteration; 32 unless set.
        pub fn sample(mut self, draws: usize) -> Self {
            self.iterations.sample = draws;
            self
        }

        /// Rows of a mini-batch, for the sake of an error: scores of some rows are noisy, and a covariance that is matched to noise is
        /// biased by it. All rows, or nothing.
        pub fn batch(mut self, rows: usize) -> Self {
            self.iterations.batch = Some(rows);
            self
        }

        passes_draws!();
    };
}
pub(super) use iterations_setters;

impl Default for Iterations {
    fn default() -> Self {
        Self {
            number: 200,
            sample: 32,
            batch: None,
        }
    }
}

impl Iterations {
    fn plan(&self, passes: &Passes, problem: &dyn Problem) -> Result<Plan> {
        passes.check()?;
        if let Some(batch) = self.batch.filter(|&batch| batch < problem.rows()) {
            return Err(Error::config(
                "batch",
                batch,
                format!(
                    "all {} rows are needed: scores of some rows are noisy, and matching a covariance to them takes the noise for curvature; `score_vi()` and `ivon()` take mini-batches",
                    problem.rows()
                ),
            ));
        }
        for (what, value) in [("iterations", self.number), ("sample", self.sample)] {
            if value == 0 {
                return Err(Error::config(what, 0, "at least 1 is needed"));
            }
        }
        if problem.dim() > MOST {
            return Err(Error::config(
                "parameters under a full covariance",
                problem.dim(),
                format!("at most {MOST} are possible here; `score_vi()` goes farther"),
            ));
        }
        passes.whole(problem, self.number)
    }

    pub(super) fn cost(&self, passes: &Passes, problem: &dyn Problem) -> Option<Cost> {
        let plan = self.plan(passes, problem).ok()?;
        Some(Cost {
            row_gradients: (plan.passes * self.sample * plan.rows) as f64,
            guess: false,
            vectors: (3 * self.sample + plan.leaves.draws + 8 * problem.dim()) as f64,
            reduce: "fewer draws, or a smaller network",
        })
    }
}

/// A mean and a covariance, row after row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    pub(super) mean: Vec<f64>,
    pub(super) covariance: Vec<f64>,
}

impl Moments {
    fn begin(problem: &dyn Problem, streams: Streams) -> Self {
        let Start { mean, sd, .. } = start(problem, streams);
        let n = sd.len();
        let mut covariance = vec![0.0; n * n];
        for (i, s) in sd.iter().enumerate() {
            covariance[i * n + i] = f64::from(*s).powi(2);
        }
        Self {
            mean: mean.means(&[1.0]),
            covariance,
        }
    }

    fn density(&self) -> Result<FullNormal> {
        let mean = self.mean.iter().map(|&m| m as f32).collect();
        FullNormal::new(mean, &self.covariance)
    }
}

/// Draws with the scores there, one vector for each draw.
pub(super) struct Scored {
    pub(super) draws: Vec<Vec<f64>>,
    pub(super) scores: Vec<Vec<f64>>,
}

/// From scores of all rows to the next mean and covariance.
pub(super) trait Matching: Send {
    /// Draws of an iteration.
    fn sample(&self) -> usize;

    /// The next numbers in iteration number `iteration`, counted from 1; `None` where they are none.
    fn next(&self, now: &Moments, scored: &Scored, iteration: usize) -> Option<Moments>;
}

/// The fit by a matching, before its first step, or as it was when it saved `state`.
pub(super) fn fit<'a>(
    matching: impl Matching + 'a,
    (iterations, passes): (&Iterations, &Passes),
    problem: Arc<dyn Problem + 'a>,
    streams: Streams,
    state: Option<&Saved>,
) -> Result<Box<dyn Fitting + 'a>> {
    let plan = iterations.plan(passes, &*problem)?;
    let begin = |problem: &dyn Problem| Ok(Moments::begin(problem, streams));
    let fit = Fit::begin(Matched(matching), plan, problem, streams, state, begin)?;
    Ok(Box::new(fit))
}

/// A matching as a rule.
struct Matched<M>(M);

impl<M: Matching> Rule for Matched<M> {
    type Numbers = Moments;

    fn dim(numbers: &Moments) -> usize {
        numbers.mean.len()
    }

    fn update(&self, numbers: &mut Moments, at: &Batch<'_>) -> Result<f64> {
        let density = numbers.density()?;
        let sample = self.0.sample();
        let mut thetas = Population::zeros(sample, density.dim());
        density.sample(at.streams, at.number + 1, &mut thetas);
        let mut gradient = thetas.zeros_like();
        at.problem.prior().log_density(&thetas, Some(&mut gradient));
        let sums = at
            .problem
            .log_likelihood(&thetas, at.segments, Some(&mut gradient));
        let log = sums.totals().iter().sum::<f64>() / sample as f64;
        if !log.is_finite() || gradient.first_not_finite().is_some() {
            return Ok(f64::NAN);
        }
        let scored = Scored {
            draws: vectors(&thetas),
            scores: vectors(&gradient),
        };
        let next = self.0.next(numbers, &scored, at.number + 1);
        // Rounded, it may no longer be positive definite.
        match next.filter(|next| next.density().is_ok()) {
            Some(next) => *numbers = next,
            None => return Ok(f64::NAN),
        }
        Ok(log)
    }

    fn density(&self, numbers: &Moments) -> Result<Arc<dyn Density>> {
        Ok(Arc::new(numbers.density()?))
    }
}

/// The vectors of a population in f64.
fn vectors(population: &Population) -> Vec<Vec<f64>> {
    let columns: Vec<Vec<f64>> = (0..population.dim())
        .map(|c| population.coordinate(c))
        .collect();
    let vector = |i: usize| columns.iter().map(|column| column[i]).collect();
    (0..population.len()).map(vector).collect()
}
