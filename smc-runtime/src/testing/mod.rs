//! Conformance checks that a third party runs on its own model, kernel, adaptation, annealing policy or
//! resampling scheme.
//!
//! Each check returns what is wrong, in words, and is deterministic: statistical ones have fixed seeds and tolerances of
//! a few standard errors. [`Regression`] is the problem with a known answer on which they run.
//!
//! ```
//! use smc_runtime::prelude::*;
//! use smc_runtime::testing;
//!
//! testing::check_resampler(&Systematic).unwrap();
//! testing::check_kernel(&Hmc::leapfrogs(4), &Follow::aim()).unwrap();
//! testing::check_adaptation(&Follow::aim(), &Hmc::leapfrogs(4)).unwrap();
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::data::{Dataset, Features};
use crate::infer::{Draws, Smc, SmcRun, smc};
use crate::model::architecture::{Architecture, Node, Op};
use crate::model::dist::{Normal, Predictive, Term};
use crate::model::layout::{BlockSpec, Layout};
use crate::model::transform::Support;
use crate::problem::Choice;
use crate::problem::population::Population;
use crate::problem::{Arguments, Counts, Part, Problem, RowSums, Segment};
use crate::sampling::adapt::{self, Adaptation};
use crate::sampling::anneal::{Annealing, Lookahead};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Kernel, Moved, Tuning};
use crate::sampling::resample::Resample;
use crate::sampling::stage::{Stage, Terms};
use crate::sampling::weights::Weights;

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
    layout: Layout,
    architecture: Architecture,
    order: Vec<usize>,
    predictive: Normal<Term>,
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
        };
        Self {
            layout: Layout::new([("weight", vec![weight], None)]),
            architecture: Architecture {
                inputs: columns,
                nodes: vec![Node {
                    name: "weight",
                    op: Op::Other("regression"),
                    inputs: columns,
                    outputs: 1,
                    blocks: 0..1,
                }],
            },
            order: (0..data.rows()).collect(),
            counts: Arc::default(),
            predictive: Normal::default().mean(Term::Field(0)).sd(noise),
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
        positions.map_rows(|_, row| place(row, &exact));
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

    fn sums(&self, theta: &[f32], segments: &[Segment], gradient: Option<&mut [f32]>) -> RowSums {
        let mut sums = RowSums::default();
        let mut slope = vec![0.0; theta.len()];
        for segment in segments {
            let mut total = 0.0;
            for row in segment.rows.clone() {
                let (value, by_mean) = self.row(theta, row);
                total += value;
                for (s, &x) in slope.iter_mut().zip(self.data.row(row)) {
                    *s += segment.weight * by_mean * f64::from(x);
                }
            }
            match segment.part {
                Part::Full => sums.full += total,
                Part::Ramp => sums.ramp += total,
            }
        }
        if let Some(gradient) = gradient {
            for (g, s) in gradient.iter_mut().zip(slope) {
                *g += s as f32;
            }
        }
        sums
    }
}

fn place(row: &mut [f32], exact: &Exact) {
    let draw = exact.draw(row);
    for (slot, x) in row.iter_mut().zip(draw) {
        *slot = x as f32;
    }
}

impl Problem for Regression {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn rows(&self) -> usize {
        self.data.rows()
    }

    fn order(&self) -> &[usize] {
        &self.order
    }

    fn engine(&self) -> &Choice {
        const CLOSED: Choice = Choice {
            name: "closed form",
            reason: std::borrow::Cow::Borrowed("the posterior is known"),
        };
        &CLOSED
    }

    fn counts(&self) -> Counts {
        Counts {
            row_gradients: self.counts[0].load(Ordering::Relaxed),
            row_values: self.counts[1].load(Ordering::Relaxed),
        }
    }

    fn sample_prior(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        thetas.fill_normal(streams, Purpose::Start, 0, draw);
        let prior = self.prior as f32;
        thetas.map_rows(|_, row| row.iter_mut().for_each(|x| *x *= prior));
    }

