//! Likelihoods on slices: row log-likelihoods of a tile and their derivatives.

use super::simd;
use crate::dist::Term;

/// A likelihood that the fused engine knows, by its terms.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FusedHead {
    /// Normal with mean and standard deviation.
    Normal {
        /// The mean.
        mean: Term,
        /// The standard deviation.
        sd: Term,
    },
    /// Categorical; the logits are the network's outputs.
    Categorical,
}

/// A term with its fields resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Output(usize),
    Feature(usize),
    Constant(f32),
    /// Number of the block.
    Parameter(usize),
    Exp(Box<Source>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Head {
    Normal { mean: Source, sd: Source },
    Categorical,
}

impl Head {
    /// `parameter(field)` is the block of a field that is a parameter, `None` for the network's output.
    pub(super) fn resolve(
        head: FusedHead,
        parameter: &impl Fn(usize) -> Option<usize>,
    ) -> Option<Self> {
        Some(match head {
            FusedHead::Normal { mean, sd } => Self::Normal {
                mean: source(&mean, parameter)?,
                sd: source(&sd, parameter)?,
            },
            FusedHead::Categorical => Self::Categorical,
        })
    }
}

fn source(term: &Term, parameter: &impl Fn(usize) -> Option<usize>) -> Option<Source> {
    Some(match term {
        Term::Unset => return None,
        Term::Field(f) => parameter(*f).map_or(Source::Output(0), Source::Parameter),
        Term::Column(_, c) => Source::Output(*c),
        Term::Feature(c) => Source::Feature(*c),
        Term::Constant(c) => Source::Constant(*c as f32),
        Term::Exp(inner) => Source::Exp(Box::new(source(inner, parameter)?)),
    })
}

/// What a head reads at a tile.
pub(super) struct At<'a> {
    pub(super) rows: usize,
    pub(super) padded: usize,
    /// outputs × padded.
    pub(super) output: &'a [f32],
    /// features × stride.
    pub(super) features: &'a [f32],
    pub(super) stride: usize,
    pub(super) targets: &'a [f32],
    /// Constrained value of every block that is a scalar.
    pub(super) scalars: &'a [f32],
}

/// Where a head writes derivatives, each times `weight`.
pub(super) struct Back<'a> {
    pub(super) weight: f32,
    /// outputs × padded; zero before, and zero behind the last row after.
    pub(super) output: &'a mut [f32],
    /// By block, with respect to the constrained value.
    pub(super) scalars: &'a mut [f32],
}

const HALF_LN_TAU: f32 = 0.918_938_5;

impl Head {
    /// Numbers per row that scratch must offer, in units of `padded`.
    pub(super) const SCRATCH: usize = 4;

    /// log p(y | ..) of every row into `out`, and the derivatives if asked for. NaN comes out as −∞.
    pub(super) fn evaluate(
        &self,
        at: &At<'_>,
        out: &mut [f32],
        scratch: &mut [f32],
        back: Option<Back<'_>>,
    ) {
        match self {
            Self::Normal { mean, sd } => normal(mean, sd, at, out, scratch, back),
            Self::Categorical => categorical(at, out, scratch, back),
        }
        for l in &mut out[..at.rows] {
            if l.is_nan() {
                *l = f32::NEG_INFINITY;
            }
        }
    }

    /// Numbers per row that [`Head::arguments`] writes.
    pub(super) fn width(&self, outputs: usize) -> usize {
        match self {
            Self::Normal { .. } => 2,
            Self::Categorical => outputs,
        }
    }

    /// The arguments of the likelihood at every row: rows × width.
    pub(super) fn arguments(
        &self,
        at: &At<'_>,
        scratch: &mut [f32],
        mut put: impl FnMut(usize, usize, f32),
    ) {
        match self {
            Self::Normal { mean, sd } => {
                for (slot, source) in [mean, sd].into_iter().enumerate() {
                    fill(source, at, &mut scratch[..at.padded]);
                    for (row, &x) in scratch[..at.rows].iter().enumerate() {
                        put(row, slot, x);
                    }
                }
            }
            Self::Categorical => {
                for (k, column) in at.output.chunks(at.padded).enumerate() {
                    for (row, &x) in column[..at.rows].iter().enumerate() {
                        put(row, k, x);
                    }
                }
            }
        }
    }
}

fn fill(source: &Source, at: &At<'_>, out: &mut [f32]) {
    match source {
        Source::Output(c) => out.copy_from_slice(&at.output[c * at.padded..][..at.padded]),
        Source::Feature(c) => out.copy_from_slice(&at.features[c * at.stride..][..at.padded]),
        Source::Constant(c) => out.fill(*c),
        Source::Parameter(block) => out.fill(at.scalars[*block]),
        Source::Exp(inner) => {
            fill(inner, at, out);
            simd::exp(out);
        }
    }
}

