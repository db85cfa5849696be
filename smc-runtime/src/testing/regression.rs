//! The problem with a known answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cholesky::{cholesky, solve_lower, solve_upper};
use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::data::{Dataset, Features};
use crate::model::architecture::{Architecture, Nature, Node, Shape};
use crate::model::dist::{Normal, Predictive, Term};
use crate::model::layout::{BlockSpec, Layout, Role};
use crate::model::transform::Support;
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::{Arguments, Choice, Counts, Predictor, Problem, RowSampled, Segment, Sums};
use crate::sampling::stage::{Stage, Terms};

/// ½ log 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// Bayesian linear regression with known noise, y ~ N(x·θ, noise), θ ~ N(0, prior): the answer at every stage is known.
///
/// It evaluates its rows directly, in f64, so that laws about samplers are about samplers and fast.
#[derive(Clone, Debug)]
pub struct Regression {
    data: Dataset,
    noise: f64,
    prior: f64,
    model: Arc<LinearModel>,
    order: Vec<usize>,
    /// Rows with and without a gradient; copies count together.
    counts: Arc<[AtomicU64; 2]>,
}

/// The posterior of a [`Regression`] at a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    /// Posterior mean.
    pub mean: Vec<f64>,
    /// Posterior covariance.
    pub covariance: Vec<Vec<f64>>,
    /// log ∫ p(θ) · exp(the stage's log-likelihood) dθ; the log-evidence where the stage is the posterior.
    pub log_evidence: f64,
    /// Cholesky factor of the precision.
    factor: Vec<Vec<f64>>,
}

impl Exact {
    /// Posterior standard deviations.
    pub fn sd(&self) -> Vec<f64> {
        (0..self.mean.len())
            .map(|i| self.covariance[i][i].sqrt())
            .collect()
    }

    /// The draw that standard normal numbers `z` stand for.
    fn draw(&self, z: &[f32]) -> Vec<f64> {
        let z: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
        let step = solve_upper(&self.factor, &z);
        self.mean.iter().zip(step).map(|(m, s)| m + s).collect()
    }
}

impl Regression {
    /// The regression of the targets of `data` on its features, without an intercept.
    pub fn new(data: Dataset, noise: f64, prior: f64) -> Self {
        let columns = data.columns();
        let weight = BlockSpec {
            name: "",
            shape: vec![columns],
            support: Support::Real,
            fan_in: columns,
            role: Role::Parameter,
        };
        let model = LinearModel {
            layout: Layout::new([("weight", vec![weight], None)]),
            architecture: Architecture {
                inputs: columns,
                nodes: vec![Node {
                    name: "weight",
                    field: 0,
                    label: "regression".to_owned(),
                    nature: Nature::Other,
                    takes: Shape::Features(columns),
                    gives: Shape::Features(1),
                    blocks: 0..1,
                    fused: None,
                }],
            },
            predictive: Normal::default().mean(Term::Field(0)).sd(noise),
            noise,
            prior,
        };
        Self {
            order: (0..data.rows()).collect(),
            counts: Arc::default(),
            model: Arc::new(model),
            data,
            noise,
            prior,
        }
    }

    /// `rows` rows of `columns` standard normal features, targets drawn from the model.
    ///
    /// # Errors
    /// If `rows` is zero.
    pub fn simulated(
        rows: usize,
        columns: usize,
        noise: f64,
        prior: f64,
        seed: u64,
    ) -> Result<Self> {
        let mut stream = Streams::new(seed).stream(Purpose::Simulate, 0, 0, 0);
        let x = stream.normals(rows * columns);
        let truth: Vec<f64> = (0..columns).map(|_| prior * stream.normal()).collect();
        let mut target = |row: &[f32]| {
            let mean: f64 = row.iter().zip(&truth).map(|(&x, t)| f64::from(x) * t).sum();
            (mean + noise * stream.normal()) as f32
        };
        let y = x.chunks(columns.max(1)).map(&mut target).collect();
        Ok(Self::new(Dataset::new(columns, x, y)?, noise, prior))
    }