    fn log_prior(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
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

    fn log_likelihood(
        &self,
        thetas: &Population,
        segments: &[Segment],
        gradient: Option<&mut Population>,
    ) -> Vec<RowSums> {
        for segment in segments {
            let counter = usize::from(gradient.is_none() || segment.weight == 0.0);
            let rows = (thetas.len() * segment.rows.len()) as u64;
            self.counts[counter].fetch_add(rows, Ordering::Relaxed);
        }
        match gradient {
            Some(gradient) => {
                gradient.map_rows(|i, row| self.sums(thetas.row(i), segments, Some(row)))
            }
            None => exec::map(thetas.len(), |i| self.sums(thetas.row(i), segments, None)),
        }
    }

    fn row_log_likelihoods(&self, thetas: &Population) -> Vec<f64> {
        let rows = |i: usize| (0..self.rows()).map(move |r| self.row(thetas.row(i), r).0);
        (0..thetas.len()).flat_map(rows).collect()
    }

    fn arguments(&self, thetas: &Population, data: &Features) -> Result<Arguments> {
        if data.columns() != self.data.columns() {
            return Err(Error::shape(
                "data to predict with",
                format!("{} features", self.data.columns()),
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

/// A kernel that mixes perfectly: every move is an independent draw from the stage's posterior of a [`Regression`].
///
/// With it, whatever is wrong with an answer is the sampler's fault.
#[derive(Clone, Debug)]
pub struct Perfect(Arc<Regression>);

impl Perfect {
    /// The perfect kernel of this problem.
    pub fn of(problem: &Regression) -> Self {
        Self(Arc::new(problem.clone()))
    }
}

impl Kernel for Perfect {
    fn step(&self, _: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let exact = self.0.exact(target.stage);
        cloud
            .positions
            .fill_normal(at.streams, Purpose::Propose, at.stage, at.draw);
        cloud.positions.map_rows(|_, row| place(row, &exact));
        cloud.terms = target.value(&cloud.positions);
        cloud.gradient = None;
        Moved {
            acceptance: vec![1.0; cloud.terms.len()],
            ..Moved::default()
        }
    }
}

/// Lower L with A = L Lᵀ.
fn cholesky(a: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = a.len();
    let mut l = vec![vec![0.0; n]; n];
    for r in 0..n {
        for c in 0..=r {
            let dot: f64 = (0..c).map(|k| l[r][k] * l[c][k]).sum();
            l[r][c] = if r == c {
                (a[r][r] - dot).sqrt()
            } else {
                (a[r][c] - dot) / l[c][c]
            };
        }
    }
    l
}

/// x with L x = b.
fn solve_lower(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for r in 0..x.len() {
        let dot: f64 = (0..r).map(|k| l[r][k] * x[k]).sum();
        x[r] = (x[r] - dot) / l[r][r];
    }
    x
}

/// x with Lᵀ x = b.
fn solve_upper(l: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for r in (0..x.len()).rev() {
        let dot: f64 = (r + 1..x.len()).map(|k| l[k][r] * x[k]).sum();
        x[r] = (x[r] - dot) / l[r][r];
    }
    x
}

/// Mean of independent values and its standard error.
fn mean_se(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Whether the mean of independent values is `truth` within `z` standard errors.
fn near(what: &str, values: &[f64], truth: f64, z: f64) -> Result<(), String> {
    let (mean, se) = mean_se(values);
    if (mean - truth).abs() <= z * se + 1e-12 * truth.abs() {
        Ok(())
    } else {
        Err(format!(
            "{what} is {mean:.5} with standard error {se:.5}; it should be {truth:.5}"
        ))
    }
}

/// Checks a resampling scheme: J ancestors, none without weight, and offspring counts that are unbiased within 4.5
/// standard errors over 20000 draws.
///
/// # Errors
/// What is wrong, in words.
pub fn check_resampler(scheme: &dyn Resample) -> Result<(), String> {
    const RUNS: usize = 20_000;
    let skewed: Vec<f64> = (0..7)
        .map(|i| 0.5f64.powi(i + 1) + f64::from(u8::from(i == 6)) * 0.5f64.powi(7))
        .collect();
    for weights in [
        vec![1.0],
        vec![0.05, 0.0, 0.41, 0.24, 0.3],
        skewed,
        vec![0.0, 0.0, 1.0],
        vec![0.25; 4],
    ] {
        let n = weights.len();
        let mut counts = vec![Vec::with_capacity(RUNS); n];
        for run in 0..RUNS {
            for counts in &mut counts {
                counts.push(0.0);
            }
            let mut stream = Streams::new(11).stream(Purpose::Resample, run, 0, 0);
            let ancestors = scheme.ancestors(&weights, &mut stream);
            if ancestors.len() != n {
                return Err(format!("{} ancestors for {n} particles", ancestors.len()));
            }
            for a in ancestors {
                if weights.get(a).is_none_or(|&w| w <= 0.0) {
                    return Err(format!(
                        "particle {a} has offspring; the weights are {weights:?}"
                    ));
                }
                *counts[a].last_mut().unwrap_or(&mut 0.0) += 1.0;
            }
        }
        for (i, (counts, weight)) in counts.iter().zip(&weights).enumerate() {
            let what = format!(
                "the mean number of offspring of particle {i} under the weights {weights:?}"
            );
            near(&what, counts, n as f64 * weight, 4.5)?;
        }
    }
    Ok(())
}

/// Checks a kernel, with settings that an adaptation has chosen, on a [`Regression`] at a stage half-way up a ramp.
///
/// Ten moves of 6000 exact draws must leave mean and second moments where they were: directly, or weighted by the
/// kernel's corrections, whose mean weight must then be 1; all within 4.5 standard errors. The cached terms and gradient
/// must be those of the new positions, bit for bit; the same streams must give the same move; and an invariant kernel
/// must find the target from the prior.
///
/// # Errors
/// What is wrong, in words.
pub fn check_kernel(kernel: &dyn Kernel, adaptation: &dyn Adaptation) -> Result<(), String> {
    const PARTICLES: usize = 6000;
    kernel.check().map_err(|e| e.to_string())?;
    adaptation.check(kernel).map_err(|e| e.to_string())?;
    let problem = Regression::simulated(12, 2, 0.8, 1.0, 5).map_err(|e| e.to_string())?;
    let stage = Stage::ramping(0..6, 6..12, 0.5);
    let target = Target::new(&problem, &stage);
    let exact = problem.exact(&stage);

    let start = problem.draws(&stage, PARTICLES, Streams::new(21));
    let mut cloud = Cloud::at(&target, start.clone());
    let tuning = tuned(kernel, adaptation, &target, &cloud);
    let mut log_weights = vec![0.0; PARTICLES];
    let mut corrected = false;
    for draw in 0..10 {
        let at = At {
            streams: Streams::new(22),
            stage: 1,
            draw,
        };
        let mut again = cloud.clone();
        let moved = kernel.step(&tuning, &target, &mut cloud, at);
        let repeated = kernel.step(&tuning, &target, &mut again, at);
        if again.positions != cloud.positions || repeated != moved {
            return Err("the same streams gave another move".to_owned());
        }
        caches(&target, &cloud)?;
        if !(0.0..=1.0 + 1e-9).contains(&moved.mean_acceptance()) {
            return Err(format!(
                "the mean acceptance is {}",
                moved.mean_acceptance()
            ));
        }
        if let Some(corrections) = &moved.corrections {
            corrected = true;
            for (w, c) in log_weights.iter_mut().zip(corrections) {
                *w += c;
            }
        }
    }
    if corrected == kernel.invariant() {
        return Err(format!(
            "the kernel says that its moves are {}, but returns {}",
            if corrected {
                "invariant"
            } else {
                "not invariant"
            },
            if corrected {
                "corrections"
            } else {
                "no corrections"
            },
        ));
    }
    if cloud.positions == start {
        return Err("no particle moved".to_owned());
    }
    let weights: Vec<f64> = log_weights.iter().map(|w| w.exp()).collect();
    if corrected {
        near("the mean of exp(correction)", &weights, 1.0, 4.5)?;
    }
    moments(
        "after ten moves of exact draws",
        &exact,
        &cloud.positions,
        &weights,
    )?;

    if !corrected {
        let mut positions = Population::zeros(PARTICLES, 2);
        problem.sample_prior(Streams::new(23), 0, &mut positions);
        let mut cloud = Cloud::at(&target, positions);
        for draw in 0..60 {
            let at = At {
                streams: Streams::new(24),
                stage: 1,
                draw,
            };
            kernel.step(&tuning, &target, &mut cloud, at);
        }
        moments(
            "after sixty moves from the prior",
            &exact,
            &cloud.positions,
            &vec![1.0; PARTICLES],
        )?;
    }
    Ok(())
}

/// Settings after three stages of learning from exact draws; they are not touched again.
fn tuned(
    kernel: &dyn Kernel,
    adaptation: &dyn Adaptation,
    target: &Target<'_>,
    cloud: &Cloud,
) -> Tuning {
    let (streams, weights) = (Streams::new(20), Weights::uniform(cloud.terms.len()));
    let mut tuning = kernel.start(cloud.positions.dim());
    tuning.refer_to(adapt::reference(target.problem, streams));
    adaptation.begin(&mut tuning);
    for stage in 1..=3 {
        let at = |draw| At {
            streams,
            stage,
            draw,
        };
        let mut cloud = cloud.clone();
        adaptation.enter(&mut tuning, target, &mut cloud, &weights);
        adaptation.try_out(kernel, &mut tuning, target, &cloud, &weights, at(1 << 20));
        for draw in 0..5 {
            let moved = kernel.step(&tuning, target, &mut cloud, at(draw));
            kernel.learn(&mut tuning, &moved, 1.0);
            adaptation.learn(kernel, &mut tuning, &moved, 1.0);
        }
    }
    tuning
}

fn caches(target: &Target<'_>, cloud: &Cloud) -> Result<(), String> {
    let mut gradient = Population::zeros(cloud.positions.len(), cloud.positions.dim());
    if target.gradient(&cloud.positions, &mut gradient) != cloud.terms {
        return Err("the cloud's terms are not those of its positions".to_owned());
    }
    if cloud.gradient.as_ref().is_some_and(|g| *g != gradient) {
        return Err("the cloud's gradient is not that of its positions".to_owned());
    }
    Ok(())
}

/// Weighted means and second moments against the exact ones; `weights` have mean 1 and are not normalised.
fn moments(
    when: &str,
    exact: &Exact,
    positions: &Population,
    weights: &[f64],
) -> Result<(), String> {
    for r in 0..exact.mean.len() {
        let of = |f: &dyn Fn(&[f32]) -> f64| -> Vec<f64> {
            weights
                .iter()
                .enumerate()
                .map(|(i, w)| w * f(positions.row(i)))
                .collect()
        };
        let centred = |row: &[f32], k: usize| f64::from(row[k]) - exact.mean[k];
        near(
            &format!("{when}, the mean error of coordinate {r}"),
            &of(&|x| centred(x, r)),
            0.0,
            4.5,
        )?;
        for c in 0..=r {
            let what = format!("{when}, the covariance of coordinates {r} and {c}");
            near(
                &what,
                &of(&|x| centred(x, r) * centred(x, c)),
                exact.covariance[r][c],
                4.5,
            )?;
        }
    }
    Ok(())
}

/// Checks an annealing policy on a [`Regression`] of 60 rows with a [`Perfect`] kernel.
///
/// Runs must enter the stages of its [plan](Annealing::plan), if it has one, or else the same stages for the same seed. It
/// must end at the posterior given all rows, and over 200 runs of 256 particles the mean of Ẑ/Z must be 1 and the
/// posterior mean the exact one, within 4.5 standard errors. An adaptive schedule's O(1/J) is below them here; with a plan
/// there is none, and the mean of Ẑ/Z must also be 1 over 2000 runs of 16 particles.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::testing::check_annealing;
///
/// check_annealing(&StepDataAnnealing::linear(8))?;
/// // It never settles.
/// check_annealing(&RandomMiniBatch::rows(20)).unwrap_err();
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// What is wrong, in words.
pub fn check_annealing<A: Annealing + Clone + 'static>(policy: &A) -> Result<(), String> {
    const RUNS: u64 = 200;
    let problem = Regression::simulated(60, 2, 1.0, 1.0, 7).map_err(|e| e.to_string())?;
    let exact = problem.posterior();
    let settings = smc()
        .particles(256)
        .annealing(policy.clone())
        .kernel(Perfect::of(&problem));
    check_plan(policy, &settings, &problem)?;
    let (mut ratios, mut errors) = (Vec::new(), vec![Vec::new(); exact.mean.len()]);
    for seed in 0..RUNS {
        let run = SmcRun::new(settings.clone(), &problem, Streams::new(seed));
        let draws = run.and_then(complete).map_err(|e| e.to_string())?;
        let Some(log_evidence) = draws.log_evidence else {
            return Err("the last stage is not the posterior given all rows".to_owned());
        };
        ratios.push((log_evidence - exact.log_evidence).exp());
        for (k, errors) in errors.iter_mut().enumerate() {
            let of = |(i, w): (usize, &f64)| w.exp() * f64::from(draws.positions.row(i)[k]);
            errors.push(draws.log_weights.iter().enumerate().map(of).sum::<f64>() - exact.mean[k]);
        }
    }
    near(
        "the mean of the estimated over the exact evidence",
        &ratios,
        1.0,
        4.5,
    )?;
    for (k, errors) in errors.iter().enumerate() {
        near(
            &format!("the mean error of coordinate {k}"),
            errors,
            0.0,
            4.5,
        )?;
    }
    Ok(())
}

/// The stages of runs against the plan; then the law that only planned stages obey.
fn check_plan<A: Annealing + Clone + 'static>(
    policy: &A,
    settings: &Smc,
    problem: &Regression,
) -> Result<(), String> {
    let plan = policy.plan(problem.rows()).map_err(|e| e.to_string())?;
    let entered = |seed| {
        let watched = Watched::new(policy.clone());
        let run = settings.clone().annealing(watched.clone());
        let run = SmcRun::new(run, problem, Streams::new(seed)).and_then(complete);
        run.map_err(|e| e.to_string())?;
        watched.seen()
    };
    let Some(plan) = plan else {
        if entered(1)? != entered(1)? {
            return Err("the same seed gave other stages".to_owned());
        }
        return Ok(());
    };
    for seed in 1..4 {
        let entered = entered(seed)?;
        if let Some(k) = (0..plan.len().max(entered.len())).find(|&k| plan.get(k) != entered.get(k))
        {
            return Err(format!(
                "stage {} is {:?} by the plan, but {:?} in a run",
                k + 1,
                plan.get(k),
                entered.get(k)
            ));
        }
    }
    let truth = problem.posterior().log_evidence;
    let ratio = |seed| {
        let run = SmcRun::new(settings.clone().particles(16), problem, Streams::new(seed));
        let draws = run.and_then(complete).map_err(|e| e.to_string())?;
        Ok(draws.log_evidence.map_or(1.0, |z| (z - truth).exp()))
    };
    let ratios = (0..2000).map(ratio).collect::<Result<Vec<_>, String>>()?;
    let what = "the mean of the estimated over the exact evidence, by 16 particles and a plan,";
    near(what, &ratios, 1.0, 4.5)
}

/// A policy that keeps what it was asked for.
#[derive(Clone, Debug)]
struct Watched<A> {
    policy: A,
    seen: Arc<Mutex<Vec<Stage>>>,
}

impl<A> Watched<A> {
    fn new(policy: A) -> Self {
        Self {
            policy,
            seen: Arc::default(),
        }
    }

    fn seen(&self) -> Result<Vec<Stage>, String> {
        let seen = self.seen.lock().map_err(|e| e.to_string())?;
        Ok(seen.clone())
    }
}

impl<A: Annealing> Annealing for Watched<A> {
    fn next(&self, ahead: &mut Lookahead<'_>) -> Result<Option<Stage>> {
        let next = self.policy.next(ahead)?;
        if let Ok(mut seen) = self.seen.lock() {
            seen.extend(next.clone());
        }
        Ok(next)
    }

    fn plan(&self, rows: usize) -> Result<Option<Vec<Stage>>> {
        self.policy.plan(rows)
    }
}

fn complete(mut run: SmcRun<'_>) -> Result<Draws> {
    while run.step()?.is_some() {}
    Ok(run.into_draws())
}

mod adaptation;
pub use adaptation::check_adaptation;

#[cfg(feature = "autodiff")]
mod reference;
#[cfg(feature = "autodiff")]
pub use reference::{Errors, Reference, RowReference, check_fused};
#[cfg(feature = "autodiff")]
pub use with_autodiff::check_model;

#[cfg(feature = "autodiff")]
mod with_autodiff {
    use super::{Dataset, Part, Population, Problem, RowSums, Segment, Streams, exec, near};
    use crate::engine::{self, Engine};
    use crate::model::Model;

    /// Checks a model, and with it its layers, priors and likelihood, at three draws from its prior.
    ///
    /// The gradient of the log-likelihood in f64 must be that of central differences, and that in f32 must be the same
    /// rounded; the gradient of the log-prior must be that of differences, and agree with the prior's own sampler; row
    /// log-likelihoods must add up to the sums, in the user's order of rows, and be what the predictive distribution
    /// says; and a particle's value and gradient must have the same bits alone, in a group and in another order.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check_model<M: Model>(model: M, data: &Dataset) -> Result<(), String> {
        let bound =
            engine::bind(model.clone(), data, Engine::autodiff(), 1).map_err(|e| e.to_string())?;
        let problem = &*bound.problem;
        let mut thetas = Population::zeros(3, problem.layout().dim());
        problem.sample_prior(Streams::new(31), 0, &mut thetas);
        likelihood_gradient(model, data, &thetas)?;
        prior_gradient(problem, &thetas)?;
        prior_sampler(problem)?;
        rows(problem, data, &thetas)?;
        bits(problem, &thetas)
    }

    fn all(problem: &dyn Problem) -> [Segment; 2] {
        let (n, middle) = (problem.rows(), problem.rows() / 2);
        [(0..middle, 1.0, Part::Full), (middle..n, 0.75, Part::Ramp)]
            .map(|(rows, weight, part)| Segment { rows, weight, part })
    }

    /// The coordinates to try: all, or some hundred of them.
    fn some(dim: usize) -> impl Iterator<Item = usize> {
        (0..dim).step_by(dim.div_ceil(100))
    }

    fn name(problem: &dyn Problem, i: usize) -> String {
        let block = problem
            .layout()
            .blocks()
            .iter()
            .find(|b| b.range.contains(&i));
        block.map_or_else(String::new, |b| {
            format!("`{}`[{}]", b.name, i - b.range.start)
        })
    }

    /// Whether two numbers agree; NaN agrees with nothing.
    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance
    }

    fn likelihood_gradient<M: Model>(
        model: M,
        data: &Dataset,
        thetas: &Population,
    ) -> Result<(), String> {
        let engine = engine::on_cpu(model, data, 1).map_err(|e| e.to_string())?;
        let (problem, dim): (&dyn Problem, usize) = (&engine, thetas.dim());
        let segments = all(problem);
        let total = |s: &RowSums| segments[0].weight * s.full + segments[1].weight * s.ramp;
        let mut narrow = Population::zeros(thetas.len(), dim);
        let sums = problem.log_likelihood(thetas, &segments, Some(&mut narrow));
        let without = problem.log_likelihood(thetas, &segments, None);
        for p in 0..thetas.len() {
            let theta: Vec<f64> = thetas.row(p).iter().map(|&x| f64::from(x)).collect();
            let mut wide = vec![0.0; dim];
            let exact = engine.evaluate::<f64>(dim, &theta, &segments, Some(&mut wide))[0];
            let size = exact.full.abs() + exact.ramp.abs();
            for (what, found) in [("with", &sums[p]), ("without", &without[p])] {
                let off = (found.full - exact.full).abs() + (found.ramp - exact.ramp).abs();
                if !close(off, 0.0, 1e-4 * (1.0 + size)) {
                    return Err(format!(
                        "the log-likelihood {what} a gradient is {found:?} in f32, {exact:?} in f64"
                    ));
                }
            }
            let largest = wide.iter().fold(1.0f64, |m, g| m.max(g.abs()));
            for (i, (&f32, &f64)) in narrow.row(p).iter().zip(&wide).enumerate() {
                if !close(f64::from(f32), f64, 1e-3 * largest) {
                    return Err(format!(
                        "the gradient by {} is {f32} in f32, {f64} in f64",
                        name(problem, i)
                    ));
                }
            }
            for i in some(dim) {
                let h = 1e-5 * (1.0 + theta[i].abs());
                let at = |x: f64| {
                    let mut theta = theta.clone();
                    theta[i] = x;
                    total(&engine.evaluate::<f64>(dim, &theta, &segments, None)[0])
                };
                let difference = (at(theta[i] + h) - at(theta[i] - h)) / (2.0 * h);
                if !close(
                    wide[i],
                    difference,
                    1e-6 * (1.0 + difference.abs()) + 1e-9 * size,
                ) {
                    return Err(format!(
                        "the gradient of the log-likelihood by {} is {}, but differences give {difference}",
                        name(problem, i),
                        wide[i]
                    ));
                }
            }
        }
        Ok(())
    }

    fn prior_gradient(problem: &dyn Problem, thetas: &Population) -> Result<(), String> {
        // A step and points that f32 holds exactly.
        const H: f32 = 1.0 / 128.0;
        let mut thetas = thetas.clone();
        thetas.map_rows(|_, row| row.iter_mut().for_each(|x| *x = (*x / H).round() * H));
        let mut gradient = Population::zeros(thetas.len(), thetas.dim());
        let values = problem.log_prior(&thetas, Some(&mut gradient));
        if values != problem.log_prior(&thetas, None) {
            return Err("the log-prior depends on whether its gradient is taken".to_owned());
        }
        let at = |i: usize, step: f32| {
            let mut moved = thetas.clone();
            moved.map_rows(|_, row| row[i] += step);
            problem.log_prior(&moved, None)
        };
        for i in some(thetas.dim()) {
            let [far_up, up, down, far_down] = [2.0, 1.0, -1.0, -2.0].map(|k| at(i, k * H));
            for p in 0..thetas.len() {
                // Fourth order: the error is of the order of h⁴, and of 1e-7/h from the f32 inside a positive block.
                let difference =
                    (8.0 * (up[p] - down[p]) - (far_up[p] - far_down[p])) / (12.0 * f64::from(H));
                let found = f64::from(gradient.row(p)[i]);
                if !close(found, difference, 1e-3 * (1.0 + difference.abs())) {
                    return Err(format!(
                        "the gradient of the log-prior by {} is {found}, but differences give {difference}",
                        name(problem, i)
                    ));
                }
            }
        }
        Ok(())
    }

    /// E\[u · ∂ log p/∂u\] = −1 for every coordinate u of a density that vanishes at infinity.
    fn prior_sampler(problem: &dyn Problem) -> Result<(), String> {
        const DRAWS: usize = 4000;
        let dim = problem.layout().dim();
        let mut draws = Population::zeros(DRAWS, dim);
        problem.sample_prior(Streams::new(32), 0, &mut draws);
        let mut gradient = Population::zeros(DRAWS, dim);
        problem.log_prior(&draws, Some(&mut gradient));
        for i in some(dim) {
            let products: Vec<f64> = (0..DRAWS)
                .map(|k| f64::from(draws.row(k)[i]) * f64::from(gradient.row(k)[i]))
                .collect();
            let what = format!(
                "the mean of u times the slope of the log-prior, u drawn from the prior of {},",
                name(problem, i)
            );
            near(&what, &products, -1.0, 5.0)?;
        }
        Ok(())
    }

    fn rows(problem: &dyn Problem, data: &Dataset, thetas: &Population) -> Result<(), String> {
        let n = problem.rows();
        let values = problem.row_log_likelihoods(thetas);
        let sums = problem.log_likelihood(thetas, &all(problem), None);
        let arguments = problem
            .arguments(thetas, data.inputs())
            .map_err(|e| e.to_string())?;
        for (p, sums) in sums.iter().enumerate() {
            let mine = &values[p * n..(p + 1) * n];
            let size: f64 = mine.iter().map(|v| v.abs()).sum();
            // Tiles cut at other rows may round otherwise, in f32.
            let total: f64 = mine.iter().sum();
            if !close(total, sums.full + sums.ramp, 1e-5 * (1.0 + size)) {
                return Err(format!(
                    "row log-likelihoods add up to {total}, the sums are {sums:?}"
                ));
            }
            for (bound, &row) in problem.order().iter().enumerate() {
                let predicted = problem
                    .predictive()
                    .log_density(arguments.at(p, row), f64::from(data.target(row)));
                let weight = data.weights().map_or(1.0, |w| f64::from(w[row]));
                let predicted = weight * predicted;
                if !close(mine[row], predicted, 1e-3 * (1.0 + predicted.abs())) {
                    return Err(format!(
                        "row {row} (bound row {bound}) has log-likelihood {}, but its predictive density is {predicted}",
                        mine[row]
                    ));
                }
            }
        }
        Ok(())
    }

    fn bits(problem: &dyn Problem, thetas: &Population) -> Result<(), String> {
        let segments = all(problem);
        let evaluate = |thetas: &Population| {
            let mut gradient = Population::zeros(thetas.len(), thetas.dim());
            let mut value = problem.log_prior(thetas, Some(&mut gradient));
            for sums in problem.log_likelihood(thetas, &segments, Some(&mut gradient)) {
                value.extend([sums.full, sums.ramp]);
            }
            (0..thetas.len())
                .map(|p| {
                    let of = [
                        value[p],
                        value[thetas.len() + 2 * p],
                        value[thetas.len() + 2 * p + 1],
                    ];
                    (
                        of.map(f64::to_bits),
                        gradient
                            .row(p)
                            .iter()
                            .map(|g| g.to_bits())
                            .collect::<Vec<_>>(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let group = evaluate(thetas);
        let order = [2, 0, 1];
        let shuffled = exec::with_threads(Some(3), || evaluate(&thetas.gather(&order)))
            .map_err(|e| e.to_string())?;
        for (at, &p) in order.iter().enumerate() {
            if shuffled[at] != group[p] {
                return Err(format!("particle {p} has other bits in another order"));
            }
            if evaluate(&thetas.gather(&[p]))[0] != group[p] {
                return Err(format!("particle {p} has other bits alone than in a group"));
            }
        }
        Ok(())
    }
}
