//! A stack of Bayesian linear regressions while it is fitted: a matrix-normal density for the weights of every layer, whose precision
//! follows from Kronecker factors and the prior.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::factors::Factors;
use super::shake::{Shake, Shaken};
use super::strength::learned;
use super::turned::At;
use super::{KroneckerNormal, check};
use crate::base::error::{Error, Result};
use crate::base::rng::{Purpose, Streams};
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::problem::{Layer, Layered, Predictor, Problem, Segment, Sums};

/// Largest sides that get their eigenvectors at every renewal, and not a step of iteration.
const EXACTLY: usize = 128;

/// How far a scale of the prior moves, relative to what it was, before the features' eigenvectors are computed again.
const MOVED: f32 = 0.02;

/// What layers use up of the rows at the most, where that tells of other parameters.
const USED: f32 = 0.9;

/// The numbers of a fit layer by layer.
///
/// The weights W of a layer, with the bias as a last column, are L C Rᵀ D: D the standard deviations of their prior, L and R eigenvectors
/// of the factors H and D A D. There the prior has variance 1 and the likelihood about the precision N h a, so that the
/// posterior's is N h a + 1 for every coordinate, exactly so for a single layer with a normal likelihood. All other parameters are
/// independent normals, which follow slopes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Layerwise {
    /// Rows of the data N.
    rows: usize,
    /// Means, in the model's coordinates.
    mean: Vec<f32>,
    /// Precisions at temperature 1, in those of the basis.
    precision: Vec<f32>,
    basis: Basis,
    factors: Factors,
    /// The features' factor along its eigenvectors, where it is known from the beginning.
    features: Option<Vec<f32>>,
    /// Whether the basis is one.
    begun: bool,
    /// What the noise of the training pass is made of, since the last renewal.
    #[serde(skip)]
    shaken: Option<Arc<Vec<Shaken>>>,
    /// Parameters that are no layer's, with the least precision per row and the running mean of slopes of each.
    others: Vec<Other>,
}

/// A parameter that is no layer's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Other {
    at: usize,
    least: f32,
    momentum: f32,
    /// ∂ log F by it, F the information of an output, where it is known.
    tells: f32,
}