    /// The data.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The posterior at `stage`, by conjugacy.
    pub fn exact(&self, stage: &Stage) -> Exact {
        let d = self.data.columns();
        let weigh = |full: f64, ramp: f64| {
            stage.log_density(&Terms {
                prior: 0.0,
                full,
                ramp,
                ..Terms::default()
            })
        };
        let parts = [
            (stage.full(), weigh(1.0, 0.0)),
            (stage.ramp(), weigh(0.0, 1.0)),
        ];
        let rows = parts.iter().flat_map(|(rows, w)| {
            rows.ranges()
                .iter()
                .cloned()
                .flatten()
                .map(move |i| (i, *w))
        });
        let mut precision = vec![vec![0.0; d]; d];
        let mut shift = vec![0.0; d];
        let (mut total, mut squares) = (0.0, 0.0);
        for (i, weight) in rows {
            let (x, y) = (self.features(i), f64::from(self.data.target(i)));
            let w = weight / (self.noise * self.noise);
            total += weight;
            squares += w * y * y;
            for r in 0..d {
                shift[r] += w * x[r] * y;
                for c in 0..d {
                    precision[r][c] += w * x[r] * x[c];
                }
            }
        }
        for (r, row) in precision.iter_mut().enumerate() {
            row[r] += 1.0 / (self.prior * self.prior);
        }
        let factor = cholesky(&precision);
        let solve = |b: &[f64]| solve_upper(&factor, &solve_lower(&factor, b));
        let mean = solve(&shift);
        let unit = |i: usize| {
            (0..d)
                .map(|j| f64::from(u8::from(i == j)))
                .collect::<Vec<_>>()
        };
        let log_det: f64 = factor
            .iter()
            .enumerate()
            .map(|(i, row)| 2.0 * row[i].ln())
            .sum();
        let fit: f64 = shift.iter().zip(&mean).map(|(s, m)| s * m).sum();
        Exact {
            covariance: (0..d).map(|i| solve(&unit(i))).collect(),
            log_evidence: -total * (self.noise.ln() + HALF_LN_TAU)
                - d as f64 * self.prior.ln()
                - 0.5 * log_det
                - 0.5 * (squares - fit),
            mean,
            factor,
        }
    }

    /// The posterior given all rows, by conjugacy.
    pub fn posterior(&self) -> Exact {
        self.exact(&Stage::of(0..self.data.rows()))
    }

    /// Independent draws from the posterior at `stage`.
    pub fn draws(&self, stage: &Stage, particles: usize, streams: Streams) -> Population {
        let mut positions = Population::zeros(particles, self.data.columns());
        positions.fill_normal(streams, Purpose::User, 0, 0);
        let exact = self.exact(stage);
        positions.on_host().map_rows(|_, row| place(row, &exact));
        positions
    }

    fn features(&self, row: usize) -> Vec<f64> {
        self.data.row(row).iter().map(|&x| f64::from(x)).collect()
    }

    fn row(&self, theta: &[f32], row: usize) -> (f64, f64) {
        let x = self.data.row(row);
        let mean: f64 = x
            .iter()
            .zip(theta)
            .map(|(&x, &t)| f64::from(x) * f64::from(t))
            .sum();
        let residual = f64::from(self.data.target(row)) - mean;
        let z = residual / self.noise;
        (-0.5 * z * z - self.noise.ln() - HALF_LN_TAU, z / self.noise)
    }

    fn sums(&self, theta: &[f32], segments: &[Segment], gradient: Option<&mut [f32]>) -> Vec<f64> {
        let mut slope = vec![0.0; theta.len()];
        let of = |segment: &Segment| {
            let mut total = 0.0;
            for row in segment.rows.clone() {
                let (value, by_mean) = self.row(theta, row);
                total += value;
                for (s, &x) in slope.iter_mut().zip(self.data.row(row)) {
                    *s += segment.weight * by_mean * f64::from(x);
                }
            }
            total
        };
        let sums = segments.iter().map(of).collect();
        if let Some(gradient) = gradient {
            for (g, s) in gradient.iter_mut().zip(slope) {
                *g += s as f32;
            }
        }
        sums
    }
}

