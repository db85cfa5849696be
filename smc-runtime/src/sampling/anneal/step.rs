//! Step data annealing: more rows from stage to stage, each in at once.

use super::tempering::check_power;
use super::{Annealing, Lookahead, check_number, first_block, whole};
use crate::base::error::{Error, Result};
use crate::sampling::stage::Stage;

/// n_1 ≤ n_2 ≤ … ≤ n_K = N rows, unscaled, so that every target is a posterior given some of the data.
///
/// Of the schemes in which mini-batches enter an SMC sampler gradually (arXiv 2601.21983), the one whose batches grow by
/// steps; reconstructed from the abstract. No stage depends on the particles: with frozen kernel settings E\[Ẑ\] = Z, and
/// the cost is known beforehand, a gradient of all stages taking Σ n_k rows. With t = (k−1)/(K−1):
///
/// | policy | n_k | Σ n_k / (K·N), for many stages |
/// |---|---|---|
/// | [`linear`](Self::linear) | n_1 + (N−n_1)·t^p, p = 1 | ½ |
/// | [`geometric`](Self::geometric) | n_1·(N/n_1)^(t^p), p = 1 | 1/ln(N/n_1) |
/// | [`front_loaded`](Self::front_loaded) | the same, p = 2 | ∫ (n_1/N)^(1−t^p) dt: a seventh for N = 64·n_1 |
/// | [`doubling`](Self::doubling) | n_1·2^(k−1) | 2/K |
///
/// ```
/// use smc_runtime::sampling::anneal::{Plan, StepDataAnnealing};
///
/// let tenth = StepDataAnnealing::front_loaded(40).first(100).power(2.5);
/// assert!(Plan::of(&tenth, 60_000)?.is_some_and(|plan| plan.share() < 0.1));
/// let table = StepDataAnnealing::table([100, 100, 1000, 60_000]).hold(2);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StepDataAnnealing {
    path: Path,
    first: Option<usize>,
    power: Option<f64>,
    hold: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Path {
    Linear(usize),
    /// Stages and the power, unless another is set.
    Geometric(usize, f64),
    Doubling,
    Table(Vec<usize>),
}

impl Default for StepDataAnnealing {
    /// [`doubling`](Self::doubling).
    fn default() -> Self {
        Self::doubling()
    }
}

impl StepDataAnnealing {
    fn along(path: Path) -> Self {
        Self {
            path,
            first: None,
            power: None,
            hold: 0,
        }
    }

    /// As many new rows at each of `stages` stages: with N/K rows first, n_k = N·k/K.
    pub fn linear(stages: usize) -> Self {
        Self::along(Path::Linear(stages))
    }

    /// Rows that grow by the same factor, so as to be all at stage number `stages`.
    pub fn geometric(stages: usize) -> Self {
        Self::along(Path::Geometric(stages, 1.0))
    }

    /// Twice the rows at each stage, as many stages as it takes.
    pub fn doubling() -> Self {
        Self::along(Path::Doubling)
    }

    /// A geometric path that lingers where rows are few. All rows come at the last stage, more than half of them in the
    /// last (ln 2 / ln(N/n_1))/p of the stages: a twelfth for p = 2 and N = 64·n_1.
    pub fn front_loaded(stages: usize) -> Self {
        Self::along(Path::Geometric(stages, 2.0))
    }

    /// The rows of every stage. They must not fall, and the last must be all; a number that is there twice is a stage with
    /// twice the moves.
    pub fn table(rows: impl IntoIterator<Item = usize>) -> Self {
        Self::along(Path::Table(rows.into_iter().collect()))
    }

    /// Rows of the first stage; N/K for a linear path, otherwise a sixty-fourth of the data but at least 16, unless given.
    pub fn first(mut self, rows: usize) -> Self {
        self.first = Some(rows);
        self
    }

    /// The power p of t in the path; the larger, the more of the stages see few rows.
    pub fn power(mut self, power: f64) -> Self {
        self.power = Some(power);
        self
    }

    /// Further stages at all rows, after the first of them. The algorithm's final moves are made at each.
    pub fn hold(mut self, stages: usize) -> Self {
        self.hold = stages;
        self
    }

    /// The rows of every stage.
    fn rows(&self, all: usize) -> Result<Vec<usize>> {
        check_number("hold", self.hold, 0)?;
        let power = |unless_set: f64| {
            let power = self.power.unwrap_or(unless_set);
            check_power(power).map(|()| power)
        };
        let mut rows = match &self.path {
            Path::Linear(stages) => {
                check_number("stages", *stages, 1)?;
                let first = first_block(self.first.or(Some(all.div_ceil(*stages))), all)? as f64;
                let path = |t| first + (all as f64 - first) * t;
                path_of(*stages, all, power(1.0)?, path)
            }
            Path::Geometric(stages, p) => {
                check_number("stages", *stages, 1)?;
                let first = first_block(self.first, all)? as f64;
                path_of(*stages, all, power(*p)?, |t| {
                    first * (all as f64 / first).powf(t)
                })
            }
            Path::Doubling => {
                self.no_power()?;
                let first = first_block(self.first, all)?;
                let double = |n: &usize| (*n < all).then(|| n.saturating_mul(2).min(all));
                std::iter::successors(Some(first), double).collect()
            }
            Path::Table(rows) => {
                self.no_power()?;
                check_table(rows, self.first, all)?;
                rows.clone()
            }
        };
        rows.extend(std::iter::repeat_n(all, self.hold));
        Ok(rows)
    }

    fn no_power(&self) -> Result<()> {
        let expected = "only a linear, geometric or front-loaded path has a power";
        self.power
            .map_or(Ok(()), |p| Err(Error::config("power", p, expected)))
    }
}

/// `path` at t = ((k−1)/(K−1))^power for k = 1, …, K, and all rows at the last whatever the rounding.
fn path_of(stages: usize, all: usize, power: f64, path: impl Fn(f64) -> f64) -> Vec<usize> {
    let last = stages - 1;
    let at = |k: usize| whole(path((k as f64 / last as f64).powf(power))).min(all);
    (0..last).map(at).chain([all]).collect()
}

fn check_table(rows: &[usize], first: Option<usize>, all: usize) -> Result<()> {
    if let Some(first) = first {
        let expected = "a table begins with its own first number";
        return Err(Error::config("first", first, expected));
    }
    let rising = rows.first().is_some_and(|&n| n > 0) && rows.is_sorted();
    if rising && rows.last() == Some(&all) {
        return Ok(());
    }
    Err(Error::config(
        "table",
        format!("{rows:?}"),
        format!("numbers of rows must not fall, from at least 1 to all {all}"),
    ))
}

impl Annealing for StepDataAnnealing {
    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        let stages = self.rows(rows)?.into_iter().map(|n| Stage::of(0..n));
        Ok(Some(stages.collect()))
    }

    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        Ok(ahead.planned())
    }
}