impl Layerwise {
    /// Around `mean`, one vector; with `factors` of `layered`. Parameters that are no layer's have the standard deviation `sd`, and
    /// `widest` at the most.
    ///
    /// # Errors
    /// If a layer has no factor, being too large.
    pub fn new(
        layered: &dyn Layered,
        rows: usize,
        mean: &Population,
        sd: &[f32],
        widest: &[(Range<usize>, f32)],
        factors: Factors,
    ) -> Result<Self> {
        check("sd", sd, mean.dim(), true)?;
        if let Some(layer) = layered.layers().get(factors.first_lacking()) {
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            return Err(Error::lacks(
                "layerwise inference",
                format!(
                    "`{}` is {inputs} × {outputs}, and Kronecker factors go to 1024 units",
                    layer.name
                ),
            ));
        }
        let mut others: Vec<Other> = Vec::new();
        for (range, widest) in widest {
            let of_a_layer =
                |l: &Layer| contains(&l.weight, range) || l.bias.iter().any(|b| contains(b, range));
            if !layered.layers().iter().any(of_a_layer) {
                others.extend(range.clone().map(|at| Other {
                    at,
                    least: 1.0 / (rows as f32 * widest * widest),
                    momentum: 0.0,
                    tells: 0.0,
                }));
            }
        }
        let mut precision = vec![1.0; mean.dim()];
        for other in &others {
            precision[other.at] = sd[other.at].powi(-2);
        }
        Ok(Self {
            rows,
            mean: mean.row(0).to_vec(),
            precision,
            basis: Basis::of(layered.layers()),
            factors,
            features: None,
            begun: false,
            shaken: None,
            others,
        })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Whether there are parameters that are no layer's.
    pub fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// The means, with a draw of what is no layer's, one vector; and the noise of that draw.
    pub fn draw(&self, streams: Streams, number: usize) -> (Population, Vec<f32>) {
        let mut theta = Population::zeros(1, self.dim());
        let values = theta.on_host().row_mut(0);
        values.copy_from_slice(&self.mean);
        let mut stream = streams.stream(Purpose::Propose, number, 0, 0);
        let noise = stream.normals(self.others.len());
        for (other, e) in self.others.iter().zip(&noise) {
            values[other.at] += e / self.precision[other.at].sqrt();
        }
        (theta, noise)
    }

    /// Adds a draw of the layers' weights at a temperature to a vector.
    pub fn shift(&self, theta: &mut Population, heat: f32, streams: Streams, number: usize) {
        let mut noise = Population::zeros(1, self.dim()).numbered_from(1);
        noise.fill_normal(streams, Purpose::Propose, number, 0);
        let noise = noise.on_host().row_mut(0);
        for (e, p) in noise.iter_mut().zip(&self.precision) {
            *e *= (heat / p).sqrt();
        }
        for other in &self.others {
            noise[other.at] = 0.0;
        }
        self.basis.leave(noise);
        let own = theta.on_host().row_mut(0);
        for (x, e) in own.iter_mut().zip(noise) {
            *x += *e;
        }
    }

    /// The share of the rows that the layers' parameters use up: Σ N h a/(N h a + 1)/N.
    pub fn used(&self) -> f32 {
        let own = self.precision.iter().map(|p| f64::from((p - 1.0) / p));
        let others = self.others.iter().map(|o| self.precision[o.at]);
        let of_others: f64 = others.map(|p| f64::from((p - 1.0) / p)).sum();
        ((own.sum::<f64>() - of_others) / self.rows as f64) as f32
    }

    /// The log-likelihood of a mini-batch at `theta` with noise at the outputs of every layer, that of weights at a temperature; its
    /// gradient is added, and the factors updated.
    #[allow(clippy::too_many_arguments)]
    pub fn walk(
        &mut self,
        layered: &dyn Layered,
        theta: &Population,
        segments: &[Segment],
        heat: f32,
        streams: Streams,
        number: usize,
        gradient: &mut Population,
    ) -> Sums {
        let shake = (self.begun && heat > 0.0).then(|| Shake {
            layers: self.shaken(layered),
            heat,
            streams,
            number,
        });
        let shake = shake.as_ref();
        self.factors
            .update_shaken(layered, theta, segments, gradient, shake)
    }

    fn shaken(&mut self, layered: &dyn Layered) -> Arc<Vec<Shaken>> {
        if let Some(known) = &self.shaken {
            return known.clone();
        }
        let mut all = Vec::new();
        for (number, layer) in layered.layers().iter().enumerate() {
            let precision = self.basis.matrix(number, &self.precision);
            let sides = self.basis.premultiplied(number);
            let scale = self.basis.scale(number).clone().unwrap_or_default();
            all.push(Shaken::new(sides, &scale, &precision, layer.outputs));
        }
        let all = Arc::new(all);
        self.shaken = Some(all.clone());
        all
    }

    /// Moves the means of all layers by the share `rate` of a natural-gradient step, or by less, so that the square of the step's size in the
    /// likelihood's information per row, Σ tr(Δᵀ H Δ A), is `trust` at the most. `gradient` is that of the log-density, and is used up.
    pub fn step(&mut self, gradient: &mut Population, rate: f32, trust: f32) {
        let step = gradient.on_host().row_mut(0);
        for other in &self.others {
            step[other.at] = 0.0;
        }
        self.basis.enter_gradient(step);
        let mut square = 0.0;
        for (d, p) in step.iter_mut().zip(&self.precision) {
            *d /= p;
            square += f64::from((p - 1.0) * *d * *d);
        }
        let square = f64::from(rate * rate) * square / self.rows as f64;
        let shorter = (f64::from(trust) / square.max(1e-30)).sqrt().min(1.0) as f32;
        self.basis.leave(step);
        for (m, d) in self.mean.iter_mut().zip(step) {
            *m += rate * shorter * *d;
        }
    }

    /// `f` on every parameter that is no layer's: the new mean, precision and running mean, from the gradient of the log-density at the draw that
    /// `noise` made, with weights drawn at temperature `heat`. Colder weights leave less beside their outputs than there is: what is left out of
    /// the mean of squares is added, the slope of −½ log det(N H ⊗ A + 1) by the parameter.
    pub fn follow(
        &mut self,
        gradient: &Population,
        noise: &[f32],
        heat: f32,
        f: impl Fn(At) -> (f32, f32, f32),
    ) {
        let (rows, gradient) = (self.rows as f32, gradient.row(0));
        let left_out = 0.5 * (1.0 - heat) * self.used().min(USED);
        for (other, e) in self.others.iter_mut().zip(noise) {
            let (mean, precision, momentum) = f(At {
                mean: self.mean[other.at],
                precision: self.precision[other.at] / rows,
                least: other.least,
                momentum: other.momentum,
                noise: *e,
                slope: -gradient[other.at] / rows + left_out * other.tells,
            });
            (self.mean[other.at], other.momentum) = (mean, momentum);
            self.precision[other.at] = precision * rows;
        }
    }

    /// Whether layers have priors that are normal and the same for all units.
    ///
    /// # Errors
    /// If not, naming the field.
    pub fn suits(&self, layered: &dyn Layered, model: &dyn Predictor) -> Result<()> {
        self.scales(layered, model.prior()).map(|_| ())
    }

    /// Computes bases and precisions again from factors and prior.
    ///
    /// # Errors
    /// If the prior of a layer's weights is not normal, or not the same for all units.
    pub fn renew(&mut self, layered: &dyn Layered, model: &dyn Predictor) -> Result<()> {
        if !self.begun || self.has_others() {
            let scales = self.scales(layered, model.prior())?;
            for (number, scale) in scales.into_iter().enumerate() {
                let own = self.basis.scale(number);
                let moved = own.as_ref().is_none_or(|before| {
                    let off = before.iter().zip(&scale).map(|(b, s)| (s / b - 1.0).abs());
                    off.fold(0.0, f32::max) > MOVED
                });
                if moved {
                    *own = Some(scale);
                    if number == 0 {
                        self.factors.of_features(&mut self.basis);
                        self.features = None;
                    }
                }
            }
        }
        if self.factors.are_by_output() {
            self.tell(layered, model);
        }
        self.factors.renew(&mut self.basis, EXACTLY);
        for number in 0..layered.layers().len() {
            let along = |side, basis: &mut Basis| self.factors.along(number, side, basis);
            let known = self.features.clone().filter(|_| number == 0);
            let a = known.or_else(|| along(0, &mut self.basis));
            let h = along(1, &mut self.basis);
            if number == 0 && self.factors.know_features() {
                self.features.clone_from(&a);
            }
            let (Some(a), Some(h)) = (a, h) else {
                continue;
            };
            let rows = self.rows as f32;
            let of = |h: &f32| {
                a.iter()
                    .map(move |a| rows * h * a + 1.0)
                    .collect::<Vec<_>>()
            };
            let precision: Vec<f32> = h.iter().flat_map(of).collect();
            if precision.iter().all(|p| p.is_finite()) {
                self.basis.put(number, &precision, &mut self.precision);
            }
        }
        (self.begun, self.shaken) = (true, None);
        Ok(())
    }

    /// The information of an output, where it is known.
    fn tell(&mut self, layered: &dyn Layered, model: &dyn Predictor) {
        self.others.iter_mut().for_each(|other| other.tells = 0.0);
        let others: Vec<usize> = self.others.iter().map(|other| other.at).collect();
        let layers = layered.layers();
        if let Some(told) = self.factors.ask(model, layers, &self.mean, &others) {
            for (other, tells) in self.others.iter_mut().zip(told.slopes) {
                other.tells = tells;
            }
        }
    }

    /// The precisions of the prior, in the model's coordinates, and those of what is no layer's.
    pub fn of_prior(&mut self) -> Vec<f32> {
        let mut precision = self.precision.clone();
        for number in 0..self.basis.len() {
            let scale = self.basis.scale(number).clone().unwrap_or_default();
            let one: Vec<f32> = scale.iter().map(|d| 1.0 / (d * d)).collect();
            let outputs = self.basis.matrix(number, &precision).len() / one.len().max(1);
            self.basis.put(number, &one.repeat(outputs), &mut precision);
        }
        precision
    }

    /// The precision of every parameter that is no layer's by differences of the gradient over all rows, and its prior's where that is
    /// more.
    pub fn bend(&mut self, problem: &dyn Problem) {
        const H: f32 = 0.01;
        let all = RowSet::from(0..self.rows).segments(1.0);
        for k in 0..self.others.len() {
            let at = self.others[k].at;
            let slope = |h: f32| {
                let mut theta = Population::zeros(1, self.dim());
                let values = theta.on_host().row_mut(0);
                values.copy_from_slice(&self.mean);
                values[at] += h;
                let mut gradient = theta.zeros_like();
                problem.prior().log_density(&theta, Some(&mut gradient));
                problem.log_likelihood(&theta, &all, Some(&mut gradient));
                gradient.row(0)[at]
            };
            let bend = (slope(-H) - slope(H)) / (2.0 * H);
            let least = self.others[k].least * self.rows as f32;
            self.precision[at] = if bend > least { bend } else { least };
        }
    }

    /// Multiplies the prior's precision of every layer with the number by which the evidence around the means is largest
    /// ([`strength`](super::strength())), layer by layer; also what that adds to the prior's log-density there.
    pub fn learn_prior(&mut self) -> (Vec<f64>, f64) {
        let mut mean = self.mean.clone();
        self.basis.enter(&mut mean);
        let (mut all, mut adds) = (Vec::new(), 0.0);
        for number in 0..self.basis.len() {
            let own = self.basis.matrix(number, &mean);
            let precision = self.basis.matrix(number, &self.precision);
            let curvature: Vec<f32> = precision.iter().map(|p| p - 1.0).collect();
            let squares: f64 = own.iter().map(|m| f64::from(*m).powi(2)).sum();
            let (c, added) = learned(&curvature, squares);
            let precision: Vec<f32> = curvature.iter().map(|l| l + c as f32).collect();
            self.basis.put(number, &precision, &mut self.precision);
            adds += added;
            all.push(c);
        }
        (all, adds)
    }

    /// The prior's standard deviations of every layer, by input, from its slopes at weights of 0, 1 and 2.
    fn scales(&self, layered: &dyn Layered, prior: &dyn Density) -> Result<Vec<Vec<f32>>> {
        let mut at = Population::zeros(3, self.dim());
        for k in 0..3 {
            let row = at.on_host().row_mut(k);
            row.fill(k as f32);
            for other in &self.others {
                row[other.at] = self.mean[other.at];
            }
        }
        let mut slopes = at.zeros_like();
        prior.log_density(&at, Some(&mut slopes));
        let mut scales = Vec::new();
        for (number, layer) in layered.layers().iter().enumerate() {
            let refused = |what: &str| {
                let why = format!("the prior of `{}` {what}", layer.name);
                Error::lacks("layerwise inference", why)
            };
            let columns = layer.inputs + usize::from(layer.bias.is_some());
            let [at_0, at_1, at_2] = [0, 1, 2].map(|k| self.basis.matrix(number, slopes.row(k)));
            let mut precision = Vec::with_capacity(at_0.len());
            for ((a, b), c) in at_0.iter().zip(&at_1).zip(&at_2) {
                let p = a - b;
                let straight = (a - c - 2.0 * p).abs() <= 1e-3 * (a.abs() + p.abs());
                if !(straight && p > 0.0 && p.is_finite()) {
                    return Err(refused("is not normal"));
                }
                precision.push(p);
            }
            let (first, rest) = precision.split_at(columns);
            for unit in rest.chunks(columns) {
                let differs = |(p, q): (&f32, &f32)| (p / q - 1.0).abs() > 1e-3;
                if unit.iter().zip(first).any(differs) {
                    return Err(refused("differs from unit to unit"));
                }
            }
            scales.push(first.iter().map(|p| 1.0 / p.sqrt()).collect());
        }
        Ok(scales)
    }

    /// The density, the layers' variances times a temperature.
    ///
    /// # Errors
    /// If a number is not finite.
    pub fn density(&self, heat: f32) -> Result<Arc<dyn Density>> {
        let mut mean = self.mean.clone();
        self.basis.enter(&mut mean);
        let mut sd: Vec<f32> = self.precision.iter().map(|p| (heat / p).sqrt()).collect();
        for other in &self.others {
            sd[other.at] = 1.0 / self.precision[other.at].sqrt();
        }
        Ok(Arc::new(KroneckerNormal::new(
            mean,
            sd,
            self.basis.clone(),
        )?))
    }
}

fn contains(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