pub(super) fn place(row: &mut [f32], exact: &Exact) {
    let draw = exact.draw(row);
    for (slot, x) in row.iter_mut().zip(draw) {
        *slot = x as f32;
    }
}

/// A [`Regression`] without its data.
#[derive(Clone, Debug)]
struct LinearModel {
    layout: Layout,
    architecture: Architecture,
    predictive: Normal<Term>,
    noise: f64,
    prior: f64,
}

impl Predictor for LinearModel {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn engine(&self) -> &Choice {
        const CLOSED: Choice = Choice {
            name: std::borrow::Cow::Borrowed("closed form"),
            reason: std::borrow::Cow::Borrowed("the posterior is known"),
        };
        &CLOSED
    }

    fn prior(&self) -> &dyn Density {
        self
    }

    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments> {
        if data.columns() != self.architecture.inputs {
            return Err(Error::shape(
                "data to predict with",
                format!("{} features", self.architecture.inputs),
                format!("{} features", data.columns()),
            ));
        }
        let mean = |theta: &[f32], row: &[f32]| {
            row.iter()
                .zip(theta)
                .map(|(&x, &t)| f64::from(x) * f64::from(t))
                .sum()
        };
        let of = |i: usize| {
            (0..data.rows()).flat_map(move |r| [mean(thetas.row(i), data.row(r)), self.noise])
        };
        Ok(Arguments {
            rows: data.rows(),
            width: 2,
            values: (0..thetas.len()).flat_map(of).collect(),
        })
    }

    fn predictive(&self) -> &dyn Predictive {
        &self.predictive
    }

    fn check_targets(&self, _: &Dataset) -> Result<()> {
        Ok(())
    }
}

impl Density for LinearModel {
    fn dim(&self) -> usize {
        self.layout.dim()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        thetas.fill_normal(streams, Purpose::Start, 0, draw);
        let prior = self.prior as f32;
        thetas
            .on_host()
            .map_rows(|_, row| row.iter_mut().for_each(|x| *x *= prior));
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let precision = 1.0 / (self.prior * self.prior);
        if let Some(gradient) = gradient {
            gradient.axpy(-(precision as f32), &vec![1.0; thetas.dim()], thetas);
        }
        let constant = -(thetas.dim() as f64) * (self.prior.ln() + HALF_LN_TAU);
        thetas
            .squared_norms()
            .into_iter()
            .map(|n| constant - 0.5 * n * precision)
            .collect()
    }
}

impl Problem for Regression {
    fn predictor(&self) -> Arc<dyn Predictor> {
        self.model.clone()
    }

    fn model(&self) -> &dyn Predictor {
        &*self.model
    }

    fn order(&self) -> &[usize] {
        &self.order
    }

    fn counts(&self) -> Counts {
        Counts {
            row_gradients: self.counts[0].load(Ordering::Relaxed),
            row_values: self.counts[1].load(Ordering::Relaxed),
        }
    }

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Sums {
        for segment in segments {
            let counter = usize::from(gradient.is_none() || segment.weight == 0.0);
            let rows = (thetas.len() * segment.rows.len()) as u64;
            self.counts[counter].fetch_add(rows, Ordering::Relaxed);
        }
        let each = match gradient {
            Some(gradient) => gradient
                .on_host()
                .map_rows(|i, row| self.sums(thetas.row(i), segments, Some(row))),
            None => exec::map(thetas.len(), |i| self.sums(thetas.row(i), segments, None)),
        };
        let mut sums = Sums::zeros(thetas.len(), segments.len());
        for (i, own) in each.iter().enumerate() {
            sums.of_mut(i).copy_from_slice(own);
        }
        sums
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let rows = |i: usize| (0..self.data.rows()).map(move |r| self.row(thetas.row(i), r).0);
        (0..thetas.len()).flat_map(rows).collect()
    }

    fn row_sampled(&self) -> Result<&dyn RowSampled> {
        Ok(self)
    }
}

impl RowSampled for Regression {
    fn grain(&self) -> usize {
        1
    }
}