/// Routes ∂/∂source (one number per row) to outputs and parameters. `d` may be overwritten.
fn scatter(source: &Source, at: &At<'_>, d: &mut [f32], back: &mut Back<'_>) {
    match source {
        Source::Output(c) => {
            let into = &mut back.output[c * at.padded..][..at.rows];
            simd::add_into(into, &d[..at.rows]);
        }
        Source::Parameter(block) => back.scalars[*block] += simd::sum(&d[..at.rows]),
        Source::Feature(_) | Source::Constant(_) => {}
        Source::Exp(inner) => {
            let mut value = vec![0.0; at.padded];
            fill(source, at, &mut value);
            simd::scale_by(&mut d[..at.rows], 1.0, &value[..at.rows]);
            scatter(inner, at, d, back);
        }
    }
}

fn normal(
    mean: &Source,
    sd: &Source,
    at: &At<'_>,
    out: &mut [f32],
    scratch: &mut [f32],
    back: Option<Back<'_>>,
) {
    let (mu, rest) = scratch.split_at_mut(at.padded);
    let (log_sd, rest) = rest.split_at_mut(at.padded);
    let (inverse, spare) = rest.split_at_mut(at.padded);
    fill(mean, at, mu);
    scales(sd, at, log_sd, inverse);
    residuals(at.rows, at.targets, mu, inverse, log_sd, out);
    let Some(mut back) = back else { return };
    // mu now holds the standardised residuals.
    let z = mu;
    if *sd != Source::Constant(0.0) && !matches!(sd, Source::Constant(_) | Source::Feature(_)) {
        let by_sd = &mut spare[..at.padded];
        for i in 0..at.rows {
            by_sd[i] = sane(back.weight * (z[i] * z[i] - 1.0));
        }
        match sd {
            // ∂/∂ log sd is what the inner term gets.
            Source::Exp(inner) => scatter(inner, at, by_sd, &mut back),
            _ => {
                simd::scale_by(&mut by_sd[..at.rows], 1.0, &inverse[..at.rows]);
                scatter(sd, at, by_sd, &mut back);
            }
        }
    }
    for i in 0..at.rows {
        z[i] = sane(back.weight * z[i] * inverse[i]);
    }
    scatter(mean, at, z, &mut back);
}

/// A derivative at a row that has no density is of no use to anyone.
fn sane(d: f32) -> f32 {
    if d.is_finite() { d } else { 0.0 }
}

/// log sd and 1/sd; from the logarithm where the term has one, so that neither overflow nor underflow makes a NaN.
fn scales(sd: &Source, at: &At<'_>, log_sd: &mut [f32], inverse: &mut [f32]) {
    match sd {
        Source::Exp(inner) => {
            fill(inner, at, log_sd);
            for (i, &l) in inverse.iter_mut().zip(&*log_sd) {
                *i = -l;
            }
            simd::exp(inverse);
        }
        Source::Constant(_) | Source::Parameter(_) => {
            fill(sd, at, inverse);
            let value = inverse[0];
            log_sd.fill(value.ln());
            inverse.fill(value.recip());
        }
        _ => {
            fill(sd, at, inverse);
            for (l, i) in log_sd.iter_mut().zip(inverse) {
                *l = i.ln();
                *i = i.recip();
            }
        }
    }
}

fn residuals(
    rows: usize,
    y: &[f32],
    mu: &mut [f32],
    inverse: &[f32],
    log_sd: &[f32],
    out: &mut [f32],
) {
    for i in 0..rows {
        let z = (y[i] - mu[i]) * inverse[i];
        mu[i] = z;
        out[i] = -0.5 * z * z - log_sd[i] - HALF_LN_TAU;
    }
}

fn categorical(at: &At<'_>, out: &mut [f32], scratch: &mut [f32], back: Option<Back<'_>>) {
    let (n, padded) = (at.rows, at.padded);
    let (max, rest) = scratch.split_at_mut(padded);
    let (total, rest) = rest.split_at_mut(padded);
    let shifted = &mut rest[..padded];
    max.copy_from_slice(&at.output[..padded]);
    for logits in at.output.chunks(padded).skip(1) {
        simd::max_into(max, logits);
    }
    total.fill(0.0);
    let mut back = back;
    for (k, logits) in at.output.chunks(padded).enumerate() {
        simd::subtract(shifted, logits, max);
        for i in 0..n {
            if at.targets[i] as usize == k {
                out[i] = shifted[i];
            }
        }
        simd::exp(shifted);
        simd::add_into(total, shifted);
        if let Some(back) = &mut back {
            back.output[k * padded..][..padded].copy_from_slice(shifted);
        }
    }
    for i in 0..n {
        out[i] -= total[i].ln();
    }
    let Some(back) = back else { return };
    for i in 0..n {
        total[i] = if out[i].is_finite() {
            back.weight / total[i]
        } else {
            0.0
        };
    }
    total[n..].fill(0.0);
    for (k, d) in back.output.chunks_mut(padded).enumerate() {
        simd::scale_by(d, -1.0, total);
        for i in 0..n {
            if at.targets[i] as usize == k && total[i] != 0.0 {
                d[i] += back.weight;
            }
        }
        for d in &mut d[..n] {
            *d = sane(*d);
        }
        d[n..].fill(0.0);
    }
}
